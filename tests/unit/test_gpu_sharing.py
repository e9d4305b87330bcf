"""Parts of GPUs: slices by name, shares by replicas, and nothing taken for a whole GPU that is none."""

import pytest

from trimtab.records import MetricSeries
from trimtab.sources.gpu_sharing import NodeGpus, PodShare, devices, node_gpus, pod_share

COUNT, REPLICAS = "label_nvidia_com_gpu_count", "label_nvidia_com_gpu_replicas"
PRODUCT, STRATEGY = "label_nvidia_com_gpu_product", "label_nvidia_com_gpu_sharing_strategy"
PLAIN = NodeGpus(physical=2)


def share(requests: dict[str, float], node: NodeGpus = PLAIN) -> tuple[str | None, int | None, int | None, int | None]:
    found = pod_share("shop/cart", requests, node)
    return found.sharing, found.shares, found.shares_of, found.request


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ("nvidia_com_gpu", (None, None, None, 1000)),
        ("nvidia_com_mig_1g_10gb", ("mig", 1, 7, 143)),
        ("nvidia_com_mig_1g_10gb_me", ("mig", 1, 7, 143)),
        ("nvidia_com_mig_3g_40gb", ("mig", 3, 7, 429)),
        ("nvidia_com_mig_7g_80gb", ("mig", 7, 7, 1000)),
        ("nvidia_com_mig_1g_6gb", ("mig", 1, 4, 250)),
        ("nvidia_com_mig_2g_12gb", ("mig", 2, 4, 500)),
    ],
)
def test_what_is_asked_for_says_which_part_it_is(resource: str, expected: tuple[str | None, int | None, int | None, int | None]) -> None:
    """An A30 has 4 slices, the others 7; koku and OpenCost differ on this, the profile decides."""
    assert share({resource: 1}) == expected


def test_a_share_needs_the_nodes_replicas() -> None:
    node = NodeGpus(physical=1, sharing="mps", replicas=10)

    assert share({"nvidia_com_gpu_shared": 2}, node) == ("mps", 2, 10, 200)
    unknown = pod_share("shop/cart", {"nvidia_com_gpu_shared": 1}, PLAIN)
    assert unknown == PodShare(request=None, warning="pod shop/cart: it holds 1 shares of GPUs, and nobody says how many a GPU has")


def test_parts_of_several_gpus_are_told_in_thousandths_and_said() -> None:
    node = NodeGpus(physical=4, sharing="time-slicing", replicas=4)

    assert share({"nvidia_com_gpu_shared": 6}, node) == (None, None, None, 1500)
    assert "parts of more than one GPU" in pod_share("shop/cart", {"nvidia_com_gpu_shared": 6}, node).warning
    assert share({"nvidia_com_gpu": 1, "nvidia_com_mig_1g_10gb": 1}) == (None, None, None, 1143)


def test_a_mig_slice_shared_in_time_is_unknown_and_never_whole() -> None:
    assert share({"nvidia_com_mig_1g_5gb_shared": 1}) == (None, None, None, None)


@pytest.mark.parametrize(
    ("capacity", "labels", "seen", "expected"),
    [
        ({"nvidia_com_gpu": 8}, {}, None, (8, None, None, False)),
        ({"nvidia_com_gpu": 8}, {REPLICAS: "1", COUNT: "8"}, 8, (8, None, None, False)),
        ({"nvidia_com_gpu_shared": 16}, {COUNT: "4", REPLICAS: "4"}, None, (4, "time-slicing", 4, False)),
        ({"nvidia_com_gpu_shared": 16}, {REPLICAS: "4", STRATEGY: "mps"}, None, (4, "mps", 4, False)),
        ({"nvidia_com_gpu_shared": 16}, {}, 4, (4, "time-slicing", 4, False)),
        ({"nvidia_com_gpu_shared": 16}, {}, None, (None, "time-slicing", None, False)),
        ({"nvidia_com_gpu": 16}, {COUNT: "4", REPLICAS: "4"}, None, (4, "time-slicing", 4, True)),
        ({"nvidia_com_gpu": 16}, {}, 4, (4, "time-slicing", 4, True)),
        ({"nvidia_com_gpu": 9}, {}, 4, (4, None, None, True)),
        ({"nvidia_com_mig_1g_5gb": 4, "nvidia_com_mig_3g_20gb": 1}, {}, None, (1, None, None, False)),
        ({"nvidia_com_mig_1g_5gb": 4, "nvidia_com_gpu": 0}, {COUNT: "2"}, None, (2, None, None, False)),
        ({}, {}, None, (0, None, None, False)),
    ],
)
def test_a_node_has_its_devices_however_they_are_listed(
    capacity: dict[str, float], labels: dict[str, str], seen: int | None, expected: tuple[float | None, str | None, int | None, bool]
) -> None:
    found = node_gpus("n1", capacity, labels, seen)

    assert (found.physical, found.sharing, found.replicas, found.is_hidden) == expected


def test_shares_that_come_out_uneven_are_said_and_their_pods_are_unknown() -> None:
    node = node_gpus("n1", {"nvidia_com_gpu": 9}, {}, 4)

    assert "nobody says how many of each" in node.warning
    assert share({"nvidia_com_gpu": 1}, node) == (None, None, None, None)


def test_with_mig_strategy_single_every_gpu_is_a_slice() -> None:
    node = node_gpus("n1", {"nvidia_com_gpu": 14}, {PRODUCT: "NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", COUNT: "14"}, None)

    assert (node.physical, node.single) == (2, (1, 7))
    assert share({"nvidia_com_gpu": 2}, node) == ("mig", 2, 7, 286)
    assert "counted from its MIG devices" in node.warning


def test_devices_are_counted_once_however_many_series_tell_of_them() -> None:
    series = [MetricSeries({"Hostname": "n1", "UUID": uuid, "GPU_I_ID": part}, ((0, 1.0),)) for uuid in ("a", "b") for part in "12"]

    assert devices(series) == {"n1": 2}


@pytest.mark.parametrize("resource", ["nvidia_com_mig_1g_24gb_gfx", "nvidia_com_mig_all"])
def test_a_slice_of_an_unknown_name_is_not_none(resource: str) -> None:
    """Newer cards bring profiles with other endings: what they hold is unknown, not zero."""
    found = pod_share("ml/train", {resource: 1.0}, NodeGpus(physical=1))

    assert found.request is None
    assert f"{resource} is no MIG profile that is known here" in found.warning
