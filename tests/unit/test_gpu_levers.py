"""What is said of a GPU pool as a whole: other cards over the whole catalog, and never more than the evidence."""

from dataclasses import replace

import pytest

from tests.gpu_pools import A100_80, L4, NOW, T4, always, case, demand, kind
from tests.pool_cases import Shelf
from trimtab.analysis.demand import Demand
from trimtab.analysis.rightsize import Answer, analyze
from trimtab.records import EvidenceFloor, Finding, InstanceType, Refusal
from trimtab.units import GIB, Millicores


def answers(found: Demand, *shelf: InstanceType, nodes: int = 4) -> tuple[Answer, ...]:
    asked = case(found, A100_80, nodes=nodes).asked
    return analyze(
        pool=asked.pool, cluster=asked.cluster, demand=found, catalog=Shelf((A100_80, *shelf)), effective_rate=None, now=NOW,
        floor=EvidenceFloor(), is_nonproduction=True,
    )  # fmt: skip


def type_of(found: tuple[Answer, ...]) -> Finding | None:
    return next((each for each in found if isinstance(each, Finding) and each.subject.field == "instance_type"), None)


def jobs(**changes: object) -> Demand:
    """Four jobs that use a third of the compute and an eighth of the memory of their cards."""
    return demand(*always(pods=4.0, gpu_compute_used=1200.0, gpu_memory_used=10 * GIB, **changes), nodes=4)


def test_a_cheaper_card_that_carries_the_work_is_a_case_for_a_person() -> None:
    found = type_of(answers(jobs(), L4))

    assert found is not None
    assert (found.instance_type, bool(found.needs_person)) == ("g2-standard-12", True)
    assert any("depends on the program" in sentence for sentence in found.unknowns)


@pytest.mark.parametrize(
    "changes",
    [{"gpu_tensor_used": 400}, {"gpu_dram_used": 200}, {"gpu_fp64_used": 300}, {"gpu_fp64_used": None}, {"gpu_dram_used": None}],
    ids=["tensor", "bus", "fp64", "fp64 unmeasured", "bus unmeasured"],
)
def test_a_cheaper_card_that_does_not_is_not_said(changes: dict[str, object]) -> None:
    assert type_of(answers(jobs(**changes), L4)) is None


def test_a_card_in_machines_of_eight_costs_more_for_four() -> None:
    """Granularity: eight cards at a third of the price each are dearer than what four pods need."""
    eight = kind("l4-of-eight", "L4", 22888, gpus=8, price="24.00", cpu=96000)

    assert type_of(answers(jobs(), eight)) is None


def test_a_card_with_too_small_a_machine_around_it_is_not_offered() -> None:
    """The pod's processors and memory count as much as its card."""
    small = replace(L4, name="g2-standard-4", cpu=Millicores(4000), allocatable_cpu=Millicores(4000))

    assert type_of(answers(jobs(cpu_request=5000), small)) is None


def test_the_one_that_lost_is_named_with_its_reason() -> None:
    found = type_of(answers(jobs(), L4, T4))

    assert found is not None
    assert "n1-t4" in found.runner_up
    assert "BF16" in found.runner_up


def test_nothing_is_said_of_cards_that_nobody_measured() -> None:
    silent = jobs(gpu_tensor_used=None, gpu_dram_used=None, gpu_fp64_used=None, gpu_power=None, gpu_link_used=None)
    unknown = replace(silent, gpu_compute_used=silent.gpu_compute_used * float("nan"))

    found = answers(unknown, L4)

    assert not [each for each in found if isinstance(each, Finding) and each.subject.field in {"instance_type", "gpu_sharing"}]
    assert "gpu-metrics-missing" in {each.rule for each in found if isinstance(each, Refusal)}


def test_sharing_says_that_it_stands_instead_of_another_card() -> None:
    """Both savings together would be more than the pool costs."""
    found = [each for each in answers(jobs(), L4) if isinstance(each, Finding)]

    assert {each.rule for each in found} == {"instance-type-other", "gpu-sharing"}
    assert "instead of another type" in next(each for each in found if each.rule == "gpu-sharing").needs_person


def test_a_pool_whose_gpu_requests_nobody_read_is_not_counted_by_its_processors() -> None:
    """Shares of cards that nobody can size: neither none, nor few enough for fewer nodes."""
    found = answers(jobs(gpu_request=None), L4)

    assert [answer.rule for answer in found] == ["requests-missing"]
    assert isinstance(found[0], Refusal)
    assert "in GPUs was never read" in found[0].reason
