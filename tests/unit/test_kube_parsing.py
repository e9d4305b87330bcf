"""What Kubernetes objects mean for a row, rule by rule."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kube_world import Item, asks, autoscaler, budget, claim, container, meta, node, pod, volume
from trimtab.errors import Upstream
from trimtab.sources.kube_meta import MOST_WORDS, kept, parse_meta
from trimtab.sources.kube_objects import Kind, parse_autoscaler, parse_budget, parse_claim, parse_node, parse_page, parse_volume
from trimtab.sources.kube_pods import limits, parse_pod, requests
from trimtab.sources.kube_quantities import whole
from trimtab.sources.kube_selectors import keeps_apart, node_terms, parse_selector, required_labels

GI = 1 << 30


# ── Quantities ───────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("text", "scale", "expected"),
    [
        ("250m", 1000, 250), ("1", 1000, 1000), ("0.5", 1000, 500), (".5", 1000, 500), ("2", 1, 2), (2, 1, 2), ("1e3", 1, 1000),
        ("100E", 1, None), ("1Gi", 1, GI), ("1.5Gi", 1, 3 * GI // 2), ("128974848", 1, 128974848), ("129M", 1, 129_000_000),
        ("1n", 1000, 1), ("123m", 1, 1), ("0", 1, 0), ("9007199254740993", 1, 9007199254740993), ("8Ei", 1, None),
        ("-1", 1, None), ("1e99", 1, None), ("1e999999999", 1, None), ("1 Gi", 1, None), ("NaN", 1, None), ("inf", 1, None), ("", 1, None),
        ("１", 1, None), (True, 1, None), (None, 1, None), (1.5, 1, None), ("9" * 400, 1, None),
    ],
)  # fmt: skip
def test_a_quantity_is_exact_and_nonsense_is_none(text: object, scale: int, expected: int | None) -> None:
    assert whole(text, scale=scale) == expected


@given(st.integers(0, 10**9), st.sampled_from(["", "k", "Ki", "M", "Mi", "m"]))
def test_a_quantity_is_never_read_as_less_than_it_is(number: int, unit: str) -> None:
    factors: dict[str, Decimal | int] = {"": 1, "k": 1000, "Ki": 1024, "M": 10**6, "Mi": 1 << 20, "m": Decimal("0.001")}

    found = whole(f"{number}{unit}")

    assert found is not None
    assert 0 <= found - number * factors[unit] < 1


# ── What a pod asks for ──────────────────────────────────────────────────────────────────────────────────────────────
def spec(*containers: Item, init: tuple[Item, ...] = (), **more: Any) -> Item:
    return {"containers": list(containers), "initContainers": list(init)} | more


def sidecar(cpu: str) -> Item:
    return container("mesh", restartPolicy="Always", **asks(cpu=cpu))


def test_containers_run_together_so_their_requests_add_up() -> None:
    assert requests(spec(container(**asks(cpu="500m")), container(**asks(cpu="250m", memory="1Gi")))) == {"cpu": 750, "memory": GI}


def test_an_init_container_runs_alone_so_the_larger_of_both_counts() -> None:
    found = requests(spec(container(**asks(cpu="500m", memory="2Gi")), init=(container(**asks(cpu="2", memory="1Gi")),)))

    assert found == {"cpu": 2000, "memory": 2 * GI}


def test_a_native_sidecar_stays_beside_the_containers() -> None:
    assert requests(spec(container(**asks(cpu="500m")), init=(sidecar(cpu="200m"),))) == {"cpu": 700}


def test_an_init_container_has_only_the_sidecars_before_it_beside_it() -> None:
    """Kubernetes' own example of the rule: order matters."""
    first, second = container(**asks(cpu="2")), container(**asks(cpu="1900m"))

    assert requests(spec(container(**asks(cpu="100m")), init=(first, sidecar(cpu="200m"), second))) == {"cpu": 2100}
    assert requests(spec(container(**asks(cpu="100m")), init=(sidecar(cpu="200m"), first))) == {"cpu": 2200}


def test_overhead_comes_on_top() -> None:
    assert requests(spec(container(**asks(cpu="500m")), overhead={"cpu": "250m", "memory": "120Mi"})) == {"cpu": 750, "memory": 120 << 20}


def test_a_request_of_the_whole_pod_stands_in_place_of_its_containers() -> None:
    assert requests(spec(container(**asks(cpu="500m", memory="1Gi")), **asks(cpu="2"))) == {"cpu": 2000, "memory": GI}


def test_a_pod_without_requests_asks_for_nothing_that_is_named() -> None:
    assert requests(spec(container())) == {}


def test_resources_have_the_names_that_metrics_give_them() -> None:
    assert requests(spec(container(resources={"requests": {"nvidia.com/gpu": "2", "nvidia.com/mig-1g.5gb": 1}}))) == {
        "nvidia_com_gpu": 2, "nvidia_com_mig_1g_5gb": 1,
    }  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 4000), st.booleans()), max_size=5), st.lists(st.integers(0, 4000), min_size=1, max_size=4))
def test_a_pod_never_reserves_less_than_any_moment_of_its_start_needs(starts: list[tuple[int, bool]], apps: list[int]) -> None:
    init = tuple(container(**asks(cpu=f"{cpu}m")) | ({"restartPolicy": "Always"} if stays else {}) for cpu, stays in starts)

    reserved = requests(spec(*(container(**asks(cpu=f"{cpu}m")) for cpu in apps), init=init))["cpu"]

    staying = [sum(cpu for cpu, stays in starts[:place] if stays) for place in range(len(starts) + 1)]
    moments = [cpu + before for (cpu, _), before in zip(starts, staying, strict=False)]
    assert reserved == max([sum(apps) + staying[-1], *moments])


def test_a_limit_holds_where_every_container_has_one() -> None:
    limited = container(**asks({"cpu": "1", "memory": "1Gi"}))

    assert limits(spec(limited, limited)) == {"cpu": 2000, "memory": 2 * GI}
    assert limits(spec(limited, container(**asks({"memory": "1Gi"})))) == {"cpu": 0, "memory": 2 * GI}
    assert limits(spec(limited, init=(sidecar(cpu="100m"),))) == {"cpu": 0, "memory": 0}
    assert limits(spec(container())) == limits(spec()) == {"cpu": 0, "memory": 0}


# ── Where a pod may run ──────────────────────────────────────────────────────────────────────────────────────────────
def affinity(*terms: Item) -> Item:
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}}}


def term(*expressions: tuple[str, str, list[str]]) -> Item:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": values} for key, operator, values in expressions]}


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        ({}, {}),
        ({"nodeSelector": {"disk": "ssd"}}, {"disk": "ssd"}),
        (affinity(term(("zone", "In", ["a"]))), {"zone": "a"}),
        (affinity(term(("zone", "In", ["b", "a"]))), {"zone": "a or b"}),
        (affinity(term(("zone", "In", ["a", "b"]), ("zone", "In", ["b", "c"]))), {"zone": "b"}),
        (affinity(term(("zone", "In", ["a"])), term(("zone", "In", ["b"]))), {"zone": "a or b"}),
        (affinity(term(("zone", "In", ["a"])), term(("disk", "In", ["ssd"]))), {"zone": "*", "disk": "*"}),
        (affinity(term(("gpu", "Exists", []))), {"gpu": "*"}),
        (affinity(term(("type", "NotIn", ["t3"]))), {"type": "*"}),
        (affinity(term(("cores", "Gt", ["8"]))), {"cores": "*"}),
        (affinity({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}), {}),
        (affinity(term(("zone", "In", []))), {"zone": "*"}),
        ({"topologySpreadConstraints": [{"topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]}, {"zone": "*"}),
        ({"topologySpreadConstraints": [{"topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}]}, {}),
        ({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"preference": {}}]}}}, {}),
        ({"nodeSelector": None, "affinity": None, "topologySpreadConstraints": None}, {}),
    ],
)  # fmt: skip
def test_required_node_labels_are_told_and_preferences_are_not(about: Item, expected: dict[str, str]) -> None:
    assert required_labels(about) == expected


def test_terms_that_ask_for_nothing_pin_nothing() -> None:
    assert node_terms([]) == {}


def apart(selector: Item | None, key: str = "kubernetes.io/hostname", **more: Any) -> Item:
    rule = {"topologyKey": key, **({} if selector is None else {"labelSelector": selector}), **more}
    return {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [rule]}}}


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        (apart({"matchLabels": {"app": "cart"}}), True),
        (apart({"matchLabels": {"app": "other"}}), False),
        (apart({"matchExpressions": [{"key": "app", "operator": "In", "values": ["cart", "x"]}]}), True),
        (apart({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["cart"]}]}), False),
        (apart({}), True),
        (apart(None), False),
        (apart({"matchLabels": {"app": "cart"}}, "topology.kubernetes.io/zone"), False),
        (apart({"matchLabels": {"app": "cart"}}, namespaces=["elsewhere"]), False),
        (apart({"matchLabels": {"app": "cart"}}, namespaces=["shop"]), True),
        (apart({"matchLabels": {"app": "cart"}}, namespaceSelector={}), True),
        (apart({"matchLabels": {"app": "cart"}}, namespaceSelector={"matchLabels": {"env": "prod"}}), True),
        (apart({"matchLabels": {"app": "cart"}}, namespaceSelector={"matchLabels": {"env": "dev"}}), False),
        ({"containers": [{"ports": [{"containerPort": 80, "hostPort": 8080}]}]}, True),
        ({"containers": [{"ports": [{"containerPort": 80}]}]}, False),
        ({}, False),
    ],
)
def test_only_a_rule_against_the_pods_own_labels_on_the_host_keeps_it_apart(about: Item, expected: bool) -> None:
    assert keeps_apart(about, "shop", {"app": "cart"}, {"env": "prod"}) is expected


def test_an_empty_selector_is_everything_and_none_is_nothing() -> None:
    every = parse_selector({})

    assert every is not None
    assert every.matches({})
    assert parse_selector(None) is None


def test_an_operator_of_tomorrow_protects_rather_too_much() -> None:
    found = parse_selector({"matchExpressions": [{"key": "app", "operator": "Resembles", "values": ["cart"]}]})

    assert found is not None
    assert found.matches({"app": "x"})


# ── Single objects ───────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("volumes", "expected"),
    [
        ([], False), ([{"name": "a", "emptyDir": {}}], True), ([{"name": "a", "emptyDir": {"medium": "Memory"}}], False),
        ([{"name": "a", "hostPath": {"path": "/var/log"}}], True), ([{"name": "a", "configMap": {"name": "x"}}], False),
        ([{"name": "a", "emptyDir": None}], False),
    ],
)  # fmt: skip
def test_local_data_is_a_host_path_or_an_empty_dir_on_disk(volumes: list[Item], expected: bool) -> None:
    assert parse_pod(pod("cart", spec={"volumes": volumes}), "pod").has_local_volume is expected


def test_a_claim_of_an_ephemeral_volume_has_the_name_that_kubernetes_gives_it() -> None:
    found = parse_pod(pod("cart-0", spec={"volumes": [{"name": "scratch", "ephemeral": {"volumeClaimTemplate": {}}}]}), "pod")

    assert (found.claims, found.has_own_claims) == (("cart-0-scratch",), True)


def test_a_static_pods_host_path_goes_with_its_machine() -> None:
    mirror = pod(
        "kube-proxy-n1",
        "kube-system",
        owner=("Node", "n1"),
        spec={"volumes": [{"hostPath": {"path": "/"}}]},
        annotations={"kubernetes.io/config.mirror": "x"},
    )

    found = parse_pod(mirror, "pod")

    assert (found.meta.is_mirror, found.has_local_volume) == (True, False)


def test_only_a_controller_owns_a_pod_and_its_kind_stays_what_it_is() -> None:
    marked = pod("cart", ownerReferences=[{"kind": "Cleanup", "name": "gc", "uid": "u"}])

    assert parse_pod(marked, "pod").meta.owner is None
    assert parse_pod(pod("cart", owner=("RayCluster", "train")), "pod").meta.owner == ("RayCluster", "train")


def test_labels_hold_from_the_last_write_of_anybody_who_holds_some() -> None:
    fields = [
        {"time": "2026-08-01T10:00:00Z", "fieldsV1": {"f:metadata": {"f:labels": {"f:team": {}}}}},
        {"time": "2026-08-01T12:00:00Z", "fieldsV1": {"f:spec": {}}},
        {"time": "2026-08-02T10:00:00Z", "subresource": "status", "fieldsV1": {"f:status": {}}},
    ]

    found = parse_meta({"metadata": meta("shop", managedFields=fields)}, "x")

    assert (found.created, found.words_since, found.spec_since) == (1785574800, 1785578400, 1785585600)


@pytest.mark.parametrize("fields", [None, [], [{"fieldsV1": {}}], "nonsense", [{"time": "yesterday"}], [{"time": "2026-08-01T10:00:00"}]])
def test_where_nobody_wrote_down_when_nobody_knows(fields: object) -> None:
    found = parse_meta({"metadata": meta("shop", managedFields=fields)}, "x")

    assert (found.words_since, found.spec_since) == (None, None)


def test_a_row_has_room_for_some_short_words() -> None:
    many = {f"label-{number:03}": "x" for number in range(500)} | {"long": "x" * 10_000}

    assert len(kept(many)) == MOST_WORDS
    assert "long" not in kept({"long": "x" * 10_000})


@pytest.mark.parametrize("item", [None, 3, "x", [], {}, {"metadata": None}, {"metadata": {"name": 3}}, {"metadata": {"name": "a"}}])
def test_what_is_no_object_is_upstream_and_named(item: object) -> None:
    with pytest.raises(Upstream, match=r"pod\[3\]"):
        parse_pod(item, "pod[3]")


KEYS = (
    "containers", "initContainers", "resources", "requests", "limits", "affinity", "volumes", "emptyDir", "ports", "cpu", "podAntiAffinity",
    "requiredDuringSchedulingIgnoredDuringExecution", "labelSelector", "matchExpressions", "values", "topologyKey", "nodeSelectorTerms",
    "nodeAffinity", "nodeSelector", "ephemeral", "hostPort", "persistentVolumeClaim", "overhead", "topologySpreadConstraints",
)  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
SHAPES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4))


@given(st.dictionaries(st.sampled_from(KEYS), SHAPES, max_size=6))
def test_a_pods_spec_of_any_shape_is_read_without_a_crash(shape: Item) -> None:
    """Kubernetes checks its objects; a server that pretends to be one need not."""
    found = parse_pod(pod("cart") | {"spec": shape}, "pod")

    assert all(amount >= 0 for amount in found.requests.values())
    assert keeps_apart(shape, "shop", {}, {}) in {True, False}


@pytest.mark.parametrize("values", [5, "ab", {"a": "b"}, None])
def test_values_that_are_no_list_select_nothing_by_accident(values: object) -> None:
    assert required_labels(affinity({"matchExpressions": [{"key": "zone", "operator": "In", "values": values}]})) == {"zone": "*"}


@pytest.mark.parametrize(("allowed", "generation", "expected"), [(2, 1, 2), (0, 1, 0), (-1, 1, 0), (None, 1, None), (2, 2, None)])
def test_a_budget_that_its_controller_has_not_looked_at_allows_nobody_knows_what(
    allowed: int | None, generation: int, expected: int | None
) -> None:
    item = budget("cart", {"matchLabels": {"app": "cart"}}, allowed)
    item["metadata"]["generation"] = generation

    assert parse_budget(item, "budget").allowed == expected


def resource(name: str, kind: str = "Resource") -> Item:
    return {"type": kind, kind[0].lower() + kind[1:]: {"name": name}}


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ([resource("cpu")], {"cpu"}), ([resource("memory", "ContainerResource")], {"memory"}), ([], {"cpu"}),
        ([resource("cpu"), {"type": "External"}], {"cpu", "other"}), ([resource("nvidia.com/gpu")], {"other"}),
        ([{"type": "External", "external": {"metric": {"name": "cpu"}}}], {"other"}),
    ],
)  # fmt: skip
def test_an_autoscaler_looks_at_what_its_metrics_name(metrics: list[Item], expected: set[str]) -> None:
    found = parse_autoscaler(autoscaler("cart", "Rollout", *metrics), "autoscaler")

    assert (found.target, found.looks_at) == (("Rollout", "cart"), frozenset(expected))


def test_a_volume_has_its_clouds_id_and_the_zone_it_can_be_mounted_in() -> None:
    zone = {"required": {"nodeSelectorTerms": [term(("topology.kubernetes.io/zone", "In", ["us-east-1a"]))]}}
    item = volume("pv-1", ("shop", "data"), csi={"volumeHandle": "vol-0abc"}, nodeAffinity=zone)

    found = parse_volume(item, "volume")

    assert (found.provider_id, found.size, found.storage_class, found.is_local) == ("vol-0abc", 20 * GI, "gp3", False)
    assert found.required == {"topology.kubernetes.io/zone": "us-east-1a"}


def test_a_local_volume_is_data_on_one_machine() -> None:
    assert parse_volume(volume("pv-1", ("shop", "data"), local={"path": "/mnt"}), "volume").is_local


def test_a_claim_without_a_class_may_have_the_old_annotation() -> None:
    item = claim("data", "pv-1")
    item["spec"].pop("storageClassName")
    item["metadata"]["annotations"] = {"volume.beta.kubernetes.io/storage-class": "gp2"}

    assert parse_claim(item, "claim").storage_class == "gp2"


def test_a_node_has_its_capacity_and_what_is_left_of_it() -> None:
    found = parse_node(node(), "node")

    assert (found.capacity["cpu"], found.allocatable["cpu"], found.provider_id) == (4000, 3920, "aws:///us-east-1a/i-0abc")


@pytest.mark.parametrize("kind", ["pod", "node", "budget", "autoscaler", "volume", "claim", "namespace", "job", "replica_set"])
def test_an_empty_list_is_read_as_none(kind: Kind) -> None:
    assert parse_page(kind, {"metadata": {"resourceVersion": "1"}, "items": None}, 0) == ([], "")
