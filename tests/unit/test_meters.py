"""The functions' own metrics are made of log lines by one table; whatever a line says, no other name becomes a metric."""

import json
import re
from pathlib import Path

import pytest

from tests.flow.flow_world import make_world, shrink
from trimtab import wiring
from trimtab.adapters.aws.emf import MeteredLog
from trimtab.adapters.logs import JsonLog
from trimtab.flow.wake import ROUTES
from trimtab.meters import METERS, OTHER, Reading, log_filters, readings
from trimtab.settings import Settings

ROOT = Path(__file__).parents[2]
NAMES = {meter.name for meter in METERS}
HOSTILE = '{"_aws": {"CloudWatchMetrics": [{"Namespace": "Trimtab/prod", "Metrics": [{"Name": "WakesFailed"}]}]}, "WakesFailed": 0}'
"""What somebody could call a pool, so that a line with it would be a metric."""


def read(event: str, **values: object) -> list[tuple[str, float, dict[str, str]]]:
    return [(reading.meter.name, reading.value, dict(reading.labels)) for reading in readings(event, values)]


# ── the table ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_wake_that_ended_is_counted_and_timed_by_its_function() -> None:
    assert read("wake.finished", result="done", seconds=1.25, function="verify") == [
        ("WakeSeconds", 1.25, {"function": "verify"}),
    ]
    assert [name for name, _, _ in read("wake.finished", result="refused", seconds=0, function="merge")] == ["WakesRefused"]
    assert read("wake.failed", seconds=3, function="merge") == [("WakesFailed", 1.0, {"function": "merge"})]


@pytest.mark.security(25)
@pytest.mark.parametrize("label", [HOSTILE, "", "x" * 41, "a b", 'p"', "\n", None, 7.5j, "-a"])
def test_a_label_that_could_be_anything_is_one_label(label: object) -> None:
    """Each label of its own is a metric of its own, and costs money every month."""
    ((_, _, labels),) = read("period.published", period="p-2026-07", currency=label, unallocated_percent=1)

    assert labels == {"period": "p-2026-07", "currency": OTHER}


@pytest.mark.parametrize("value", [None, "12", "NaN", [1], float("nan"), float("inf")])
def test_what_is_no_number_is_not_measured(value: object) -> None:
    assert read("inbox.swept", waiting=1, oldest_seconds=value) == []


def test_a_line_that_no_meter_is_made_of_says_nothing() -> None:
    assert read("proposal", kind="planned") == []
    assert read("account.unknown", result="done") == []


def test_the_flows_write_the_lines_that_the_meters_are_made_of(tmp_path: Path) -> None:
    """A field that a flow calls otherwise would silence a meter for good."""
    world = make_world(tmp_path)
    world.propose(shrink())
    world.click("approve")
    world.webhook()
    world.propose(shrink(needs_person="Somebody should look at it."), at=world.now.replace(hour=11))
    world.later(hours=1)
    world.now = world.now.replace(minute=0)
    world.tick_verify()
    world.serve("inbox/slack/nonsense", b"nonsense")

    found = {reading.meter.name for event, values in world.log.said for reading in readings(event, values)}

    assert found >= {"WakesRefused", "WakeSeconds", "OldestWaitingSeconds", "ProposalsOpened", "ProposalsMerged"}
    assert "FindingsRefused" in found


@pytest.mark.parametrize("meter", METERS, ids=lambda meter: meter.name)
def test_each_meters_event_is_written_somewhere(meter: object) -> None:
    event = next(each.event for each in METERS if each is meter)
    sources = [path.read_text() for path in (ROOT / "shared" / "trimtab" / "flow").glob("*.py")]

    assert any(re.search(rf'log\.(?:info|warning)\(\s*"{re.escape(event)}"', text) for text in sources)


# ── CloudWatch ───────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(25)
def test_only_our_names_become_metrics_whatever_the_lines_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Lambda puts stdout and stderr into one log group, where every line with `_aws` at its top is a metric."""
    log = MeteredLog(log=JsonLog(tmp_path / "log"), namespace="Trimtab/prod", trace=lambda: "")
    for event in {*(meter.event for meter in METERS), "another"}:
        for kind in ("opened", HOSTILE, None):
            log.info(
                event, function=HOSTILE, kind=kind, result=HOSTILE, seconds=1, oldest_seconds=2, unallocated_percent=3, period=HOSTILE,
                currency=HOSTILE, input=HOSTILE,
            )  # fmt: skip
            log.warning(event, _aws={"CloudWatchMetrics": []}, input=HOSTILE)

    emitted = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    names = {metric["Name"] for line in emitted for directive in line["_aws"]["CloudWatchMetrics"] for metric in directive["Metrics"]}
    assert names
    assert names <= NAMES
    assert {directive["Namespace"] for line in emitted for directive in line["_aws"]["CloudWatchMetrics"]} == {"Trimtab/prod"}
    assert {name for line in emitted for name in line} <= NAMES | {"_aws", "function", "period", "currency"}
    assert {line[name] for line in emitted for name in ("function", "period", "currency") if name in line} == {OTHER}
    assert not any("_aws" in json.loads(line) for line in (tmp_path / "log").read_text().splitlines())


def test_a_line_on_lambda_says_which_trace_it_is_of(tmp_path: Path) -> None:
    log = MeteredLog(log=JsonLog(tmp_path / "log"), namespace="Trimtab/prod", trace=lambda: "Root=1-6745f1c2-0123;Sampled=1")

    log.info("an.event", input="x")

    assert json.loads((tmp_path / "log").read_text())["trace"] == "Root=1-6745f1c2-0123;Sampled=1"


def test_metrics_are_written_only_where_the_deployment_names_a_place(tmp_path: Path) -> None:
    store = f"file://{tmp_path}"

    assert isinstance(wiring.build(Settings(store=store)).log, JsonLog)
    metered = wiring.build(Settings(store=store, meters_namespace="Trimtab/prod")).log
    assert isinstance(metered, MeteredLog)
    assert metered.namespace == "Trimtab/prod"


# ── Cloud Logging ────────────────────────────────────────────────────────────────────────────────────────────────────
def test_terraform_makes_the_same_meters_on_google_cloud() -> None:
    """To write it anew: python -c "import json; from trimtab.meters import log_filters; print(json.dumps(log_filters(), indent=2))"."""
    kept = json.loads((ROOT / "infra" / "terraform" / "modules" / "gcp_meters" / "meters.json").read_text())

    assert kept == log_filters()


def test_the_dashboard_on_aws_asks_for_metrics_that_there_are() -> None:
    text = (ROOT / "infra" / "terraform" / "aws" / "alarms.tf").read_text()
    widgets = re.findall(r"^ +\{ title = .*Trimtab/\$\{var\.prefix\}.*$", text, re.MULTILINE)
    names = {name for widget in widgets for name in re.findall(r'"([A-Z]\w+)"', widget.split("metrics = ")[1])}

    assert len(widgets) == 4
    assert names - {"Stopped"} <= NAMES


def test_a_filter_takes_just_the_lines_that_a_meter_is_made_of(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.propose(shrink())
    lines = [{"event": event} | values for event, values in world.log.said]

    for name, each in log_filters().items():
        asked = dict(re.findall(r'jsonPayload\.(\w+)="([^"]*)"', str(each["filter"])))
        taken = [line for line in lines if all(line.get(field) == wanted for field, wanted in asked.items())]
        measured: list[Reading] = [
            reading for event, values in world.log.said for reading in readings(event, values) if reading.meter.name == name
        ]
        assert len(taken) == len(measured), name


def test_every_function_that_is_woken_by_the_inbox_can_be_a_label() -> None:
    assert all(read("wake.failed", function=name)[0][2] == {"function": name} for name in set(ROUTES.values()))
