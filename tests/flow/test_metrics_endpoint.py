"""The metrics text on the local page, and the dashboard over it: a real Prometheus scrapes the one and answers the other's every query."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from pydantic import SecretStr

from tests.page_store import Visitor, opened, served
from tests.prometheus_servers import needs, prometheus
from trimtab.flow.metric_files import ALL, keep_metric_files, text_key
from trimtab.policy.access_rules import Audience
from trimtab.ports import Ports
from trimtab.render.openmetrics import CONTENT_TYPE, FAMILIES, Sample, openmetrics

TOKEN = "0123456789abcdef-scraper"
DASHBOARD = json.loads((Path(__file__).parents[2] / "infra" / "grafana" / "trimtab.json").read_text())
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


def with_token(ports: Ports, token: str | None) -> Ports:
    secret = SecretStr(token) if token is not None else None
    return replace(ports, settings=ports.settings.model_copy(update={"openmetrics_token": secret}))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    with opened(tmp_path_factory.mktemp("metrics") / "store") as ports:
        keep_metric_files(ports)
        ports.documents.publish_text(text_key("team-ml"), openmetrics([Sample(family="trimtab_unmeasured_changes", value=3)]))
        yield with_token(ports, TOKEN)


def scrape(ports: Ports, token: str = TOKEN, path: str = "/metrics", asker: Audience | None = None) -> tuple[int, str]:
    with served(ports, asker) if asker else served(ports) as port:
        got = Visitor(port).ask("GET", path, authorization=f"Bearer {token}")
        return got.status, got.body


# ── the endpoint ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_scraper_with_the_token_gets_the_text_that_verify_wrote(store: Ports) -> None:
    with served(store) as port:
        got = Visitor(port).ask("GET", "/metrics", authorization=f"Bearer {TOKEN}")

    assert (got.status, got.headers["content-type"]) == (200, CONTENT_TYPE)
    assert got.body == store.documents.find_text(text_key(ALL))
    assert 'team="web",period="2026-07",currency="USD"} 3500.10' in got.body


@pytest.mark.security(34)
@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"bearer {TOKEN}", TOKEN, "Basic eDp5", "Bearer \xff"])
def test_without_the_token_nobody_reads_an_amount(store: Ports, header: str) -> None:
    with served(store) as port:
        got = Visitor(port).ask("GET", "/metrics", **({"authorization": header} if header else {}))

    assert (got.status, got.body) == (401, "not verified\n")


@pytest.mark.security(34)
@pytest.mark.parametrize("token", [None, "", "short"])
def test_without_a_token_of_some_length_in_the_settings_there_is_no_such_path(store: Ports, token: str | None) -> None:
    """An empty secret would be one that everybody knows."""
    status, body = scrape(with_token(store, token), token or "")

    assert (status, "TRIMTAB_OPENMETRICS_TOKEN" in body) == (404, True)


@pytest.mark.security(34)
def test_the_token_does_not_open_another_name(store: Ports) -> None:
    with served(store) as port:
        got = Visitor(port).ask("GET", "/metrics", authorization=f"Bearer {TOKEN}", host="evil.test")

    assert got.status == 403


@pytest.mark.security(36)
def test_whoever_may_see_a_team_reads_that_teams_text_and_no_other(store: Ports) -> None:
    ml = Audience(actor="p-1", teams=("ml",))

    assert scrape(store, asker=ml) == (200, store.documents.find_text(text_key("team-ml")))
    assert scrape(store, path="/metrics?audience=team-ml", asker=ml)[0] == 200
    for other in ("all", "team-web", "../all", "team-ml/../../all", "team-" + "x" * 300):
        assert scrape(store, path="/metrics?" + urlencode({"audience": other}), asker=ml)[0] == 403
    assert scrape(store, asker=Audience(actor="p-2", teams=()))[0] == 403


def test_a_text_that_nobody_made_yet_is_said(store: Ports) -> None:
    assert scrape(store, path="/metrics?audience=team-none") == (404, "not made yet: verify makes it\n")


def test_the_store_is_asked_once_a_minute_however_often_somebody_scrapes(store: Ports) -> None:
    seconds = [0.0]
    asked: list[str] = []

    class Counted:
        def __getattr__(self, name: str) -> object:
            return getattr(store.documents, name)

        def find_text(self, key: str) -> str | None:
            asked.append(key)
            return store.documents.find_text(key)

    ports = replace(store, documents=Counted(), stopwatch=lambda: seconds[0])  # type: ignore[arg-type]
    with served(ports) as port:
        for _ in range(20):
            assert Visitor(port).ask("GET", "/metrics", authorization=f"Bearer {TOKEN}").status == 200
        assert len(asked) == 1
        seconds[0] = 61.0
        Visitor(port).ask("GET", "/metrics", authorization=f"Bearer {TOKEN}")

    assert len(asked) == 2


# ── the dashboard ────────────────────────────────────────────────────────────────────────────────────────────────────
def test_every_query_of_the_dashboard_names_a_metric_and_labels_that_there_are() -> None:
    for expression in EXPRESSIONS:
        names = set(re.findall(r"trimtab_[a-z_]+", expression))
        labels = set(re.findall(r"[{,]\s*([a-z]+)=", expression)) | set(re.findall(r"by \(([a-z, ]+)\)", expression))
        asked = {label.strip() for group in labels for label in group.split(",")}
        assert names
        assert names <= set(FAMILIES), expression
        assert asked <= {label for name in names for label in FAMILIES[name].labels}, expression


def test_the_dashboard_shows_every_metric() -> None:
    assert {name for expression in EXPRESSIONS for name in re.findall(r"trimtab_[a-z_]+", expression)} == set(FAMILIES)


def test_a_real_prometheus_scrapes_it_and_answers_every_query(store: Ports, tmp_path: Path) -> None:
    needs("prometheus", "promtool")
    values = {"trimtab_promised_monthly_savings": "81.2", "trimtab_realized_monthly_savings": "79.1"}
    text = store.documents.find_text(text_key(ALL)) or ""
    more = openmetrics(Sample(family=name, value=Decimal(value), labels=("USD",)) for name, value in values.items())
    store.documents.publish_text(text_key(ALL), text.removesuffix("# EOF\n") + more)
    with served(store) as port:
        scraped = {
            "job_name": "trimtab", "scrape_interval": "1s", "authorization": {"credentials": TOKEN},
            "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
        }  # fmt: skip
        with prometheus(tmp_path, "", config=json.dumps({"scrape_configs": [scraped]})) as url:
            until = time.monotonic() + 20
            while not answer(url, "trimtab_unmeasured_changes") and time.monotonic() < until:
                time.sleep(0.1)
            empty = [expression for expression in EXPRESSIONS if not answer(url, expression.replace("$currency", "USD"))]
            kept = answer(url, 'trimtab_allocated_cost{team="web"}')

    assert empty == []
    assert [each["value"][1] for each in kept] == ["3500.1"]


def answer(url: str, expression: str) -> list[dict[str, list[str]]]:
    with urlopen(f"{url}/api/v1/query?{urlencode({'query': expression})}", timeout=10) as response:
        found: list[dict[str, list[str]]] = json.load(response)["data"]["result"]
        return found
