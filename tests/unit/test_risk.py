"""Each dimension of risk by its table: known and small is low, unknown never is."""

from dataclasses import replace

import pytest

from tests.judgement import NOW, chart, cluster, evidence, facts, finding, pool, with_finding
from trimtab.policy.risk import Scales, risk_of
from trimtab.records import EvidenceFloor, Facts, FieldChange, Place, Risk, Subject

SCALES = Scales(now=NOW, floor=EvidenceFloor())


def risk(changed: Facts) -> Risk:
    return risk_of(changed, SCALES)


def count(old: int, new: int) -> dict[str, object]:
    return {"changes": (FieldChange(field="count", old=str(old), new=str(new)),), "nodes_old": old, "nodes_new": new}


@pytest.mark.parametrize(
    ("measured", "level"),
    [
        (evidence(chart=chart(peak=32.0)), 0),
        (evidence(chart=chart(peak=37.0)), 1),
        (evidence(chart=chart(peak=39.9)), 2),
        (evidence(chart=chart(peak=45.0)), 3),
        (evidence(violations_new=2, violations_old=2), 3),
        (evidence(violations_new=3, violations_old=2), 4),
        (evidence(judged_days=0), None),
        (evidence(judged_steps=0), None),
        (evidence(chart=()), None),
    ],
)
def test_headroom(measured: object, level: int | None) -> None:
    assert risk(with_finding(evidence=measured)).headroom == level


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        (count(6, 3), 0),
        (count(3, 2), 1),
        (count(2, 1), 2),
        (count(1, 0), 4),
        ({**count(6, 5), "disruption": ("queue is a StatefulSet.",)}, 2),
        ({**count(6, 5), "disruption": ("queue is a StatefulSet.",), "is_repave": True}, 3),
        (count(1, 2), 0),
    ],
)
def test_availability(changes: dict[str, object], level: int) -> None:
    assert risk(with_finding(**changes)).availability == level


@pytest.mark.parametrize(
    ("changed", "level"),
    [
        (facts(), 1),
        (facts(instance_gpus=4), 2),
        (facts(instance_gpus=None), None),
        (facts(instance_gpus=0, finding=finding(is_repave=True)), 2),
        (facts(instance_gpus=1, finding=finding(is_repave=True)), 3),
        (facts(cluster=cluster(pool(capacity_type="spot"))), 2),
        (facts(instance_gpus=None, finding=finding(**count(5, 6))), 0),
    ],
)
def test_reversibility(changed: Facts, level: int | None) -> None:
    assert risk(changed).reversibility == level


@pytest.mark.parametrize(
    ("changed", "level"),
    [
        (facts(), 1),
        (with_finding(**count(6, 2)), 2),
        (facts(cluster=cluster(pool()), finding=finding(**count(6, 1))), 3),
        (with_finding(is_repave=True), 3),
        (facts(owners=()), None),
        (facts(cluster=None), None),
        (facts(owners=(("a", 0.3), ("b", 0.3), ("c", 0.2), ("d", 0.2))), 2),
    ],
)
def test_blast_radius(changed: Facts, level: int | None) -> None:
    assert risk(changed).blast_radius == level


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({}, 0),
        ({"evidence": evidence(coverage=0.96)}, 1),
        ({"unknowns": ("Local volumes were not read.",)}, 2),
        ({"evidence": evidence(coverage=0.90)}, 3),
        ({"evidence": evidence(coverage=float("nan"))}, 3),
        ({"evidence": evidence(coverage=0.2)}, 4),
        ({"saving_effective": None, "unknowns": ("What the bill charged is not known.",)}, 0),
    ],
)
def test_data_quality(changes: dict[str, object], level: int) -> None:
    assert risk(with_finding(**changes)).data_quality == level


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        (count(20, 18), 0),
        (count(20, 15), 1),
        (count(20, 12), 2),
        (count(20, 8), 3),
        (count(20, 2), 4),
        (count(2, 1), 1),
        (count(2, 4), 2),
        ({"changes": (FieldChange(field="count", old="six", new="5"),)}, None),
        ({"changes": (FieldChange(field="instance_type", old="a", new="b"),), "nodes_new": 6}, 2),
    ],
)
def test_step_size(changes: dict[str, object], level: int | None) -> None:
    assert risk(with_finding(**changes)).step_size == level


def test_a_quota_is_stepped_by_its_own_numbers() -> None:
    subject = replace(finding().subject, field="cpu_cores")
    halved = with_finding(subject=subject, changes=(FieldChange(field="cpu_cores", old="100", new="40"),), nodes_old=6, nodes_new=6)

    assert risk(halved).step_size == 3


@pytest.mark.parametrize(
    ("changed", "level"),
    [
        (facts(), 0),
        (facts(place=Place(repo="gitops", path="a.yaml", cluster="dev_east", pool="batch")), 1),
        (facts(cluster=cluster(pool(count=9))), 3),
        (facts(declared=pool(count=7)), 4),
        (facts(declared=None), None),
        (facts(place=None), None),
        (facts(cluster=cluster(pool(name="other"))), None),
    ],
)
def test_mapping(changed: Facts, level: int | None) -> None:
    assert risk(changed).mapping == level


def test_a_count_that_the_autoscaler_moves_is_no_drift() -> None:
    live, declared = pool(count=9, minimum=3, maximum=12), pool(count=6, minimum=3, maximum=12)
    lowered = finding(
        subject=Subject(cluster_uid=live.cluster_uid, pool="batch", field="min"), changes=(FieldChange(field="min", old="3", new="2"),)
    )

    assert risk(facts(cluster=cluster(live), declared=declared, finding=lowered)).mapping == 0
