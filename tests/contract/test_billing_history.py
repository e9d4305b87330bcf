"""Days before the first export: what the billing APIs answer, asked over real HTTP, and what a forecast makes of them."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar
from urllib.request import Request, urlopen

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.aws_server import aws_server
from tests.outlook import cells, days, documents, store
from trimtab.adapters.aws.cost_explorer import CostExplorer
from trimtab.adapters.azure.cost_management import CostManagement
from trimtab.adapters.http import client
from trimtab.errors import BadInput, Broken, Upstream
from trimtab.flow.history import history_of, import_history
from trimtab.flow.learn import learn
from trimtab.flow.wake import Wake
from trimtab.sources.billing_history import HistoryDay, azure_days, cost_explorer_days, months

NOW = datetime(2026, 7, 21, 6, tzinfo=UTC)
TICK = Wake(key="inbox/clock/learn/2026-07-21T06:00Z")
MAY = date(2026, 5, 1)


class Told:
    """A billing API that says what it is told to."""

    name = "a billing API"

    def __init__(self, answer: tuple[HistoryDay, ...]) -> None:
        self.answer = answer

    def days(self, start: date, end: date) -> tuple[HistoryDay, ...]:
        return tuple(day for day in self.answer if start <= day.day < end)


def told(first: date, amounts: list[str], currency: str = "USD") -> Told:
    return Told(tuple(HistoryDay(day=day, currency=currency, amount=value) for day, value in days(first, amounts).items()))


# ── AWS, by boto3 against a server ───────────────────────────────────────────────────────────────────────────────────
@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    with aws_server() as url:
        yield url


def explorer(url: str) -> CostExplorer:
    return CostExplorer(
        client=lambda: boto3.client("ce", region_name="us-east-1", endpoint_url=url, aws_access_key_id="a", aws_secret_access_key="b")
    )


def queue(url: str, results: list[dict[str, Any]]) -> None:
    body = json.dumps({"results": results}).encode()
    with urlopen(Request(f"{url}/moto-api/static/ce/cost-and-usage-results", body, {"Content-Type": "application/json"})) as answer:
        assert answer.status == 201


def entry(day: str, amount: str, unit: str = "USD") -> dict[str, Any]:
    following = date.fromisoformat(day) + timedelta(days=1)
    return {
        "TimePeriod": {"Start": day, "End": f"{following}"},
        "Total": {"AmortizedCost": {"Amount": amount, "Unit": unit}},
        "Groups": [],
        "Estimated": False,
    }


def test_cost_explorer_gives_the_decimals_that_it_was_told(aws: str) -> None:
    queue(aws, [{"ResultsByTime": [entry("2026-05-01", "0.0101516483"), entry("2026-05-02", "-3")]}])

    found = explorer(aws).days(MAY, date(2026, 5, 3))

    assert [(day.day.day, day.currency, day.amount) for day in found] == [(1, "USD", Decimal("0.0101516483")), (2, "USD", Decimal(-3))]


def test_an_aws_that_does_not_answer_is_upstream() -> None:
    with pytest.raises(Upstream, match="AWS Cost Explorer"):
        explorer("http://127.0.0.1:9").days(MAY, date(2026, 5, 3))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({}, "without ResultsByTime"),
        ({"ResultsByTime": [{"TimePeriod": {"Start": "2026-05-01"}, "Total": {}}]}, "a day without AmortizedCost"),
        ({"ResultsByTime": [entry("2026-05-01", "NaN")]}, "no amount in a currency"),
        ({"ResultsByTime": [entry("2026-05-01", "1", "dollars")]}, "no amount in a currency"),
        ({"ResultsByTime": [entry("2026-05-01", "much")]}, "no day with an amount"),
    ],
)
def test_an_answer_that_is_no_history_names_what_is_wrong(answer: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        cost_explorer_days(answer)


# ── Azure, by HTTP against a server ──────────────────────────────────────────────────────────────────────────────────
class Azure(BaseHTTPRequestHandler):
    """Answers a query month by month, in two pages; the second is asked for by its link."""

    asked: ClassVar[list[tuple[str, str, Any]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.path, self.headers["Authorization"], body))
        status, answer = self._answer(body)
        text = json.dumps(answer).replace('"1.1234567890123"', "1.1234567890123").encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _answer(self, body: Any) -> tuple[int, Any]:
        if "throttled" in self.path:
            return 429, {}
        month = body["timePeriod"]["from"][:7].replace("-", "")
        columns = [{"name": name, "type": "?"} for name in ("Cost", "UsageDate", "Currency")]
        is_second = "skiptoken" in self.path
        rows = [["1.1234567890123", int(f"{month}0{2 if is_second else 1}"), "EUR"]]
        host = self.headers["Host"]
        link = None if is_second else f"http://{host}{self.path}&$skiptoken=next"
        return 200, {"properties": {"columns": columns, "rows": rows, "nextLink": link}}

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def azure() -> Iterator[str]:
    Azure.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Azure)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def management(url: str, scope: str = "/subscriptions/1") -> CostManagement:
    return CostManagement(http=client([], private=["127.0.0.1"]), scope=scope, token="secret", url=url)


def test_cost_management_is_asked_month_by_month_and_page_by_page(azure: str) -> None:
    found = management(azure).days(date(2026, 4, 20), date(2026, 6, 1))

    assert [f"{day.day}" for day in found] == ["2026-04-01", "2026-04-02", "2026-05-01", "2026-05-02"]
    assert {day.amount for day in found} == {Decimal("1.1234567890123")}
    path, authorization, body = Azure.asked[0]
    assert path.startswith("/subscriptions/1/providers/Microsoft.CostManagement/query?api-version=")
    assert authorization == "Bearer secret"
    assert body["timePeriod"] == {"from": "2026-04-20T00:00:00Z", "to": "2026-04-30T23:59:59Z"}


def test_a_throttled_azure_is_upstream(azure: str) -> None:
    with pytest.raises(Upstream, match="too many requests"):
        management(azure, "/throttled").days(MAY, date(2026, 6, 1))


def test_a_page_that_leads_to_another_host_is_not_followed() -> None:
    """The link comes from the answer: whoever answers must not send our token elsewhere."""
    with pytest.raises(BadInput, match="not a host that this part may call"):
        management("http://169.254.169.254").days(MAY, date(2026, 6, 1))


def test_an_azure_answer_with_other_columns_names_them() -> None:
    with pytest.raises(BadInput, match="got PreTaxCost"):
        azure_days({"properties": {"columns": [{"name": "PreTaxCost"}], "rows": []}})


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(1, 425))
def test_months_cover_every_day_once(start: date, length: int) -> None:
    parts = list(months(start, start + timedelta(days=length)))

    assert sum((end - first).days for first, end in parts) == length
    assert all((first.year, first.month) == ((end - timedelta(days=1)).year, (end - timedelta(days=1)).month) for first, end in parts)


# ── What becomes of them ─────────────────────────────────────────────────────────────────────────────────────────────
def test_a_first_forecast_exists_before_the_first_bill(tmp_path: Path) -> None:
    ports = store(tmp_path, [])
    for key in ports.documents.keys("summaries/"):
        assert key.startswith("summaries/all")

    import_history("aws", told(date(2026, 3, 1), ["100"] * 140), date(2026, 3, 1), NOW.date(), ports, NOW)
    learn(TICK, ports, NOW)

    (made,) = documents(ports)["forecasts/all"]["forecasts"]
    assert made["currency"] == "USD"
    assert abs(Decimal(made["total"]) - 3100) < 120


def test_a_bill_takes_the_place_of_the_history_of_its_month(tmp_path: Path) -> None:
    """July is billed at 10 a day; what the API said of July (1,000 a day) must not be added to it."""
    ports = store(tmp_path, cells("ml", days(date(2026, 7, 1), ["10"] * 20)))

    import_history("aws", told(date(2026, 3, 1), ["10"] * 122 + ["1000"] * 20), date(2026, 3, 1), NOW.date(), ports, NOW)
    learn(TICK, ports, NOW)

    made = documents(ports)["forecasts/all"]["forecasts"][0]
    assert abs(Decimal(made["total"]) - 310) < 15


def test_importing_twice_is_importing_once_and_the_newest_answer_holds(tmp_path: Path) -> None:
    ports = store(tmp_path, [])
    import_history("aws", told(MAY, ["1", "2", "3"]), MAY, date(2026, 5, 4), ports, NOW)
    once = history_of(ports)
    import_history("aws", told(MAY, ["1", "2", "3"]), MAY, date(2026, 5, 4), ports, NOW)

    assert history_of(ports) == once

    kept = import_history("aws", told(date(2026, 5, 3), ["4"]), date(2026, 5, 3), date(2026, 5, 4), ports, NOW)

    assert kept.totals == (("USD", Decimal(7)),)
    assert kept.days == 3


def test_a_day_that_is_told_again_in_another_currency_is_one_day(tmp_path: Path) -> None:
    """An account may change its currency; the day was paid once."""
    ports = store(tmp_path, [])
    import_history("aws", told(MAY, ["1", "2"]), MAY, date(2026, 5, 3), ports, NOW)

    kept = import_history("aws", told(MAY, ["3"], "EUR"), MAY, date(2026, 5, 2), ports, NOW)

    assert kept.totals == (("EUR", Decimal(3)), ("USD", Decimal(2)))


def test_history_under_a_name_that_no_bill_has_is_said_to_count_twice(tmp_path: Path) -> None:
    """A bill takes the place of the history of its own export alone: a renamed one would be in every forecast twice."""
    ports = store(tmp_path, cells("ml", days(date(2026, 7, 1), ["10"] * 20)))

    other = import_history("aws-old", told(MAY, ["1"]), MAY, date(2026, 5, 2), ports, NOW)
    own = import_history("aws", told(MAY, ["1"]), MAY, date(2026, 5, 2), ports, NOW)

    assert other.warning.startswith("no bill of export aws-old is allocated, only of aws: ")
    assert own.warning == ""


def test_nothing_billed_and_a_wrong_range_change_nothing(tmp_path: Path) -> None:
    ports = store(tmp_path, [])
    with pytest.raises(BadInput, match="no cost from"):
        import_history("aws", told(MAY, []), MAY, date(2026, 5, 4), ports, NOW)
    with pytest.raises(BadInput, match="at most 425"):
        import_history("aws", told(MAY, ["1"]), date(2020, 1, 1), date(2026, 5, 4), ports, NOW)

    assert history_of(ports) == {}


def test_a_broken_document_is_named(tmp_path: Path) -> None:
    ports = store(tmp_path, [])
    ports.documents.publish("history/aws", {"days": {"USD": {"yesterday": "1"}}})

    with pytest.raises(Broken, match="history/aws"):
        history_of(replace(ports))
