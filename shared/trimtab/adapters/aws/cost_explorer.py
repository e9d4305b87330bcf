"""AWS Cost Explorer: the days before the first export. Every request costs $0.01; a year of days is one or two."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from trimtab.errors import Upstream
from trimtab.sources.billing_history import HistoryDay, cost_explorer_days, cost_explorer_request

MOST_PAGES = 100
PLACE = "AWS Cost Explorer"


@dataclass(frozen=True, kw_only=True, slots=True)
class CostExplorer:
    """A `CostHistory` by a boto3 client `ce`; `client` makes it at the first question."""

    client: Callable[[], Any]
    name: str = PLACE

    def days(self, start: date, end: date) -> tuple[HistoryDay, ...]:
        """Daily amortized cost, `end` exclusive. Raises Upstream where AWS refuses or fails."""
        from botocore.exceptions import BotoCoreError, ClientError

        found: list[HistoryDay] = []
        page: str | None = None
        try:
            client = self.client()
            for _ in range(MOST_PAGES):
                answer = client.get_cost_and_usage(**cost_explorer_request(start, end, page))
                found += cost_explorer_days(answer)
                page = answer.get("NextPageToken")
                if not page:
                    return tuple(found)
        except (BotoCoreError, ClientError) as error:
            raise Upstream(f"{PLACE}: {str(error).splitlines()[0][:200]}; it needs ce:GetCostAndUsage") from None
        raise Upstream(f"{PLACE}: more than {MOST_PAGES} pages; ask for fewer days")


def cost_explorer() -> CostExplorer:
    """With the identity that boto3 finds; Cost Explorer answers in one region for all."""

    def client() -> Any:
        import boto3

        return boto3.client("ce", region_name="us-east-1")

    return CostExplorer(client=client)
