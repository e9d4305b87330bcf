"""Several pods on a card, and cards that rest by the clock: always for a person, with what is lost and what it costs."""

from decimal import Decimal

import pytest

from tests.gpu_pools import A100_40, A100_80, DAYS, L4, T4, always, case, demand, kind, row
from trimtab.analysis.demand import Demand
from trimtab.analysis.gpu import gpu_use
from trimtab.analysis.gpu_facts import gpu_of
from trimtab.analysis.gpu_sharing import schedule, share
from trimtab.records import Finding, InstanceType, Refusal
from trimtab.units import GIB, Money


def asked(found: Demand, instance: InstanceType = A100_80, *, nodes: int = 4) -> Finding | Refusal | None:
    pool = case(found, instance, nodes=nodes)
    return share(pool, gpu_use(found, 0.95, gpu_of(instance)))


def finding(found: Demand, instance: InstanceType = A100_80, *, nodes: int = 4) -> Finding:
    answer = asked(found, instance, nodes=nodes)
    assert isinstance(answer, Finding)
    return answer


def light(pods: int = 4, /, **changes: object) -> Demand:
    """So many pods, each on a card of its own, each using a tenth of it."""
    signals: dict[str, object] = {"gpu_compute_used": 80.0 * pods, "gpu_memory_used": 7 * GIB, "gpu_dram_used": 60, "kind": "Deployment"}
    quiet: dict[str, object] = {"gpu_power": None, "pods": float(pods)}
    return demand(*always(**quiet | signals | changes), nodes=pods)


# ── MIG ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_light_pods_on_a_card_that_can_be_cut_get_slices() -> None:
    found = finding(light())

    assert (found.rule, found.subject.field, found.changes[0].new) == ("gpu-sharing", "gpu_sharing", "mig-1g.10gb")
    assert (found.nodes_old, found.nodes_new) == (4, 1)
    assert found.saving_list == Money(Decimal("5.07") * 3 * 730, "USD")
    assert "7 pods per A100-80, each with 1 of 7 slices and 10 GB, 1 node would do where whole cards need 4" in found.evidence.lines[0]


def test_it_is_for_a_person_and_says_what_is_lost() -> None:
    found = finding(light())

    assert "MIG strategy single, configuration all-1g.10gb" in found.needs_person
    assert "resets after an error" in found.evidence.lines[1]
    assert found.evidence.violations_new == 0


@pytest.mark.parametrize(
    ("instance", "gib", "compute", "setting"),
    [
        (A100_80, 8.4, 100, "mig-1g.10gb"),
        (A100_80, 8.7, 100, "mig-1g.20gb"),
        (A100_80, 8.4, 200, "mig-2g.20gb"),
        (A100_80, 8.4, 320, "mig-3g.40gb"),
        (A100_40, 4.2, 100, "mig-1g.5gb"),
        (A100_40, 8.4, 100, "mig-1g.10gb"),
    ],
)
def test_the_smallest_profile_with_a_tenth_of_room_is_taken(instance: InstanceType, gib: float, compute: float, setting: str) -> None:
    found = finding(light(gpu_memory_used=gib * GIB, gpu_compute_used=4.0 * compute), instance)

    assert found.changes[0].new == setting


def test_a_slice_has_its_part_of_the_memory_bus_only() -> None:
    """A tenth of the compute and a third of the bandwidth does not live on an eighth of it."""
    assert finding(light(gpu_dram_used=300)).changes[0].new == "mig-3g.40gb"


# ── Taking turns ─────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("instance", [L4, T4])
def test_a_card_that_cannot_be_cut_gets_no_slices(instance: InstanceType) -> None:
    found = finding(light(gpu_memory_used=4 * GIB), instance)

    assert found.changes[0].new.startswith("time-slicing-")
    assert "it cannot be cut by MIG" in found.evidence.lines[0]
    assert "Nothing keeps them apart" in found.evidence.lines[1]


def test_turns_are_as_many_as_memory_and_compute_bear() -> None:
    assert finding(light(gpu_memory_used=6 * GIB), L4).changes[0].new == "time-slicing-3"
    assert finding(light(gpu_memory_used=GIB), L4).changes[0].new == "time-slicing-4"
    assert finding(light(gpu_memory_used=GIB, gpu_compute_used=4 * 300.0), L4).changes[0].new == "time-slicing-2"


# ── Who does not share ───────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "changes",
    [
        {"gpu_compute_used": 4 * 700.0},
        {"gpu_memory_used": 50 * GIB},
        {"gpu_dram_used": 700},
        {"gpu_compute_used": None},
        {"gpu_request": 2000.0, "pods": 2.0},
        {"gpu_request": 143.0},
        {"gpu_compute_used": 0.0, "gpu_memory_used": GIB},
    ],
    ids=["busy", "full", "bus", "unmeasured", "several", "shared already", "held idle"],
)
def test_who_would_not_bear_it_is_left_alone(changes: dict[str, object]) -> None:
    assert asked(light(**changes)) is None


def test_one_busy_workload_keeps_the_whole_pool_whole() -> None:
    """The setting is the pool's."""
    rows = (*always(gpu_compute_used=80.0), *always(workload="ml/train", gpu_compute_used=900.0))

    assert asked(demand(*rows, nodes=2), nodes=2) is None


@pytest.mark.parametrize("missing", ["gpu_dram_used", "gpu_memory_used"])
def test_what_is_not_measured_is_asked_for(missing: str) -> None:
    answer = asked(light(**{"gpu_compute_used": 0.0, "gpu_tensor_used": 0.0, missing: None}))

    assert isinstance(answer, Refusal)
    assert answer.rule == "gpu-sharing-unknown"
    assert "DRAM_ACTIVE" in answer.needs


def test_a_single_node_has_nothing_to_save() -> None:
    assert asked(light(1), nodes=1) is None


def test_nodes_that_are_too_many_anyway_are_not_saved_twice() -> None:
    """The count is another lever's: four pods want five nodes with their margin, so of twenty sharing saves four."""
    assert finding(light(), nodes=20).saving_list == finding(light(), nodes=5).saving_list


def test_pods_that_need_the_nodes_processors_share_no_more_than_those() -> None:
    """Seven pods of five cores do not fit a node of twelve, however many slices it has."""
    found = finding(light(cpu_request=5000))

    assert found.nodes_new == 2


def test_a_card_that_nobody_wrote_down_is_left_alone() -> None:
    assert asked(light(), kind("other", "B300", 275040)) is None


# ── By the clock ─────────────────────────────────────────────────────────────────────────────────────────────────────
def by_day(busy: range = range(8, 20), **changes: object) -> Demand:
    """A replica that is asked by day, and waits loaded by night."""
    return demand(
        *(
            row(hour, kind="Deployment", gpu_compute_used=400.0 if hour % 24 in busy else 3.0, gpu_memory_used=60 * GIB, **changes)
            for hour in range(24 * DAYS)
        )
    )


def planned(found: Demand, nodes: int = 1) -> Finding | None:
    pool = case(found, A100_80, nodes=nodes)
    return schedule(pool, gpu_use(found, 0.95, gpu_of(A100_80)))


def test_a_replica_that_rests_every_night_has_its_nights_priced() -> None:
    found = planned(by_day())

    assert found is not None
    assert (found.rule, found.nodes_old, found.nodes_new) == ("gpu-schedule", 1, 0)
    assert abs(found.saving_list.amount - Decimal("5.07") * 730 / 2) < Decimal("0.01")
    assert "In 84 of the 168 hours of a week (50%)" in found.evidence.lines[0]
    assert "Fri 20:00 to Sat 08:00" in found.evidence.lines[0] or "Mon 20:00 to Tue 08:00" in found.evidence.lines[0]
    assert "scale to zero" in found.needs_person


def test_a_pool_that_goes_down_to_none_already_has_no_schedule() -> None:
    """From a minimum of 0 to a minimum of 0 is no change."""
    assert planned(by_day(), nodes=0) is None


def test_a_replica_that_always_rests_has_no_schedule() -> None:
    """That one is said as warm: a full card that waits is not for the clock to decide about."""
    assert planned(by_day(range(0))) is None


def test_a_replica_that_never_rests_has_no_schedule() -> None:
    assert planned(by_day(range(24))) is None


def test_one_busy_night_in_four_weeks_keeps_that_night() -> None:
    rows = [
        row(hour, kind="Deployment", gpu_compute_used=400.0 if hour % 24 in range(8, 20) or hour == 24 * 8 + 2 else 3.0)
        for hour in range(24 * DAYS)
    ]
    found, whole = planned(demand(*rows)), planned(by_day())

    assert found is not None
    assert whole is not None
    assert found.saving_list < whole.saving_list


def test_nights_that_were_not_measured_are_not_quiet() -> None:
    rows = [
        row(hour, kind="Deployment", gpu_compute_used=400.0 if hour % 24 in range(8, 20) else None if hour < 24 * 7 else 3.0)
        for hour in range(24 * DAYS)
    ]

    assert planned(demand(*rows)) is None


def test_jobs_are_not_put_on_a_schedule() -> None:
    assert planned(demand(*(row(hour, gpu_compute_used=400.0 if hour % 24 < 12 else 3.0) for hour in range(24 * DAYS)))) is None


def test_a_pool_with_other_pods_on_it_is_not_sent_home() -> None:
    rows = [row(hour, kind="Deployment", gpu_compute_used=400.0 if hour % 24 < 12 else 3.0) for hour in range(24 * DAYS)]
    others = always(workload="shop/web", kind="Deployment", gpu_request=0.0, gpu_compute_used=0.0)

    assert planned(demand(*rows, *others)) is None
