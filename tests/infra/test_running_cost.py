"""What running costs: the arithmetic is exact, every price has a source, nothing that is billed is forgotten, the page is generated."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from infra.running.__main__ import PAGE
from infra.running.assumptions import DAYS, Assumptions, parsed
from infra.running.cost import Bill, bill, cold, seconds
from infra.running.page import page
from infra.running.prices import CLOUDS, Cloud, Price, prices
from infra.running.resources import BY_USE, FREE, MONTHLY, OPTIONAL
from infra.running.work import Load, Measured, Work, loads, measured, table
from tests.infra.google_schema import MODULES
from tests.infra.hcl import Module, used
from tests.infra.terraform import TREE
from tests.running.demo import kind_of
from tests.running.front import kind_of as request_kind
from tests.running.resources import aws_resources, google_resources

AWS_MODULES = [Module(folder=TREE / name) for name in ("aws", "aws/anchor", "modules/aws_bucket", "modules/aws_function")]
GIVEN = Assumptions()


@pytest.fixture(scope="module")
def found() -> Measured:
    return measured()


def work(cpu: str, gets: str = "0", stored: str = "0") -> Work:
    nothing = Decimal(0)
    return Work(
        cpu=Decimal(cpu), gets=Decimal(gets), puts=nothing, calls=nothing, messages=nothing, log_bytes=nothing, peak_mib=Decimal(100),
        stored={"lake": Decimal(stored)},
    )  # fmt: skip


def price(amount: str, per: str, free: str = "0") -> Price:
    return Price(
        key="x", service="s", price=Decimal(amount), per=Decimal(per), unit="u", source="https://example.com", looked_up="2026-11-21",
        confirmed=True, free=Decimal(free),
    )  # fmt: skip


# ── Arithmetic ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_price_is_exact_to_the_last_digit() -> None:
    """A float would make 0.30000000000000004 of three tenths; a bill does not."""
    assert price("0.0000166667", "1").of(Decimal(3)) == Decimal("0.0000500001")
    assert price("0.20", "1000000").of(Decimal(1)) == Decimal("0.0000002")


def test_a_call_is_billed_for_its_work_and_its_waits_rounded_up() -> None:
    """0.1 s of work on half a processor are 0.2 s, three requests of 15 ms are 45 ms: 245 ms, and what is begun counts whole."""
    load = Load(function="merge", event="message", times=Decimal(1), work=work("0.1", gets="3"))

    assert seconds(load, Decimal("0.5"), GIVEN, Decimal("0.001")) == Decimal("0.245")
    assert seconds(load, Decimal("0.5"), GIVEN, Decimal("0.1")) == Decimal("0.3")
    assert seconds(load, Decimal(2), GIVEN, Decimal("0.001")) == Decimal("0.145"), "one thread has one processor, whatever is paid for"


def test_what_runs_once_an_hour_always_starts_cold() -> None:
    rare, often = (Load(function="alert", event="tick", times=times, work=work("1")) for times in (24 * DAYS, 240 * DAYS))

    assert cold(rare, GIVEN) == rare.times
    assert cold(often, GIVEN) == often.times * GIVEN.cold_share


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_parts_add_up_to_the_bill(cloud: Cloud, found: Measured) -> None:
    for clusters in (0, 10, 100, 1000):
        month = bill(cloud, clusters, found, GIVEN)

        assert month.fixed + month.variable == month.total == sum(line.cost for line in month.lines)
        assert all(isinstance(line.cost, Decimal) and line.cost >= 0 for line in month.lines)
        assert 0 <= month.fixed_above_free <= month.fixed


@pytest.mark.parametrize("cloud", CLOUDS)
def test_more_clusters_cost_more_and_the_fixed_part_stays(cloud: Cloud, found: Measured) -> None:
    small, large = (bill(cloud, clusters, found, GIVEN) for clusters in (10, 1000))

    assert small.fixed == large.fixed > 0
    assert small.variable < large.variable


def test_free_units_are_taken_off_once_for_all_lines_of_a_price(found: Measured) -> None:
    month = bill("aws", 10, found, GIVEN)
    line = replace(month.lines[0], price=price("1", "1", free="3"), quantity=Decimal(2))

    assert Bill(cloud="aws", clusters=10, lines=(line, line), too_long=()).free == 3


def test_work_between_and_beyond_measured_sizes_is_on_their_line_and_marked() -> None:
    of = Measured(machine={}, imports={}, resources={}, events={"x": {10: work("1", stored="100"), 100: work("10", stored="1000")}})

    assert of.at("x", Decimal(55)).cpu == Decimal("5.5")
    assert not of.at("x", Decimal(55)).is_extrapolated
    assert of.at("x", Decimal(1000)).cpu == Decimal(100)
    assert of.at("x", Decimal(1000)).stored["lake"] == Decimal(10000)
    assert of.at("x", Decimal(1000)).is_extrapolated


def test_a_step_that_cannot_end_within_its_time_is_named(found: Measured) -> None:
    """A price for something that does not work would be a promise."""
    month = bill("google", 1000, found, replace(GIVEN, pods_per_cluster=Decimal(20000)))

    assert any(said.startswith("ingest attribute: ") and said.endswith("it may run 540 s") for said in month.too_long)


def test_every_assumption_is_an_option_and_changes_the_page(found: Measured) -> None:
    for option, value, _about in GIVEN.items():
        changed = parsed([f"--{option}", str(value * 3)])

        assert page(found, changed) != page(found, GIVEN), option


@pytest.mark.parametrize("text", ["lots", "-1", "NaN", "Infinity", ""])
def test_a_number_that_is_none_is_refused_in_one_line(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed([f"--store-ms={text}"])

    assert ended.value.code == 2
    assert "--store-ms: expected a number of 0 or more" in capsys.readouterr().err


def test_attribution_reads_a_file_of_each_cluster_and_day(found: Measured) -> None:
    small, large = (next(load for load in loads(clusters, found, GIVEN) if load.event == "attribute") for clusters in (100, 200))

    assert large.work.gets - small.work.gets >= 100 * 15


def test_a_batch_that_is_not_full_is_a_call_too(found: Measured) -> None:
    """Eleven clusters in batches of five are three calls a day."""
    assert next(load.times for load in loads(11, found, GIVEN) if load.event == "analyze") == 3 * DAYS


# ── Nothing is forgotten ─────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("cloud", CLOUDS)
def test_every_price_has_a_source_and_a_day(cloud: Cloud) -> None:
    for each in prices(cloud).values():
        assert each.source.startswith("https://"), each.key
        assert len(each.looked_up) == len("2026-11-21"), each.key
        assert each.price > 0, each.key
        assert each.confirmed or each.note, f"{each.key}: not confirmed, and nothing says why"


@pytest.mark.parametrize(("cloud", "optional"), [("aws", {"lambda.arm64", "kms.key"}), ("google", {"bigquery.scan", "balancer.rule"})])
def test_every_price_is_used_or_is_of_an_option(cloud: Cloud, optional: set[str], found: Measured) -> None:
    charged = {line.price.key for line in bill(cloud, 10, found, GIVEN).lines}

    assert set(prices(cloud)) - charged == optional


def test_every_type_of_resource_is_priced_or_free_for_a_reason() -> None:
    """A new type in Terraform fails here until somebody has looked up what it costs."""
    kinds = {*MONTHLY, *BY_USE, *OPTIONAL, *FREE}

    assert set(used([*AWS_MODULES, *MODULES], "resource")) == kinds
    assert len(MONTHLY) + len(BY_USE) + len(OPTIONAL) + len(FREE) == len(kinds), "a type stands in two tables"


def test_every_function_does_something_in_a_month_and_stands_on_the_page(found: Measured) -> None:
    month = loads(10, found, GIVEN)

    assert {load.function for load in month} == set(table("aws")) == set(table("gcp")) == set(found.imports)
    assert all(f"| `{function}` |" in PAGE.read_text() for function in table("aws"))
    assert {f"{load.function} {load.event}" for load in month} == set(found.events), (
        "what was measured and is not counted, or the other way"
    )


@pytest.mark.slow
@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_counted_resources_are_those_that_terraform_plans(cloud: Cloud, found: Measured, tmp_path: Path) -> None:
    """`python -m tests.running --resources` counts them anew."""
    planned = {"aws": aws_resources, "google": google_resources}[cloud](tmp_path / cloud)

    assert planned == found.resources[cloud]


def test_the_page_is_what_the_measurements_say(found: Measured) -> None:
    """`python -m infra.running` writes it; nobody types into it."""
    assert PAGE.read_text() == page(found, GIVEN)


# ── Measuring ────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("method", "key", "query", "kind"),
    [
        ("GET", "default/inbox/a", set(), "get"),
        ("GET", "", {"list-type"}, "list"),
        ("HEAD", "default/done/a", set(), "head"),
        ("PUT", "default/done/a", set(), "put"),
        ("POST", "lake/x", {"uploads"}, "put"),
        ("POST", "", {"delete"}, "delete"),
        ("DELETE", "lake/x", set(), "delete"),
    ],
)
def test_a_request_counts_as_what_it_is_billed_as(method: str, key: str, query: set[str], kind: str) -> None:
    assert request_kind(method, key, query) == kind


@pytest.mark.parametrize(
    ("function", "event", "kind"),
    [
        ("verify", {"source": "aws.scheduler", "time": "2026-08-01T06:00Z"}, "tick"),
        ("merge", {"Records": [{"eventSource": "aws:sqs", "body": "{}"}]}, "message"),
        ("receive", {"rawPath": "/slack"}, "request"),
    ],
)
def test_an_event_of_the_morning_is_told_by_what_woke_it(function: str, event: object, kind: str) -> None:
    assert kind_of(function, event) == kind
