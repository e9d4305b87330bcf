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
from trimtab.savings.verify import Health, NodeHours, is_decided, outcome
from trimtab.units import Money

MERGED = datetime(2026, 7, 20, 9, tzinfo=UTC)
NOW = MERGED + timedelta(days=5)
WELL = Health(state="Running", health="Healthy", pending_pods=0, measured_at=NOW)


def days(hours: str, count: int = 4, price: str = "0.40") -> list[NodeHours]:
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


def test_two_days_measure_nothing() -> None:
    found = measure(days("120", count=2))

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


@pytest.mark.parametrize(
    "changes",
    [
        {"pending_pods": None},
        {"measured_at": None},
        {"measured_at": MERGED - timedelta(hours=1)},
        {"state": None},
        {"health": None},
        {"state": "Provisioning"},
    ],
)
def test_what_is_not_known_is_not_health(changes: dict[str, object]) -> None:
    found = measure(days("120"), health=replace(WELL, **changes))  # type: ignore[arg-type]

    assert found.is_healthy is None
    assert not is_decided(found)


@pytest.mark.parametrize("changes", [{"pending_pods": 3}, {"health": "Unhealthy"}, {"state": "Failed"}])
def test_what_is_seen_to_be_wrong_is_a_regression(changes: dict[str, object]) -> None:
    assert measure(days("120"), health=replace(WELL, **changes)).is_healthy is False  # type: ignore[arg-type]
