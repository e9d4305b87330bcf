"""Promised against measured: a promise is kept by the bill, and silence is not health."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from trimtab.records import (
    ClusterUid,
    CommitSha,
    Evidence,
    FieldChange,
    Finding,
    Place,
    PlannedEdit,
    Proposal,
    ProposalId,
    Subject,
)  # fmt: skip
from trimtab.savings.health import Health
from trimtab.savings.verify import NodeHours, is_decided, outcome
from trimtab.units import Money

MERGED = datetime(2026, 7, 20, 9, tzinfo=UTC)
NOW = MERGED + timedelta(days=9)
WELL = Health(is_healthy=True, note="well")


def days(hours: str, count: int = 7, price: str = "0.40") -> list[NodeHours]:
    return [NodeHours(day=f"2026-07-{21 + day}", hours=Decimal(hours), list_cost=Decimal(hours) * Decimal(price)) for day in range(count)]


EVIDENCE = Evidence(
    start=MERGED - timedelta(days=45), end=MERGED, coverage=1.0, source="", unit="CPU cores", chart=(), peak=1, typical=1, fitted_days=30,
    judged_days=15, violations_old=0, violations_new=0, judged_steps=360,
)  # fmt: skip
FINDING = Finding(
    rule="node-count-down",
    subject=Subject(cluster_uid=ClusterUid("u"), pool="web", field="count"),
    changes=(FieldChange(field="count", old="6", new="5"),),
    instance_type="m5.2xlarge",
    nodes_old=6,
    nodes_new=5,
    saving_list=Money(Decimal(292), "USD"),
    saving_effective=None,
    price_source="",
    evidence=EVIDENCE,
    is_repave=False,
)


def proposal(finding: Finding = FINDING) -> Proposal:
    return Proposal(
        id=ProposalId("p-1"), stream="proposals/p-1", fingerprint="f", generation=1, finding=finding,
        place=Place(repo="r", path="a.yaml", cluster="c", pool="web"),
        edit=PlannedEdit(path="a.yaml", base_blob="", new_blob="", content=b"", changes=(), diff=""),
        branch="b", base_ref="main", base=CommitSha("0"), valid_at=MERGED, team=None, run="run",
    )  # fmt: skip


def measure(after: list[NodeHours], health: Health = WELL, finding: Finding = FINDING, before: list[NodeHours] | None = None):  # type: ignore[no-untyped-def]  # noqa: ANN201
    return outcome(proposal=proposal(finding), merged_at=MERGED, now=NOW, health=health, after=after, before=before or [])


def test_a_node_that_left_the_bill_keeps_the_promise() -> None:
    found = measure(days("120"))

    assert found.measured == Money(Decimal("292.000000"), "USD")
    assert is_decided(found)
    assert "100% of the promised saving" in found.notes[1]


def test_a_node_that_is_still_billed_saves_nothing() -> None:
    assert measure(days("144")).measured == Money(Decimal("0.000000"), "USD")


def test_less_than_a_week_measures_nothing() -> None:
    """A week has every weekday once; a weekend's saving is no month's."""
    found = measure(days("120", count=6))

    assert found.measured is None
    assert not is_decided(found)


def test_what_the_bill_had_before_is_the_yardstick_where_it_is_known() -> None:
    found = measure(days("120"), before=days("132"))

    assert found.measured == Money(Decimal("146.000000"), "USD")


def test_an_autoscaled_pool_without_its_past_is_not_measured() -> None:
    finding = replace(FINDING, subject=replace(FINDING.subject, field="min"))

    assert measure(days("120"), finding=finding).measured is None
    assert measure(days("120"), finding=finding, before=days("130")).measured is not None


def test_spot_does_not_show_in_list_prices() -> None:
    assert measure(days("144"), finding=replace(FINDING, subject=replace(FINDING.subject, field="capacity_type"))).measured is None


@pytest.mark.parametrize("health", [Health(is_healthy=None, note=""), Health(is_healthy=False, note="")])
def test_a_saving_of_what_is_not_known_to_be_well_decides_nothing_good(health: Health) -> None:
    found = measure(days("120"), health=health)

    assert found.is_healthy is health.is_healthy
    assert is_decided(found) is (health.is_healthy is not None)


def test_a_quota_is_not_measured_before_its_first_week_is_over() -> None:
    quota = replace(FINDING, subject=replace(FINDING.subject, kind="namespace", field="cpu_cores"))

    early = outcome(proposal=proposal(quota), merged_at=NOW - timedelta(days=6), now=NOW, health=WELL, after=())
    late = outcome(proposal=proposal(quota), merged_at=NOW - timedelta(days=7), now=NOW, health=WELL, after=())

    assert (is_decided(early), is_decided(late)) == (False, True)


# ── at what is really paid ───────────────────────────────────────────────────────────────────────────────────────────
HALF = replace(FINDING, saving_effective=Money(Decimal(146), "USD"), saving_freed=Money(Decimal(146), "USD"))
"""Half of the pool is covered: the promise is the other half."""


def paid(hours: str, of_it: str) -> list[NodeHours]:
    """Days whose list cost says one thing and what nothing covers another."""
    return [replace(day, paid=Decimal(of_it)) for day in days(hours)]


def test_the_promise_of_what_is_really_saved_is_held_to_what_nothing_covers() -> None:
    """A node of six goes: 57.6 USD a day at list become 48, of which nothing covered half before, and 24 after."""
    found = measure(paid("120", "24"), finding=HALF, before=paid("144", "28.8"))

    assert (found.promised, found.measured) == (Money(Decimal(146), "USD"), Money(Decimal("146.000000"), "USD"))
    assert (
        found.notes[1]
        == "Measured over 7 billed days at what is really paid: 146.00 USD a month, 100% of the promised saving of 146.00 USD."
    )


def test_machines_that_a_commitment_pays_for_anyway_save_nothing_however_many_go() -> None:
    found = measure(paid("120", "0"), finding=HALF, before=paid("144", "0"))

    assert found.measured == Money(Decimal("0.000000"), "USD")


def test_spot_is_measured_where_the_bill_says_what_was_paid() -> None:
    spot = replace(HALF, subject=replace(HALF.subject, field="capacity_type"))

    assert measure(paid("144", "17.28"), finding=spot, before=paid("144", "57.6")).measured == Money(Decimal("1226.400000"), "USD")


@pytest.mark.parametrize(
    ("after", "before"),
    [
        (paid("120", "24"), None),
        (days("120"), paid("144", "28.8")),
        (paid("120", "24"), days("144")),
        (paid("120", "24"), paid("144", "9")[:2]),
    ],
    ids=["no-before", "no-coverage-after", "no-coverage-before", "two-days-before"],
)
def test_a_bill_that_cannot_say_it_is_held_to_the_promise_at_list_price(after: list[NodeHours], before: list[NodeHours] | None) -> None:
    found = measure(after, finding=HALF, before=before)

    assert found.promised == FINDING.saving_list
    assert found.measured == Money(Decimal("292.000000"), "USD")
    assert "at list price" in found.notes[1]
