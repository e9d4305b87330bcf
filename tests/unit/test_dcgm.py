"""GPU series of two exporter generations: nothing is counted twice, and nothing that is missing becomes idle."""

import pytest

from trimtab.records import MetricSeries
from trimtab.sources.dcgm import MIB, holder, pod_gpus
from trimtab.sources.metric_points import Pod

A: Pod = ("ml", "a")
B: Pod = ("ml", "b")
SM, SM_NEW = "DCGM_FI_PROF_SM_ACTIVE", "DCGM_FI_PROF_SM_UTIL_RATIO"
ENGINE, TENSOR = "DCGM_FI_PROF_GR_ENGINE_ACTIVE", "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE"
FB, FB_NEW = "DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_FB_USED_BYTES"


def device(pod: Pod | None, value: float, uuid: str = "GPU-1", **labels: str) -> MetricSeries:
    held = {"exported_namespace": pod[0], "exported_pod": pod[1]} if pod else {}
    own = {"namespace": "gpu-operator", "pod": "nvidia-dcgm-exporter-x1"}
    return MetricSeries({"UUID": uuid, **own, **held, **labels}, ((300, value),))


def compute(found: dict[str, tuple[MetricSeries, ...]], pod: Pod = A) -> float | None:
    gpus = pod_gpus(found)
    return gpus[pod].compute.get(300) if pod in gpus else None


def memory(series: tuple[MetricSeries, ...], pod: Pod = A, name: str = FB) -> float | None:
    gpus = pod_gpus({name: series})
    return gpus[pod].memory.get(300) if pod in gpus else None


@pytest.mark.parametrize("name", [SM, SM_NEW])
def test_both_generations_names_are_read(name: str) -> None:
    assert compute({name: (device(A, 0.4),)}) == 0.4


def test_a_percentage_is_told_from_a_ratio() -> None:
    assert compute({SM_NEW: (device(A, 40.0),)}) == pytest.approx(0.4)


@pytest.mark.parametrize("value", [9223372036854775794.0, -1.0, 4000.0])
def test_an_absurd_value_is_unknown(value: float) -> None:
    assert compute({SM: (device(A, value),)}) is None


def test_a_shared_device_is_shared_and_not_copied() -> None:
    """Time slicing: the exporter writes the whole device's value once per pod."""
    series = (device(A, 0.6), device(B, 0.6))

    assert compute({SM: series}) == pytest.approx(0.3)
    assert compute({SM: series}, B) == pytest.approx(0.3)


def test_two_devices_add_up() -> None:
    assert compute({SM: (device(A, 0.5), device(A, 0.7, uuid="GPU-2"))}) == pytest.approx(1.2)


def test_two_mig_instances_of_one_device_are_two() -> None:
    series = (device(A, 0.5, GPU_I_ID="1"), device(B, 0.9, GPU_I_ID="2"))

    assert (compute({SM: series}), compute({SM: series}, B)) == (0.5, 0.9)


def test_a_silent_device_makes_the_pods_sum_unknown() -> None:
    """Half of a sum looks like an idle GPU."""
    silent = device(A, 5000.0, uuid="GPU-2")

    assert compute({SM: (device(A, 0.5),), FB: (device(A, 5000.0), silent)}) is None


def test_without_sm_activity_the_engine_is_an_upper_bound() -> None:
    assert compute({ENGINE: (device(A, 0.9),), TENSOR: (device(A, 0.1),)}) == 0.9


def test_tensor_activity_alone_says_nothing() -> None:
    """A job that never uses tensor cores would look idle."""
    assert compute({TENSOR: (device(A, 0.1),)}) is None


def test_no_profiling_fields_at_all_is_unknown_and_not_idle() -> None:
    assert compute({FB: (device(A, 5000.0),)}) is None


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [(FB, 15360.0, 15360.0 * MIB), (FB, 16e9, 16e9), (FB_NEW, 16e9, 16e9), (FB, 5e6, None), (FB, 0.0, None), (FB, 9.2e18, None)],
)
def test_memory_is_bytes_whatever_the_exporter_says(name: str, value: float, expected: float | None) -> None:
    assert memory((device(A, value),), name=name) == expected


def test_a_pods_memory_is_the_sum_of_its_devices() -> None:
    assert memory((device(A, 100.0), device(A, 50.0, uuid="GPU-2"), device(None, 900.0))) == 150.0 * MIB


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"exported_pod": "a", "exported_namespace": "ml", "pod": "dcgm-exporter-1", "namespace": "gpu"}, A),
        ({"pod": "a", "namespace": "ml"}, A),
        ({"pod": "a", "namespace": "gpu-operator", "exported_namespace": "ml"}, A),
        ({"pod": "dcgm-exporter-abc", "namespace": "gpu"}, None),
        ({"pod": "nvidia-dcgm-exporter-abc", "namespace": "gpu"}, None),
        ({"pod": "gpus-x7k2p", "namespace": "gpu", "container": "nvidia-dcgm-exporter"}, None),
        ({}, None),
    ],
)
def test_the_exporters_own_pod_holds_no_gpu(labels: dict[str, str], expected: Pod | None) -> None:
    assert holder(labels) == expected
