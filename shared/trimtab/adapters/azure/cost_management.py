"""Azure Cost Management: the days before the first export, asked month by month."""

import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import httpx

from trimtab.errors import BadInput, Upstream
from trimtab.records import Json
from trimtab.sources.billing_history import HistoryDay, azure_days, azure_next, azure_request, months

HOST = "management.azure.com"
VERSION = "2023-11-01"
PLACE = "Azure Cost Management"
MOST_PAGES = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class CostManagement:
    """A `CostHistory` of one scope (`/subscriptions/<id>`, a management group or a billing account)."""

    http: httpx.Client
    scope: str
    token: str
    name: str = PLACE
    url: str = f"https://{HOST}"

    def days(self, start: date, end: date) -> tuple[HistoryDay, ...]:
        """Daily amortized cost, `end` exclusive. Raises Upstream where Azure refuses, fails or throttles."""
        return tuple(day for first, last in months(start, end) for day in self._month(first, last))

    def _month(self, start: date, end: date) -> list[HistoryDay]:
        found: list[HistoryDay] = []
        url: str | None = f"{self.url}/{self.scope.strip('/')}/providers/Microsoft.CostManagement/query?api-version={VERSION}"
        for _ in range(MOST_PAGES):
            if url is None:
                return found
            answer = self._asked(url, azure_request(start, end))
            found += azure_days(answer)
            url = azure_next(answer)
        raise Upstream(f"{PLACE}: more than {MOST_PAGES} pages for {start:%Y-%m}; ask for a narrower scope")

    def _asked(self, url: str, body: Json) -> Json:
        response = self.http.post(url, json=body, headers={"Authorization": f"Bearer {self.token}"})
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            wait = response.headers.get("x-ms-ratelimit-microsoft.costmanagement-entity-retry-after", "some")
            raise Upstream(f"{PLACE}: too many requests; try again in {wait} seconds")
        if response.status_code != httpx.codes.OK:
            raise Upstream(f"{PLACE}: {self.scope}: HTTP {response.status_code}; the token needs Cost Management Reader there")
        return _object(response.text)


def _object(text: str) -> Json:
    """The answer with its numbers as decimals, so that no cost passes through a binary double."""
    try:
        value: Any = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    except ValueError:
        raise BadInput(f"{PLACE}: an answer that is not JSON") from None
    if not isinstance(value, dict):
        raise BadInput(f"{PLACE}: an answer that is no object")
    return value
