"""May this pool live on another card? Memory first, then the roofline, then what nobody can measure; in doubt no."""

import pytest

from tests.gpu_pools import A10G, A100_40, A100_80, H100, L4, L40S, T4, V100, always, case, demand, kind
from trimtab.analysis.demand import Drain
from trimtab.analysis.gpu import FIX_CODE
from trimtab.analysis.gpu_facts import GPUS
from trimtab.analysis.gpu_switch import objection, questions
from trimtab.records import InstanceType
from trimtab.units import GIB


def rule(old: InstanceType, new: InstanceType, **changes: object) -> str | None:
    found = objection(case(demand(*always(**changes)), old), new)
    return found[0] if found else None


def test_a_light_load_that_fits_may_move_down() -> None:
    assert rule(A100_80, L4) is None


@pytest.mark.parametrize(
    ("old", "new", "gib", "tensor", "dram"),
    [
        (A100_80, L4, 20.1, 0.31, 0.12),
        (A100_40, L4, 20.1, 0.31, 0.15),
        (A100_40, A10G, 20.1, 0.18, 0.31),
        (A100_80, L40S, 40.2, 1.0, 0.34),
        (H100, A100_80, 72.0, 0.25, 0.49),
        (H100, L40S, 40.2, 0.29, 0.21),
        (V100, T4, 14.4, 0.42, 0.28),
    ],
)
def test_the_limits_of_each_switch(old: InstanceType, new: InstanceType, gib: float, tensor: float, dram: float) -> None:
    """The published table: what a card may have been asked for at most, before another one can take over. H100 keeps its FP8 question."""
    light: dict[str, object] = {"gpu_compute_used": 50, "gpu_tensor_used": 0, "gpu_dram_used": 0, "gpu_memory_used": GIB}
    first = "gpu-format" if old is H100 and new is A100_80 else None

    assert rule(old, new, **light) == first
    assert rule(old, new, **light | {"gpu_memory_used": (gib - 0.2) * GIB}) == first
    assert rule(old, new, **light | {"gpu_memory_used": (gib + 0.2) * GIB}) == ("gpu-memory" if new.gpu_memory < old.gpu_memory else first)
    if first is None:
        over = 1000 * (tensor + 0.02)
        assert rule(old, new, **light | {"gpu_tensor_used": 1000 * (tensor - 0.02)}) is None
        assert over > 1000 or rule(old, new, **light | {"gpu_tensor_used": over}) == "gpu-tensor"
        assert rule(old, new, **light | {"gpu_dram_used": 1000 * (dram - 0.02)}) is None
        assert rule(old, new, **light | {"gpu_dram_used": 1000 * (dram + 0.02)}) == "gpu-bandwidth"


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ("gpu_memory_used", "gpu-memory-unknown"),
        ("gpu_tensor_used", "gpu-tensor-unknown"),
        ("gpu_dram_used", "gpu-bandwidth-unknown"),
        ("gpu_fp64_used", "gpu-fp64-unknown"),
    ],
)
def test_what_is_not_measured_is_a_no(missing: str, expected: str) -> None:
    assert rule(A100_80, L4, **{missing: None}) == expected


def test_compute_that_is_not_measured_is_a_no_where_the_other_card_is_slower() -> None:
    assert rule(A100_80, T4, gpu_compute_used=None, gpu_memory_used=GIB) == "gpu-format"
    assert rule(V100, T4, gpu_compute_used=None, gpu_memory_used=GIB) == "gpu-compute-unknown"


def test_a_program_without_tensor_cores_is_held_to_plain_arithmetic() -> None:
    assert rule(V100, T4, gpu_compute_used=600, gpu_tensor_used=0, gpu_memory_used=GIB) == "gpu-compute"


def test_double_precision_stays_where_it_is() -> None:
    assert rule(A100_80, L4, gpu_fp64_used=60) == "gpu-fp64"
    assert rule(A100_80, L4, gpu_fp64_used=2) is None
    assert rule(A100_80, A100_40, gpu_fp64_used=900) is None
    assert rule(L40S, L4, gpu_fp64_used=None, gpu_dram_used=20) == "gpu-fp64-unknown"


@pytest.mark.parametrize(("old", "new"), [(A100_80, T4), (A100_80, V100), (H100, A100_80), (L40S, A10G)])
def test_a_number_format_that_the_other_card_lacks_may_be_the_one_in_use(old: InstanceType, new: InstanceType) -> None:
    """BF16 and FP8 are seen by no metric."""
    assert rule(old, new, gpu_memory_used=GIB, gpu_tensor_used=10, gpu_dram_used=10) == "gpu-format"


@pytest.mark.parametrize(("link", "expected"), [(None, "gpu-link-unknown"), (5e9, "gpu-link"), (0, None)])
def test_pods_with_several_cards_keep_their_links(link: float | None, expected: str | None) -> None:
    several = kind("a2-ultragpu-2g", "A100-80", 81920, gpus=2)

    assert rule(several, L40S, gpu_request=2000, gpu_link_used=link) == expected


def test_one_card_has_nobody_to_talk_to() -> None:
    assert rule(A100_80, L40S, gpu_link_used=None) is None


def test_parts_of_a_card_are_not_moved() -> None:
    assert rule(A100_80, L4, gpu_request=143, gpu_compute_used=40, gpu_memory_used=GIB) == "gpu-shared"


def test_pods_that_name_their_card_stay() -> None:
    drains = {"ml/model": Drain(pinned={"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB"})}
    found = objection(case(demand(*always(), drains=drains)), L4)

    assert found is not None
    assert found == ("gpu-pinned", "ml/model asks for nodes by nvidia.com/gpu.product: on another card its pods would find no place.")


def test_a_card_that_is_not_the_catalogs_is_not_compared() -> None:
    """The PCIe form has other peaks and another power limit."""
    found = objection(case(demand(*always(), model="NVIDIA A100 80GB PCIe")), L4)

    assert found is not None
    assert found[0] == "gpu-model-differs"


@pytest.mark.parametrize("model", ["B300", "RTX-PRO-4500", "V520", "made up"])
def test_a_card_that_nobody_wrote_down_is_a_no(model: str) -> None:
    assert rule(A100_80, kind("other", model, 99999)) == "gpu-unknown"
    assert rule(kind("other", model, 99999), L4) == "gpu-unknown"


def test_one_hungry_hour_in_four_weeks_is_a_floor_for_memory() -> None:
    """Not so for bandwidth, whose 99th percentile counts: a slow hour is a slow hour, a full card is a crash."""
    rows = list(always())
    rows[100] = rows[100]._replace(gpu_memory_used=70.0 * GIB, gpu_dram_used=900.0)

    assert objection(case(demand(*rows)), L4) == (
        "gpu-memory", "ml/model held up to 70.0 GiB and an L4 offers 20.1 GiB (90% of 22.4).",
    )  # fmt: skip


def test_every_workload_must_agree() -> None:
    heavy = always(workload="ml/heavy", gpu_memory_used=60 * GIB)

    found = objection(case(demand(*always(), *heavy, nodes=2), nodes=2), L4)

    assert found is not None
    assert found[1].startswith("ml/heavy held")


def test_the_same_card_in_another_machine_is_no_switch() -> None:
    assert rule(A100_80, kind("a2-ultragpu-2g", "A100-80", 81920, gpus=2), gpu_memory_used=None) is None


def test_what_serves_somebody_is_a_question_of_how_long_an_answer_may_take() -> None:
    """Decoding reads the weights once per token: 6.8 times less bandwidth is 6.8 times slower, at 10 % use too."""
    served, trained = case(demand(*always(kind="Deployment"))), case(demand(*always(kind="Job")))

    assert "up to 6.8 times as long" in questions(served, L4)[0]
    assert questions(trained, L4) == questions(served, L4)[1:]
    assert FIX_CODE in questions(trained, L4)
    assert questions(served, A100_80) == ()


def test_an_empty_pool_has_nothing_against_another_card() -> None:
    idle = tuple(found._replace(gpu_request=0.0) for found in always())

    assert objection(case(demand(*idle)), L4) is None


def test_peaks_are_positive_and_profiles_fit_their_card() -> None:
    for gpu in GPUS.values():
        assert min(gpu.tensor, gpu.fp32, gpu.fp64, gpu.bandwidth, gpu.watts, gpu.memory_mib) > 0
        assert bool(gpu.profiles) == bool(gpu.slices)
        assert all(each.slices * each.most <= gpu.slices for each in gpu.profiles)
        assert all(each.memory_gb * each.most * 1000 <= gpu.memory_mib * 1.074 for each in gpu.profiles)


def test_the_larger_form_of_a_card_holds_as_much_as_the_catalog_says() -> None:
    """30 GiB in a V100 of 32 GiB are no 16 GiB that would fit an A10G."""
    large = kind("p3dn", "V100", 32768, price="3.90")
    light: dict[str, object] = {"gpu_compute_used": 50, "gpu_tensor_used": 10, "gpu_dram_used": 10}

    assert rule(large, A10G, **light, gpu_memory_used=30 * GIB) == "gpu-memory"
    assert rule(large, A10G, **light, gpu_memory_used=10 * GIB) is None
