"""Cost and savings for a Prometheus: true, exact, readable by real parsers, and nobody's but the audience's."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.flow.flow_world import Mode, World, make_world, shrink
from tests.judgement import OWNERS
from trimtab.attribution.summary import Amounts, CostLine, Summary
from trimtab.flow.life import Journal
from trimtab.flow.metric_files import ALL, PERIODS, TEAMS, THE_REST, keep_metric_files, text_key
from trimtab.records import Outcome, Reconciliation
from trimtab.render.openmetrics import FAMILIES, Sample, openmetrics
from trimtab.units import Money

HOSTILE = 'ml"} 1\n# EOF\ntrimtab_allocated_cost{team="web\\\u202e\x00\r\ud800'
CANARY = "4317.65"


def line(name: str | None, amount: str, currency: str = "USD") -> CostLine:
    value = Decimal(amount)
    return CostLine(name=name, currency=currency, amounts=Amounts(billed=Decimal(1), effective=value, list=Decimal(2)))


def a_summary(scope: str, period: str, *teams: CostLine, whole: tuple[str, str] | None = None) -> Summary:
    found: tuple[Reconciliation, ...] = ()
    if whole:
        billed, unallocated = Decimal(whole[0]), Decimal(whole[1])
        parts = {"allocated": billed - unallocated, "idle": Decimal(0), "unallocated": unallocated, "not_kubernetes": Decimal(0)}
        found = (Reconciliation(currency="USD", measure="EffectiveCost", billed=billed, **parts),)
    return Summary(
        scope=scope, period=period, made_at="2026-11-18T08:00:00+00:00", governance_version="0" * 64, versions={}, reconciliations=found,
        by_part=(), by_team=teams, by_cluster=(), by_pool=(), by_namespace=(), by_export=(), idle=(), unallocated=(), not_kubernetes=(),
        daily=(), pool_rates=(), pool_costs=(), pool_teams=(), gpu_hours=(),
    )  # fmt: skip


def publish(world: World, summary: Summary) -> None:
    world.ports.documents.publish(f"summaries/{summary.scope}/{summary.period}", summary.to_json())


def billed(tmp_path: Path, owners: bytes = OWNERS) -> World:
    world = make_world(tmp_path, owners=owners)
    teams = (line("ml", "2900.010000001"), line("web", CANARY), line(None, "7"))
    publish(world, a_summary(ALL, "p-2026-11", *teams, whole=("8000", "500")))
    publish(world, a_summary("team-ml", "p-2026-11", line("ml", "2900.010000001")))
    return world


def text_of(world: World, audience: str = ALL) -> str:
    keep_metric_files(world.ports)
    return world.ports.documents.find_text(text_key(audience)) or ""


def values(text: str) -> Mapping[str, dict[tuple[str, ...], float]]:
    """Family → labels' values → number, read by the parser of Prometheus' own library."""
    written = dict(re.findall(r"^([a-z_]+(?:\{.*\})?) (\S+)$", text, re.MULTILINE))
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):  # type: ignore[no-untyped-call]
        assert family.type == "gauge"
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels[name] for name in FAMILIES[sample.name].labels)] = float(sample.value)
    assert len(written) == sum(len(each) for each in found.values())
    return found


def merged(world: World, saved: str | None) -> None:
    """The change is merged, and the bill says what it saved; None = nothing yet."""
    world.propose(shrink())
    world.click("approve")
    world.webhook()
    journal = Journal.open(world.ports, world.life().planned().id, "verify", world.now)
    measured = Money(Decimal(saved), "USD") if saved else None
    outcome = Outcome(
        proposal=world.life().planned().id,
        is_applied=True,
        is_healthy=True,
        promised=Money(Decimal("81.2"), "USD"),
        measured=measured,
        days=7,
    )
    journal.note("measured", "by the tests", outcome=outcome)


# ── what is true ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_cost_by_team_and_period_is_exact(tmp_path: Path) -> None:
    """A float would end at 2900.01; money is text to the last digit."""
    text = text_of(billed(tmp_path))

    assert 'trimtab_allocated_cost{team="ml",period="2026-11",currency="USD"} 2900.010000001\n' in text
    assert set(values(text)["trimtab_allocated_cost"]) == {("ml", "2026-11", "USD"), ("web", "2026-11", "USD")}
    assert values(text)["trimtab_unallocated_ratio"] == {("2026-11", "USD"): 0.0625}


def test_open_proposals_stand_under_their_state_and_are_no_saving_yet(tmp_path: Path) -> None:
    world = billed(tmp_path)
    world.propose(shrink())

    found = values(text_of(world))

    assert found["trimtab_open_proposals"][("awaiting-approval",)] == 1.0
    assert sum(count for count in found["trimtab_open_proposals"].values()) == 1
    assert "trimtab_promised_monthly_savings" not in found
    assert found["trimtab_unmeasured_changes"] == {(): 0.0}


def test_what_no_bill_has_shown_is_counted_and_not_taken_for_nothing(tmp_path: Path) -> None:
    world = billed(tmp_path)
    merged(world, None)

    found = values(text_of(world))

    assert found["trimtab_promised_monthly_savings"] == {("USD",): 81.2}
    assert "trimtab_realized_monthly_savings" not in found
    assert found["trimtab_unmeasured_changes"] == {(): 1.0}


def test_what_the_bill_has_shown_stands_beside_what_was_promised(tmp_path: Path) -> None:
    world = billed(tmp_path)
    merged(world, "79.123456789")

    text = text_of(world)

    assert 'trimtab_realized_monthly_savings{currency="USD"} 79.123456789\n' in text
    assert values(text)["trimtab_unmeasured_changes"] == {(): 0.0}


def test_verify_writes_it_on_the_hour_and_once_for_the_same(tmp_path: Path) -> None:
    world = billed(tmp_path)
    world.now = world.now.replace(minute=0) + timedelta(hours=1)

    world.tick_verify()

    assert values(world.ports.documents.find_text(text_key(ALL)) or "")
    before = world.objects.listed("docs/metrics/")
    keep_metric_files(world.ports)
    assert [item.modified for item in world.objects.listed("docs/metrics/")] == [item.modified for item in before]


@pytest.mark.parametrize("mode", ["before", "after", "lost"])
def test_a_death_while_it_is_written_is_made_up_for_by_the_next_look(tmp_path: Path, mode: Mode) -> None:
    world = billed(tmp_path)
    world.now = world.now.replace(minute=0) + timedelta(hours=1)
    world.dying("documents.publish_text", world.tick_verify, mode)
    world.deliver()
    world.later(hours=1)

    world.tick_verify()

    texts = {name: world.ports.documents.find_text(text_key(name)) for name in (ALL, "team-ml")}
    assert texts == {name: text_of(world, name) for name in texts}
    assert all(values(text or "") for text in texts.values())


def test_a_store_with_nothing_in_it_has_a_text_that_says_so(tmp_path: Path) -> None:
    world = make_world(tmp_path)

    found = values(text_of(world))

    assert set(found["trimtab_open_proposals"].values()) == {0.0}
    assert "trimtab_allocated_cost" not in found


# ── who may see it ───────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(36)
def test_a_teams_text_holds_no_byte_of_anybody_else(tmp_path: Path) -> None:
    world = billed(tmp_path)
    world.propose(shrink())

    own, whole = text_of(world, "team-ml"), text_of(world)

    assert CANARY in whole
    assert CANARY not in own
    assert "web" not in own
    assert "unallocated_ratio" not in own, "of the whole bill: with its own cost it says what the others paid"
    assert values(own)["trimtab_allocated_cost"] == {("ml", "2026-11", "USD"): 2900.010000001}


@pytest.mark.security(36)
def test_a_team_counts_only_proposals_about_its_own_cost(tmp_path: Path) -> None:
    world = billed(tmp_path)
    world.propose(shrink())
    publish(world, a_summary("team-web", "p-2026-11", line("web", "5")))

    open_of = {name: values(text_of(world, name))["trimtab_open_proposals"] for name in (ALL, "team-ml", "team-web")}

    assert {name: sum(count for count in found.values()) for name, found in open_of.items()} == {ALL: 1, "team-ml": 1, "team-web": 0}


@pytest.mark.security(36)
@pytest.mark.parametrize("mask", ["shares", "rounded"])
def test_where_amounts_are_masked_none_is_written(tmp_path: Path, mask: str) -> None:
    world = billed(tmp_path, OWNERS + f"\naccess: {{mask: {mask}}}\n".encode())
    merged(world, "79.12")

    found = values(text_of(world))

    assert not [name for name in found if name.endswith(("_cost", "_savings"))]
    assert found["trimtab_unallocated_ratio"]


@pytest.mark.security(36)
def test_rules_that_cannot_be_read_allow_no_amount(tmp_path: Path) -> None:
    world = billed(tmp_path)
    world.push_main({".trimtab/owners.yaml": b"teams: 7\n"})

    assert CANARY not in text_of(world)


# ── hostile names ────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(25)
def test_a_name_that_would_like_to_be_another_metric_stays_a_label(tmp_path: Path) -> None:
    text = openmetrics([Sample(family="trimtab_allocated_cost", value=Decimal("1.5"), labels=(HOSTILE, "2026-11", "USD"))])

    assert list(values(text)) == ["trimtab_allocated_cost"]
    assert text.count("# EOF") == 2
    assert text.splitlines()[-1] == "# EOF"
    assert len(text.splitlines()) == 4
    checked(text)


def test_labels_cannot_make_any_number_of_series(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    publish(world, a_summary(ALL, "p-2026-11", *(line(f"t{number}", str(number)) for number in range(TEAMS + 20))))
    for month in range(1, 10):
        publish(world, a_summary(ALL, f"p-2025-{month:02d}", line("old", "1")))

    found = values(text_of(world))["trimtab_allocated_cost"]

    own = {labels[0]: amount for labels, amount in found.items() if labels[1] == "2026-11"}
    assert len(own) == TEAMS + 1
    assert own[THE_REST] == sum(range(20))
    assert len({labels[1] for labels in found}) <= PERIODS


# ── real readers ─────────────────────────────────────────────────────────────────────────────────────────────────────
def checked(text: str) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool: not installed; apt-get install prometheus")
    done = subprocess.run(["promtool", "check", "metrics"], input=text.encode(), capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_promtool_finds_nothing_to_complain_of(tmp_path: Path) -> None:
    world = billed(tmp_path)
    merged(world, "79.12")

    checked(text_of(world))


def test_every_family_is_in_some_text(tmp_path: Path) -> None:
    """One that nothing ever fills would be a promise in the docs alone."""
    world = billed(tmp_path)
    merged(world, "79.12")

    assert set(values(text_of(world))) == set(FAMILIES)
