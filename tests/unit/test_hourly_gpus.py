"""Parts of GPUs in hourly rows: a share is no GPU, and a busy share a part of a busy GPU."""

from datetime import timedelta

from tests.metric_series import HOUR, POD, TARGET, Found, once, rows, series, steady
from trimtab.demo.estate.usage import COLUMNS
from trimtab.sources.prometheus import hourly


def gpu_series(resource: str, amount: float, capacity: dict[str, float], labels: dict[str, str]) -> Found:
    """The one pod asks for so many of a resource; the one node lists these and carries these labels."""
    base = series()
    listed = tuple(once({"node": "n1", "resource": name}, value) for name, value in capacity.items())
    return series(
        request=(*base["request"], once({**POD, "container": "app", "resource": resource}, amount)),
        capacity=(*base["capacity"], *listed),
        node_labels=(once({"node": "n1", "label_pool": "web", **labels}),),
    )


def test_a_mig_slice_is_a_part_of_a_gpu_and_a_busy_slice_a_part_of_a_busy_gpu() -> None:
    device = {"Hostname": "n1", "UUID": "GPU-1", "GPU_I_ID": "3", "exported_namespace": POD["namespace"], "exported_pod": POD["pod"]}
    found = {
        **gpu_series("nvidia_com_mig_3g_20gb", 1, {"nvidia_com_mig_3g_20gb": 2}, {"label_nvidia_com_gpu_count": "1"}),
        "DCGM_FI_PROF_SM_ACTIVE": (steady(device, 0.7),),
    }
    node, pod = rows(found)

    assert node["gpu_capacity"] == 1000
    assert (pod["gpu_sharing"], pod["gpu_shares"], pod["gpu_shares_of"], pod["gpu_request"]) == ("mig", 3, 7, 429)
    assert pod["gpu_compute_used"] == 300


def test_shares_under_the_name_of_whole_gpus_are_told_apart_and_said() -> None:
    """With renameByDefault=false four shares of one GPU look like four GPUs."""
    found = gpu_series(
        "nvidia_com_gpu", 1, {"nvidia_com_gpu": 4}, {"label_nvidia_com_gpu_replicas": "4", "label_nvidia_com_gpu_count": "1"}
    )

    hours = hourly(TARGET, found, HOUR, HOUR + timedelta(hours=1))

    node, pod = (dict(zip(COLUMNS, row, strict=True)) for row in hours.rows)
    assert node["gpu_capacity"] == 1000
    assert (pod["gpu_sharing"], pod["gpu_shares"], pod["gpu_shares_of"], pod["gpu_request"]) == ("time-slicing", 1, 4, 250)
    assert hours.warnings == (
        "node n1: 4 GPUs are 1 shared by 4 under the name nvidia.com/gpu; set renameByDefault: true so that nobody takes a share for a GPU",
    )
