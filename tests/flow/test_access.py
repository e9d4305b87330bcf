"""Whose cost is shown to whom: below every key, filter and share; and each asking is in the record before its answer is anywhere."""

import csv
import json
import subprocess
import sys
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from tests.allocated_rows import allocated, estate_of, idle_row, pod_row
from tests.bills import Estate
from trimtab.attribution.query import Condition, CostQuery
from trimtab.errors import BadInput
from trimtab.flow.costs import costs
from trimtab.flow.explain_cost import explain_row

pytestmark = pytest.mark.security(36)
OWN = ("ML",)


@cache
def place() -> Estate:
    """One node's bill row cut for two teams, another one's for three, idle capacity, and a database of nobody's."""
    two, three = {"x_RowId": "row-two", "AllocatedMethodId": "m"}, {"x_RowId": "row-three", "AllocatedMethodId": "m"}
    details = '{"Elements": [{"AllocatedRatio": 0.4, "UsageUnit": "core-hours", "UsageQuantity": 3}]}'
    return estate_of(
        pod_row("ml", "4", "0", x_Team="ML", **two, x_AllocatedRowId="alloc-ml2", AllocatedMethodDetails=details),
        pod_row("shop", "6", "0", x_Team="Shop", **two, x_AllocatedRowId="alloc-shop2", AllocatedMethodDetails=details),
        pod_row("ml", "1", "0", x_Team="ML", **three, x_AllocatedRowId="alloc-ml3", AllocatedMethodDetails=details),
        pod_row("shop", "2", "0", x_Team="Shop", **three, x_AllocatedRowId="alloc-shop3", AllocatedMethodDetails=details),
        pod_row("web", "3", "0", x_Team="Web", **three, x_AllocatedRowId="alloc-web3", AllocatedMethodDetails=details),
        idle_row("5", "4"),
        allocated("10", x_Part="not-kubernetes", x_Cluster=None, ServiceName="RDS"),
    )


@pytest.mark.parametrize("by", ["team", "namespace", "node", "service", "part", "cluster", "day", "label:app"])
@pytest.mark.parametrize(
    "query",
    [None, CostQuery(idle="share"), CostQuery(filters=(Condition(key="team", pattern=".*"),)), CostQuery(split="even")],
    ids=["plain", "idle shared", "filtered", "even"],
)
def test_a_teams_view_is_its_own_rows_whatever_is_asked(by: str, query: CostQuery | None) -> None:
    table = costs((by,), None, place().ports, query, teams=OWN)

    assert sum(total.amounts.effective for total in table.totals) == Decimal(5)
    assert not {"Shop", "Web", "shop", "web", "RDS"} & {key or "" for row in table.rows for key in row.keys}


def test_a_team_with_a_name_that_would_like_to_be_sql_has_no_rows() -> None:
    table = costs(("team",), None, place().ports, teams=("x') OR ('1'='1",))

    assert table.rows == ()


def test_a_row_is_told_as_far_as_it_is_ones_own() -> None:
    whole, own = explain_row("row-three", place().ports), explain_row("row-three", place().ports, OWN)

    assert (whole.amounts.effective, own.amounts.effective) == (Decimal(6), Decimal(1))
    assert [line.team for line in own.lines] == ["ML"]


def test_of_two_teams_ones_own_share_would_tell_the_others_and_is_hidden() -> None:
    """4 that are 40% leave 6 for the one other team there is; with two others, nobody knows whose what is."""
    ports = place().ports

    two, three = explain_row("alloc-ml2", ports, OWN), explain_row("alloc-ml3", ports, OWN)

    assert two.asked is not None
    assert three.asked is not None
    assert (two.asked.elements, len(three.asked.elements)) == ((), 1)
    assert "40" not in " ".join(two.sentences())


@pytest.mark.parametrize("other", ["alloc-shop2", "alloc-web3"])
def test_somebody_elses_row_is_as_one_that_is_not_there(other: str) -> None:
    with pytest.raises(BadInput, match="no such row"):
        explain_row(other, place().ports, OWN)


# ── the commands ─────────────────────────────────────────────────────────────────────────────────────────────────────
OWNERS = """version: 1
people:
  - {id: ann, slack: U0ANN, forge: ann}
  - {id: bob, slack: U0BOB, forge: bob}
  - {id: eve, slack: U0EVE, forge: eve}
teams: [{name: Blue, people: [bob]}, {name: Red}, {name: Green}]
rules:
  - {id: blue, tag: {key: team, value: blue}, team: Blue}
  - {id: red, tag: {key: team, value: red}, team: Red}
  - {id: green, tag: {key: team, value: green}, team: Green}
access: {see_all: [ann]}
"""
CANARIES = {"blue": "1234.567891", "red": "7654.321987", "green": "4321.765432"}
"""A cost that no other number in any output resembles, for each team."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A month's bill of three teams, attributed by the real commands."""
    root = tmp_path_factory.mktemp("access")
    rules = root / "rules"
    rules.mkdir()
    (rules / "config.yaml").write_text("version: 1\n")
    (rules / "policy.yaml").write_text("version: 1\nrules: []\n")
    (rules / "owners.yaml").write_text(OWNERS)
    costs_of = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")
    common = {
        "BillingAccountId": "a", "BillingAccountName": "a", "BillingCurrency": "USD", "BillingPeriodStart": "2026-07-01T00:00:00Z",
        "BillingPeriodEnd": "2026-08-01T00:00:00Z", "ChargeCategory": "Usage", "ChargeClass": "", "ChargeDescription": "hours",
        "ProviderName": "AWS", "PublisherName": "AWS", "InvoiceIssuerName": "AWS", "ServiceName": "Amazon RDS",
        "ServiceCategory": "Databases", "PricingQuantity": "1", "PricingUnit": "Hours",
    }  # fmt: skip
    rows = [
        common | dict.fromkeys(costs_of, cost) | {
            "ChargePeriodStart": f"2026-07-0{day}T00:00:00Z", "ChargePeriodEnd": f"2026-07-0{day + 1}T00:00:00Z",
            "ResourceId": f"db-{team}-secret", "Tags": json.dumps({"team": team}),
        }
        for day, (team, cost) in enumerate(CANARIES.items(), 1)
    ]  # fmt: skip
    with (root / "bill.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    for command in (("ingest", str(root / "bill.csv"), "--as", "focus"), ("allocate",)):
        done = trimtab(root, *command)
        assert done.returncode == 0, done.stderr
    return root


def trimtab(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "trimtab.cli.main", *words, "--store", f"file://{root}/store", "--config", str(root / "rules")]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def entries(root: Path) -> list[dict[str, object]]:
    files = sorted((root / "store" / "default" / "streams" / "access").rglob("*"))
    return [json.loads(path.read_text()) for path in files if path.is_file()]


def leaked(text: str, team: str) -> list[str]:
    """Which other teams' canaries are in an output, whole or as thousands are written."""
    others = {name: cost for name, cost in CANARIES.items() if name != team}
    return [
        name for name, cost in others.items() if cost in text or cost[:7] in text or f"{float(cost):,.2f}" in text or f"db-{name}" in text
    ]


@pytest.mark.parametrize(
    "words",
    [
        ("costs", "--by", "team"),
        ("costs", "--by", "team", "--format", "json"),
        ("costs", "--by", "service,day", "--format", "json"),
        ("costs", "--by", "tag:team", "--idle", "share", "--format", "json"),
        ("costs", "--by", "account", "--filter", "team=.*", "--format", "json"),
    ],
)
def test_bob_sees_blues_cost_and_no_trace_of_another_teams(store: Path, words: tuple[str, ...]) -> None:
    done = trimtab(store, *words, "--as", "bob")

    assert done.returncode == 0, done.stderr
    assert "1,234.57" in done.stdout or CANARIES["blue"] in done.stdout
    assert leaked(done.stdout + done.stderr, "blue") == []


def test_the_files_of_a_report_are_those_of_ones_own_audience(store: Path, tmp_path: Path) -> None:
    done = trimtab(store, "report", "--out", str(tmp_path / "bob"), "--as", "bob")
    everything = trimtab(store, "report", "--out", str(tmp_path / "all"))

    assert (done.returncode, everything.returncode) == (0, 0), done.stderr + everything.stderr
    written = [path for path in (tmp_path / "bob").rglob("*") if path.is_file()]
    assert {path.parent.name for path in written} == {"team-blue"}
    assert [leaked(path.read_bytes().decode(), "blue") for path in written] == [[]] * len(written)
    assert {path.parent.name for path in (tmp_path / "all").rglob("*") if path.is_file()} >= {"all", "team-blue", "team-red"}


def test_every_document_below_a_teams_prefix_is_about_that_team_alone(store: Path) -> None:
    """Each audience's prefix is given to its people in the bucket, so what lies there is what they can read."""
    documents = store / "store" / "default" / "docs"
    for team in CANARIES:
        found = [path for path in documents.rglob("*") if path.is_file() and f"team-{team}" in str(path)]
        assert found
        assert [leaked(path.read_text(), team) for path in found] == [[]] * len(found)


def test_who_asked_for_what_is_in_the_record_and_no_number_is(store: Path) -> None:
    before = len(entries(store))

    trimtab(store, "costs", "--by", "team", "--period", "2026-07", "--as", "bob")
    operator = trimtab(store, "costs", "--by", "team")

    told = entries(store)[before:]
    assert [entry["reason"] for entry in told] == ["costs by team of 2026-07: the cost of Blue", "costs by team of every period: all cost"]
    assert told[1]["actor"] == "operator"
    assert not [cost for cost in CANARIES.values() if cost[:7] in json.dumps(told)]
    assert "all cost is shown" in operator.stderr


@pytest.mark.parametrize(
    ("who", "said"),
    [("eve", "may see no cost"), ("mallory", "owners.yaml lists ann, bob, eve"), ("", "owners.yaml lists")],
)
def test_nobody_else_sees_anything_by_name(store: Path, who: str, said: str) -> None:
    for words in (("costs", "--by", "team"), ("report",), ("rates",)):
        done = trimtab(store, *words, "--as", who)
        assert (done.returncode, done.stdout) == (1, "")
        assert said in done.stderr


def test_what_is_about_everybody_is_for_those_who_may_see_all(store: Path) -> None:
    assert "everybody's cost" in trimtab(store, "rates", "--as", "bob").stderr
    assert trimtab(store, "costs", "--by", "team", "--as", "ann").stdout.count("2026") == 0
    assert trimtab(store, "costs", "--by", "team", "--as", "ann", "--format", "json").stdout.count("effective") >= 3
