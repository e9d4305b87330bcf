"""Each way in which dcgm-exporter is known to mislead, by name: nothing is counted twice, and nothing that is missing becomes idle."""

from collections.abc import Iterable, Mapping

import pytest

from tests.gpu_loads import DEFAULT_INSTALL, NEW, OLD, Exporter, load, open_metrics, usage_row
from tests.metric_series import AT, POD, STEPS, once, rows, series, steady
from trimtab.records import MetricSeries
from trimtab.sources.dcgm import MIB, of_hour, pod_gpus
from trimtab.sources.gpu_sharing import devices, models
from trimtab.sources.metric_points import Pod

A: Pod = ("ml", "a")
B: Pod = ("ml", "b")
SM, ENGINE, TENSOR = "DCGM_FI_PROF_SM_ACTIVE", "DCGM_FI_PROF_GR_ENGINE_ACTIVE", "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE"
DRAM, FB, UTIL, POWER = "DCGM_FI_PROF_DRAM_ACTIVE", "DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_POWER_USAGE"
ENERGY, LINK, FP64 = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "DCGM_FI_PROF_NVLINK_TX_BYTES", "DCGM_FI_PROF_PIPE_FP64_ACTIVE"
UTIL_NEW = "DCGM_FI_DEV_GPU_UTIL_RATIO"
Found = Mapping[str, Iterable[MetricSeries]]


def device(pod: Pod | None, value: float, uuid: str = "GPU-1", **labels: str) -> MetricSeries:
    held = {"exported_namespace": pod[0], "exported_pod": pod[1]} if pod else {}
    own = {"namespace": "gpu-operator", "pod": "nvidia-dcgm-exporter-x1", "Hostname": "n1"}
    return MetricSeries({"UUID": uuid, **own, **held, **labels}, ((300, value),))


def at(found: Found, measure: str, pod: Pod = A) -> float | None:
    gpus = pod_gpus(found)
    steps = getattr(gpus[pod], measure) if pod in gpus else {}
    return steps.get(300) if isinstance(steps, dict) else None


# ── MIG ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_mig_instance_without_gpu_util_is_not_idle() -> None:
    """By design the exporter has none there; neither GPU_UTIL nor its absence is read."""
    found = {SM: (device(A, 0.7, GPU_I_ID="1", GPU_I_PROFILE="3g.40gb"),)}

    assert at(found, "compute") == 0.7
    assert at({UTIL: (device(A, 0.0, GPU_I_ID="1"),)}, "compute") is None


def test_a_mig_instance_without_used_memory_has_unknown_memory() -> None:
    """Some drivers leave it out; the card's own series beside it is another device."""
    found = {SM: (device(A, 0.1, GPU_I_ID="1"),), FB: (device(None, 30000.0), device(B, 4000.0, GPU_I_ID="2"))}

    assert at(found, "memory") is None
    assert at(found, "memory", B) == 4000 * MIB


# ── Shared devices ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_time_slicing_without_the_flag_leaves_the_other_pods_unknown_and_not_idle() -> None:
    """One random pod owns the whole card."""
    found = {SM: (device(A, 0.8),), FB: (device(A, 9000.0),)}

    assert at(found, "compute") == 0.8
    assert at(found, "compute", B) is None


def test_copies_of_a_shared_device_are_one_device() -> None:
    """Each pod has the whole device's value: identical power, many times."""
    found = {SM: (device(A, 0.6, vgpu="0"), device(B, 0.6, vgpu="1")), POWER: (device(A, 90.0, vgpu="0"), device(B, 90.0, vgpu="1"))}

    assert (at(found, "compute"), at(found, "compute", B)) == (0.3, 0.3)
    assert (at(found, "power"), at(found, "power", B)) == (90.0, 90.0)


def test_mps_copies_are_taken_as_time_slices_are() -> None:
    found = {SM: tuple(device(("ml", name), 0.9) for name in "abc")}

    assert at(found, "compute") == pytest.approx(0.3)


def test_series_of_processes_stand_beside_the_devices_own_and_are_not_added_to_it() -> None:
    """From 4.5.3-4.8.2 on, a pod's own memory and GPU_UTIL come with its labels, and the device's whole ones without."""
    found = {FB: (device(None, 30000.0), device(A, 20000.0), device(B, 10000.0)), SM: (device(A, 0.5), device(B, 0.5))}

    assert (at(found, "memory"), at(found, "memory", B)) == (20000 * MIB, 10000 * MIB)
    assert (at(found, "compute"), at(found, "compute", B)) == (0.25, 0.25)


def test_a_pod_with_two_instances_of_one_card_holds_two_devices() -> None:
    found = {SM: (device(A, 0.5, GPU_I_ID="1"), device(A, 0.7, GPU_I_ID="2"))}

    assert (at(found, "compute"), at(found, "devices")) == (1.2, 2)


# ── Labels ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_device_without_pod_labels_is_nobodys_and_says_nothing_about_requests() -> None:
    """Labels vanish and flap. What is held is asked of kube-state-metrics."""
    base = series()
    asked = once({**POD, "container": "app", "resource": "nvidia_com_gpu"}, 1)
    found = {**series(request=(*base["request"], asked)), SM: (steady({"UUID": "GPU-1", "Hostname": "n1"}, 0.0),)}
    (row,) = [row for row in rows(found) if row["pod"]]

    assert (row["gpu_request"], row["gpu_compute_used_max"]) == (1000, None)


def test_labels_that_flap_leave_holes_and_no_idle_hour() -> None:
    base = series()
    asked = once({**POD, "container": "app", "resource": "nvidia_com_gpu"}, 1)
    held = {"UUID": "GPU-1", "Hostname": "n1", "exported_namespace": POD["namespace"], "exported_pod": POD["pod"]}
    found = {**series(request=(*base["request"], asked)), SM: (steady(held, 0.0, STEPS[:6]),)}
    (row,) = [row for row in rows(found) if row["pod"]]

    assert row["gpu_compute_used_max"] is None


def test_one_missed_step_does_not_make_an_hour_unknown() -> None:
    base = series()
    asked = once({**POD, "container": "app", "resource": "nvidia_com_gpu"}, 1)
    held = {"UUID": "GPU-1", "Hostname": "n1", "exported_namespace": POD["namespace"], "exported_pod": POD["pod"]}
    found = {**series(request=(*base["request"], asked)), SM: (steady(held, 0.25, STEPS[1:]),)}
    (row,) = [row for row in rows(found) if row["pod"]]

    assert row["gpu_compute_used_max"] == 250


def test_a_card_that_fell_off_the_bus_makes_the_pods_use_unknown() -> None:
    """It asked for two and one is seen: half of a sum looks like an idle GPU."""
    base = series()
    asked = once({**POD, "container": "app", "resource": "nvidia_com_gpu"}, 2)
    held = {"UUID": "GPU-1", "Hostname": "n1", "exported_namespace": POD["namespace"], "exported_pod": POD["pod"]}
    found = {**series(request=(*base["request"], asked)), SM: (steady(held, 0.01),), FB: (steady(held, 100.0),)}
    (row,) = [row for row in rows(found) if row["pod"]]

    assert (row["gpu_request"], row["gpu_compute_used_max"], row["gpu_memory_used_max"]) == (2000, None, None)


@pytest.mark.parametrize("label", ["Hostname", "hostname"])
def test_the_node_label_of_both_generations_is_read(label: str) -> None:
    """`Hostname` became `hostname` in 4.6.0-4.8.3: a join on one of them finds nothing of the other."""
    found = [MetricSeries({label: "n1", "UUID": "GPU-1", "modelName": "NVIDIA L4"}, ((0, 1.0),))]

    assert (devices(found), models(found)) == ({"n1": 1}, {"n1": "NVIDIA L4"})


def test_names_of_the_first_exporters_are_read() -> None:
    series = MetricSeries({"UUID": "GPU-1", "pod_name": "a", "pod_namespace": "ml"}, ((300, 0.5),))

    assert at({SM: (series,)}, "compute") == 0.5


def test_series_that_do_not_say_which_device_they_tell_of_are_left_out() -> None:
    """Two cards would pass for one, and half of what they do be lost."""
    nameless = MetricSeries({"exported_pod": "a", "exported_namespace": "ml"}, ((300, 0.5),))

    assert at({SM: (nameless,)}, "compute") is None


def test_a_claim_of_a_whole_device_is_a_gpu_that_no_request_tells_of() -> None:
    """Dynamic resource allocation: kube-state-metrics counts no such request."""
    held = {"UUID": "GPU-1", "Hostname": "n1", "exported_namespace": POD["namespace"], "exported_pod": POD["pod"], "dra_claim_name": "c"}
    whole = {**series(), SM: (steady(held, 0.5),)}
    slice_ = {**series(), SM: (steady({**held, "GPU_I_ID": "1", "dra_mig_profile": "3g.40gb"}, 0.7),)}

    (row,) = [row for row in rows(whole) if row["pod"]]
    (part,) = [row for row in rows(slice_) if row["pod"]]

    assert (row["gpu_request"], row["gpu_compute_used_max"]) == (1000, 500)
    assert (part["gpu_request"], part["gpu_sharing"], part["gpu_shares"], part["gpu_compute_used_max"]) == (429, "mig", 3, 300)


# ── What is missing, blank or broken ─────────────────────────────────────────────────────────────────────────────────
def test_profiling_fields_that_vanish_are_unknown_and_not_zero() -> None:
    """Without SYS_ADMIN the exporter drops them without a word."""
    row = usage_row(open_metrics(load("matmul"), Exporter(without=frozenset({"sm", "engine", "tensor", "dram"}))))

    assert (row["gpu_compute_used_max"], row["gpu_tensor_used_max"], row["gpu_dram_used_max"]) == (None, None, None)
    assert row["gpu_power_max"] == 408


@pytest.mark.parametrize("blank", [9223372036854775794.0, 140737488355328.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("name", [SM, FB, POWER, DRAM])
def test_a_blank_value_is_no_value(name: str, blank: float) -> None:
    found = {name: (device(A, blank),), TENSOR: (device(A, 0.1),)}
    measure = {SM: "compute", FB: "memory", POWER: "power", DRAM: "dram"}[name]

    assert at(found, measure) is None


def test_a_blank_of_one_device_does_not_take_the_unit_from_another() -> None:
    found = {SM: (device(A, 0.4), device(B, 140737488355328.0, uuid="GPU-2"))}

    assert (at(found, "compute"), at(found, "compute", B)) == (0.4, None)


def test_no_used_memory_with_load_is_broken_for_the_whole_exporter() -> None:
    """DCGM 2.4.5 wrote zeros. The idle pod beside it has not let its memory go."""
    found = {FB: (device(A, 0.0), device(B, 0.0, uuid="GPU-2"), device(None, 700.0, uuid="GPU-3")), UTIL: (device(A, 100.0),)}

    assert (at(found, "memory"), at(found, "memory", B)) == (None, None)


def test_no_used_memory_without_load_is_an_empty_card() -> None:
    found = {FB: (device(A, 0.0), device(B, 700.0, uuid="GPU-2")), SM: (device(A, 0.0),)}

    assert at(found, "memory") == 0


def test_energy_that_starts_again_at_zero_is_still_power() -> None:
    """A counter in millijoules, or since 4.9 in joules; asked for as a rate, which knows of resets."""
    text = "\n".join(
        f'{ENERGY}{{UUID="GPU-1",Hostname="n1",exported_namespace="{POD["namespace"]}",exported_pod="{POD["pod"]}"}} {value} {when}'
        for when, value in ((AT + minute * 60, (minute % 30) * 60 * 250_000) for minute in range(61))
    )
    row = usage_row(text)

    assert row["gpu_power_max"] == pytest.approx(250, abs=2)


@pytest.mark.parametrize(("rate", "expected"), [(250_000.0, 250.0), (250.0, 250.0), (0.0, None), (9e9, None)])
def test_energy_is_read_in_both_units_or_not_at_all(rate: float, expected: float | None) -> None:
    assert at({ENERGY: (device(A, rate),)}, "power") == expected


def test_measured_power_counts_before_energy() -> None:
    assert at({ENERGY: (device(A, 250.0),), POWER: (device(A, 100.0),)}, "power") == 100.0


# ── Units ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("value", "expected"), [(0.4, 0.4), (40.0, 0.4), (400.0, None)])
def test_a_ratio_is_told_from_a_percentage_and_a_thousand_is_neither(value: float, expected: float | None) -> None:
    assert at({SM: (device(A, value),)}, "compute") == expected


def test_gpu_util_ratio_that_is_still_a_percentage_is_no_evidence_of_anything() -> None:
    """DCGM 4.6 fills the new name with the old unit; either way it says neither work nor rest."""
    for value in (97.0, 0.97):
        found = {UTIL_NEW: (device(A, value),), DRAM: (device(A, 0.1),)}
        assert at(found, "compute") is None
    assert at({UTIL_NEW: (device(A, 97.0),), FB: (device(A, 0.0), device(None, 9.0, uuid="GPU-2"))}, "memory") is None


def test_nodes_that_are_upgraded_one_by_one_have_each_their_own_unit() -> None:
    """Half of the fleet in percent must not make a hundredth of the other half's activity."""
    old, new = device(A, 80.0), MetricSeries({**device(B, 0.8, uuid="GPU-2").labels, "Hostname": "n2"}, ((300, 0.8),))

    assert (at({SM: (old, new)}, "compute"), at({SM: (old, new)}, "compute", B)) == (0.8, 0.8)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [(FB, 40960.0, 40960.0 * MIB), (FB, 4.3e10, 4.3e10), (FB, 5e6, None), (f"{FB}_BYTES", 4.3e10, 4.3e10), (f"{FB}_BYTES", 40960.0, None)],
)
def test_memory_is_read_in_both_units_or_not_at_all(name: str, value: float, expected: float | None) -> None:
    assert at({name: (device(A, value),)}, "memory") == expected


@pytest.mark.parametrize(("value", "expected"), [(390.0, 390.0), (0.0, None), (390_000.0, None)])
def test_power_in_an_unknown_unit_is_unknown(value: float, expected: float | None) -> None:
    assert at({POWER: (device(A, value),)}, "power") == expected


@pytest.mark.parametrize("name", ["weights-idle", "tiny-kernel", "decode", "matmul", "stalled-input"])
@pytest.mark.parametrize("without", [frozenset(), DEFAULT_INSTALL])
def test_both_generations_give_the_same_usage_row(name: str, without: frozenset[str]) -> None:
    old, new = (usage_row(open_metrics(load(name), Exporter(names=names, without=without))) for names in (OLD, NEW))

    assert old == new
    assert old["gpu_power_max"] is not None


def test_labels_of_the_pod_itself_give_the_same_row_as_renamed_ones() -> None:
    """honorLabels keeps pod and namespace; the default renames them to exported_*."""
    kept = {"namespace": POD["namespace"], "pod": POD["pod"]}

    assert usage_row(open_metrics(load("decode"), Exporter(holder=kept))) == usage_row(open_metrics(load("decode")))


def test_links_and_double_precision_are_read_where_they_are_exported() -> None:
    found = {
        LINK: (MetricSeries({"gpu_uuid": "GPU-1", "exported_namespace": "ml", "exported_pod": "a"}, ((300, 5e9),)),),
        FP64: (device(A, 0.2),),
    }

    assert (at(found, "link"), at(found, "fp64")) == (5e9, 0.2)


def test_an_hour_in_which_the_pod_ran_for_minutes_counts_by_those_minutes() -> None:
    gpus = pod_gpus({SM: (MetricSeries({"UUID": "GPU-1", "exported_pod": "a", "exported_namespace": "ml"}, ((300, 0.5), (600, 0.7))),)})[A]

    assert of_hour(gpus, {300: 1.0, 600: 0.4}, 0, 1).compute == {300: 0.5, 600: 0.7}
