"""Series of a cluster become hourly rows: what is not known is not made up, and every hour has what was true in it."""

import json
from datetime import timedelta

import pytest

from tests.metric_series import AT, HOUR, OWNED, POD, STEPS, TARGET, once, pod_row, rows, series, steady
from trimtab.demo.estate.usage import COLUMNS
from trimtab.sources.kube_labels import pool_of
from trimtab.sources.prometheus import Target, hourly


def test_a_node_carries_its_capacity_and_a_pod_its_use() -> None:
    node, pod = rows(series())

    assert (node["pod"], node["pool"], node["provider_id"], node["instance_type"]) == (None, "web", "i-0abc", "m5.xlarge")
    assert (node["cpu_capacity"], node["memory_capacity"], node["gpu_capacity"], node["seconds"]) == (4000, 16_000_000_000, 0, 3600)
    assert (pod["workload_kind"], pod["workload"], pod["seconds"], pod["pending"]) == ("Deployment", "cart", 3600, False)
    assert (pod["cpu_request"], pod["cpu_used"], pod["cpu_used_max"]) == (600, 250, 250)
    assert (pod["memory_request"], pod["memory_used"], pod["memory_used_max"]) == (0, 1_000_000_000, 2_000_000_000)
    assert (pod["gpu_request"], pod["gpu_compute_used"]) == (0, None)


def test_what_has_no_series_is_unknown_and_never_zero() -> None:
    pod = pod_row(series(cpu=(), memory=(), memory_max=(), request=()))

    unknown = ("cpu_request", "cpu_used", "cpu_used_max", "memory_request", "memory_used", "memory_used_max", "gpu_request")
    assert [pod[name] for name in unknown] == [None] * len(unknown)


def test_the_same_target_scraped_by_two_jobs_counts_once() -> None:
    """A second ServiceMonitor on the kubelet would otherwise double every pod."""
    twice = (steady({**POD, "container": "app"}, 0.2), steady({**POD, "container": "app"}, 0.2))

    assert pod_row(series(cpu=twice))["cpu_used"] == 200


def test_labels_that_prometheus_renamed_are_read_first() -> None:
    renamed = {"exported_namespace": "shop", "exported_pod": POD["pod"], "namespace": "monitoring", "pod": "kube-state-metrics-0"}
    found = series(pod=(steady({**renamed, **OWNED, "uid": "u1", "node": "n1"}, 5),))

    assert (pod_row(found)["namespace"], pod_row(found)["pod"]) == ("shop", POD["pod"])


def test_time_is_counted_by_scrapes_so_that_a_missed_one_is_nobodys_loss() -> None:
    three = (steady({"node": "n1"}, 3),)
    half = (steady({**POD, **OWNED, "uid": "u1", "node": "n1"}, 3, STEPS[:6]),)

    assert pod_row(series(node=three, pod=half))["seconds"] == 1800
    assert rows(series(node=three, pod=half))[0]["seconds"] == 3600


def test_a_finished_pod_is_not_billed_for_lying_around() -> None:
    """A Job's pods stay listed for hours after they ended."""
    ended = (steady({**POD, "uid": "u1", "phase": "Succeeded"}, 5, STEPS[4:]),)

    assert pod_row(series(ended=ended))["seconds"] == 1200


def test_a_pod_without_a_node_waits_and_its_pool_is_where_its_siblings_are() -> None:
    waiting = {"namespace": "shop", "pod": "cart-6d9f7c8b5-aaaaa"}
    both = (*series()["pod"], steady({**waiting, **OWNED, "uid": "u2", "node": ""}, 5))
    asks = (*series()["request"], once({**waiting, "container": "app", "resource": "cpu"}, 0.5))

    (row,) = [row for row in rows(series(pod=both, request=asks)) if row["pending"]]
    assert (row["node"], row["pool"], row["cpu_request"], row["cpu_used"]) == (None, "web", 500, None)


def test_a_pod_on_a_node_that_nobody_knows_is_left_out_by_name() -> None:
    stray = (*series()["pod"], steady({"namespace": "x", "pod": "stray", "uid": "u3", "node": "elsewhere"}, 5))

    found = hourly(TARGET, series(pod=stray), HOUR, HOUR + timedelta(hours=1))

    assert len(found.rows) == 2
    assert "elsewhere" in found.warnings[0]


def test_a_node_of_unknown_capacity_is_left_out_by_name() -> None:
    found = hourly(TARGET, series(capacity=()), HOUR, HOUR + timedelta(hours=1))

    assert found.rows == ()
    assert "n1" in found.warnings[0]


def test_pod_labels_stand_over_namespace_labels() -> None:
    found = series(
        pod_labels=(once({**POD, "label_team": "web", "label_app_kubernetes_io_name": "cart"}),),
        namespace_labels=(
            once({"namespace": "shop", "label_team": "shop", "label_env": "prod", "label_kubernetes_io_metadata_name": "shop"}),
        ),
    )

    assert json.loads(str(pod_row(found)["labels"])) == {"app.kubernetes.io/name": "cart", "env": "prod", "team": "web"}


def test_a_label_counts_from_the_hour_in_which_it_was_changed() -> None:
    """A day is read at once: the namespace's new team must not own the hours before, nor the old one those after."""
    hours = [AT + 3600 * number for number in range(4)]
    lives = tuple(step for hour in hours for step in range(hour + 300, hour + 3601, 300))
    found = series(
        node=(steady({"node": "n1"}, 5, lives),),
        pod=(steady({**POD, **OWNED, "uid": "u1", "node": "n1"}, 5, lives),),
        capacity=tuple(
            steady({"node": "n1", "resource": name}, amount, tuple(hour + 3600 for hour in hours))
            for name, amount in (("cpu", 4.0), ("memory", 16e9))
        ),
        # In its second hour the label was changed: both series have a point.
        namespace_labels=(
            steady({"namespace": "shop", "label_team": "web"}, 1, (hours[0] + 3600, hours[1] + 3600)),
            steady({"namespace": "shop", "label_team": "ml"}, 1, tuple(hour + 3600 for hour in hours[1:])),
        ),
    )

    made = hourly(TARGET, found, HOUR, HOUR + timedelta(hours=4)).rows

    told = [dict(zip(COLUMNS, row, strict=True)) for row in made]
    assert [json.loads(str(row["labels"]))["team"] for row in told if row["pod"]] == ["web", "ml", "ml", "ml"]


def test_a_machine_that_took_over_a_name_is_known_by_its_own_id() -> None:
    """AWS gives a node's address, and with it its name, to the next machine."""
    later = AT + 3600
    found = series(
        node=(
            steady({"node": "n1", "provider_id": "aws:///us-east-1a/i-0old"}, 5),
            steady({"node": "n1", "provider_id": "aws:///us-east-1a/i-0new"}, 5, tuple(step + 3600 for step in STEPS)),
        ),
        capacity=tuple(
            steady({"node": "n1", "resource": name}, amount, (later, later + 3600)) for name, amount in (("cpu", 4.0), ("memory", 16e9))
        ),
        node_labels=(
            once({"node": "n1", "label_pool": "web"}), steady({"node": "n1", "label_pool": "gpu-web"}, 1, (later + 3600,)),
        ),
    )  # fmt: skip

    made = hourly(TARGET, found, HOUR, HOUR + timedelta(hours=2)).rows

    nodes = [row for row in (dict(zip(COLUMNS, row, strict=True)) for row in made) if not row["pod"]]
    assert [(row["provider_id"], row["pool"]) for row in nodes] == [("i-0old", "web"), ("i-0new", "gpu-web")]


def test_in_an_hour_without_requests_they_are_unknown_and_not_zero() -> None:
    """That other hours of the same answer have them says nothing of this one."""
    found = series(request=(steady({**POD, "container": "app", "resource": "cpu"}, 0.5, (AT + 7200,)),))

    first = pod_row(found)

    assert (first["cpu_request"], first["memory_request"], first["gpu_request"]) == (None, None, None)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"label_pool": "web"}, "web"),
        ({"label_eks_amazonaws_com_nodegroup": "prod-web"}, "web"),
        ({"label_eks_amazonaws_com_nodegroup": "prod-gpu-web"}, "gpu-web"),
        ({"label_cloud_google_com_gke_nodepool": "karpenter"}, None),
        ({}, None),
    ],
)
def test_a_node_belongs_to_a_pool_that_palette_knows_or_to_none(labels: dict[str, str], expected: str | None) -> None:
    assert pool_of(labels, TARGET.pools) == expected


@pytest.mark.parametrize(
    ("created_by", "owner", "expected"),
    [
        (("ReplicaSet", "cart-6d9f7c8b5"), None, ("Deployment", "cart")),
        (("ReplicaSet", "cart-6d9f7c8b5"), ("Rollout", "cart"), ("Rollout", "cart")),
        (("ReplicaSet", "plain"), None, ("ReplicaSet", "plain")),
        (("StatefulSet", "db"), None, ("StatefulSet", "db")),
        (("<none>", "<none>"), None, ("Pod", POD["pod"])),
        (("Node", "n1"), None, ("Pod", POD["pod"])),
    ],
)
def test_a_pod_belongs_to_the_controller_that_people_know(
    created_by: tuple[str, str], owner: tuple[str, str] | None, expected: tuple[str, str]
) -> None:
    created = {"created_by_kind": created_by[0], "created_by_name": created_by[1]}
    owners = (once({"namespace": "shop", "replicaset": created_by[1], "owner_kind": owner[0], "owner_name": owner[1]}),) if owner else ()

    row = pod_row(series(pod=(steady({**POD, **created, "uid": "u1", "node": "n1"}, 5),), owner=owners))
    assert (row["workload_kind"], row["workload"]) == expected


def test_a_job_of_half_a_minute_is_billed_its_half_minute() -> None:
    """One scrape a minute sees it once, as a whole minute, or never."""
    times = {"started_at": (once({**POD, "uid": "u1"}, AT + 610.0),), "completed_at": (once({**POD, "uid": "u1"}, AT + 640.0),)}
    lying = (steady({**POD, "uid": "u1", "phase": "Succeeded"}, 5, STEPS[2:]),)

    assert pod_row(series(ended=lying, **times))["seconds"] == 30


def test_a_pod_that_came_in_the_middle_of_the_hour_is_billed_from_its_start() -> None:
    later = (steady({**POD, **OWNED, "uid": "u1", "node": "n1"}, 5, STEPS[6:]),)

    assert pod_row(series(pod=later, started_at=(once({**POD, "uid": "u1"}, AT + 1790.0),)))["seconds"] == 1810


def test_a_pod_that_was_deleted_unseen_counts_by_its_scrapes() -> None:
    gone = (steady({**POD, **OWNED, "uid": "u1", "node": "n1"}, 5, STEPS[:6]),)

    assert pod_row(series(pod=gone, started_at=(once({**POD, "uid": "u1"}, AT - 7200.0),)))["seconds"] == 1800


def test_a_pod_that_was_over_before_the_hour_has_no_row() -> None:
    times = {"started_at": (once({**POD, "uid": "u1"}, AT - 90.0),), "completed_at": (once({**POD, "uid": "u1"}, AT - 30.0),)}

    assert [row["pod"] for row in rows(series(**times))] == [None]


def test_traffic_is_what_the_pod_sent_and_the_hosts_own_is_nobodys() -> None:
    """A pod on its host's network shows all that the machine sends."""
    sent = (once({**POD, "interface": "eth0"}, 4e9), once({**POD, "interface": "eth1"}, 1e9))
    host = (steady({**POD, **OWNED, "uid": "u1", "node": "n1", "host_network": "true"}, 5),)

    assert pod_row(series(sent=sent))["network_sent"] == 5_000_000_000
    assert pod_row(series(sent=sent, pod=host))["network_sent"] is None
    assert pod_row(series())["network_sent"] is None


def test_annotations_and_the_project_are_read_where_they_are_exported() -> None:
    found = series(
        pod_annotations=(once({**POD, "annotation_owner": "web"}),),
        namespace_annotations=(once({"namespace": "shop", "annotation_owner": "shop", "annotation_budget": "b1"}),),
    )
    target = Target(cluster_uid=TARGET.cluster_uid, cluster="prod", project="production")
    read = [dict(zip(COLUMNS, row, strict=True)) for row in hourly(target, found, HOUR, HOUR + timedelta(hours=1)).rows]

    assert json.loads(str(read[1]["annotations"])) == {"budget": "b1", "owner": "web"}
    assert {row["project"] for row in read} == {"production"}
    assert pod_row(series())["annotations"] == "{}"


CLAIM = {"namespace": "shop", "persistentvolumeclaim": "data-0"}


def test_a_volume_is_known_by_its_drivers_id_and_belongs_to_who_mounts_it() -> None:
    found = series(
        claim=(steady({**CLAIM, "volumename": "pv-1"}, 5, STEPS[:6]),),
        volume=(once({"persistentvolume": "pv-1", "csi_volume_handle": "vol-0abc"}),),
        volume_bytes=(once({"persistentvolume": "pv-1"}, 50 * 2.0**30),),
        claim_bytes=(once(CLAIM, 48 * 2.0**30),),
        mount=(once({**POD, "persistentvolumeclaim": "data-0"}),),
    )

    (row,) = [row for row in rows(found) if row["asset"]]
    assert (row["asset"], row["provider_id"], row["asset_bytes"], row["seconds"]) == ("volume", "vol-0abc", 50 << 30, 1800)
    assert (row["namespace"], row["workload_kind"], row["workload"], row["pod"], row["node"]) == ("shop", "Deployment", "cart", None, None)


def test_a_volume_without_an_id_is_left_out_by_its_namespace() -> None:
    found = hourly(TARGET, series(claim=(steady({**CLAIM, "volumename": "pv-1"}, 5),)), HOUR, HOUR + timedelta(hours=1))

    assert len(found.rows) == 2
    assert found.warnings == ("volumes of namespace shop without a cloud's id are left out: local, or kube-state-metrics tells none",)


def test_a_services_load_balancer_is_known_by_its_host_name() -> None:
    name = {"namespace": "ingress", "service": "gateway", "hostname": "k8s-ingress-gateway-0a1b2c3d4e5f6071.elb.us-east-1.amazonaws.com"}

    (row,) = [row for row in rows(series(balancer=(steady(name, 5),))) if row["asset"]]

    assert (row["asset"], row["provider_id"], row["namespace"], row["asset_bytes"]) == (
        "load-balancer",
        "0a1b2c3d4e5f6071",
        "ingress",
        None,
    )
