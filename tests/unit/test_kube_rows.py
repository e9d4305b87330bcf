"""The Kubernetes API's facts in hourly rows: of now, they hold near now; of one cluster, they hold for that one alone."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.kube_world import Item, asks, autoscaler, budget, claim, container, meta, node, pod, volume
from tests.metric_series import AT, HOUR, POD, STEPS, TARGET, Found, once, series, steady
from trimtab.records import MetricSeries
from trimtab.sources.kube_objects import PARSERS, Kind, KubeObjects, gathered, parse_page
from trimtab.sources.kube_series import KubeSeries
from trimtab.sources.prometheus import COLUMNS, Hours, Target, hourly

READ_AT = datetime(2026, 8, 2, 11, 5, tzinfo=UTC)
"""Five minutes after the hour of the rows."""
CART = POD["pod"]
OWNER = ("ReplicaSet", "cart-6d9f7c8b5")
MANY = "cart-6d9f7c8b5-bbbbb"
PLAIN = {"labels": {"app": "cart"}, "owner": OWNER}


def objects(read_at: datetime = READ_AT, *, not_read: Mapping[Kind, str] | None = None, **found: Any) -> KubeObjects:
    """A reading; kinds that are not given are read and empty."""
    parsed: dict[Kind, tuple[Any, ...]] = {
        kind: tuple(parse_page(kind, {"items": found.get(place, [])}, 0)[0]) for kind, (place, _) in PARSERS.items()
    }
    return gathered(read_at, parsed, not_read or {})


def cart(**more: Any) -> Item:
    """The pod of `series()`, as the API has it."""
    return pod(CART, uid="u1", **(PLAIN | more))


VOUCHED = replace(TARGET, jobs=("kube-state-metrics",))


def hours(kube: KubeObjects | None, found: Found | None = None, target: Target = TARGET) -> Hours:
    return hourly(target, found or series(), HOUR, HOUR + timedelta(hours=1), kube)


def told(made: Hours) -> list[dict[str, Any]]:
    return [dict(zip([column.name for column in COLUMNS], row, strict=True)) for row in made.rows]


def row(kube: KubeObjects | None, found: Found | None = None, target: Target = TARGET) -> dict[str, Any]:
    (only,) = [each for each in told(hours(kube, found, target)) if each["pod"]]
    return only


def node_row(kube: KubeObjects | None, found: Found | None = None) -> dict[str, Any]:
    (only,) = [each for each in told(hours(kube, found)) if not each["pod"]]
    return only


OF_API = ("disruptions_allowed", "local_volume", "scaled_by", "own_node", "pinned", "grace_seconds", "out_of_memory")


# ── What is read, and what is not ────────────────────────────────────────────────────────────────────────────────────
def test_what_nobody_read_is_unknown() -> None:
    found = row(None)

    assert [found[name] for name in (*OF_API, "cpu_limit", "memory_limit")] == [None] * 9
    assert [node_row(None)[name] for name in ("zone", "managed_by")] == [None, None]


def test_a_plain_pod_is_known_to_be_plain() -> None:
    found = row(objects(pods=[cart()]))

    assert [found[name] for name in OF_API] == [-1, False, "", False, "{}", 30, 0]


@pytest.mark.parametrize(("kind", "column"), [("budget", "disruptions_allowed"), ("autoscaler", "scaled_by")])
def test_a_forbidden_kind_is_unknown_and_never_none(kind: Kind, column: str) -> None:
    """'No budget covers it' would let a drain take the last replica."""
    kube = objects(pods=[cart()], not_read={kind: "HTTP 403 Forbidden"})

    assert row(kube)[column] is None
    assert f"Kubernetes API: {kind}s were not read: HTTP 403 Forbidden" in hours(kube).warnings


def test_a_pod_with_claims_is_pinned_nobody_knows_where_while_volumes_are_not_read() -> None:
    mounting = cart(spec={"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]})

    found = row(objects(pods=[mounting], not_read={"volume": "HTTP 403 Forbidden"}))

    assert (found["pinned"], found["local_volume"]) == (None, None)


def test_a_pod_is_pinned_where_its_volume_is() -> None:
    zone = {"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["us-east-1a"]}]}]}}
    mounting = cart(spec={"nodeSelector": {"disk": "ssd"}, "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]})

    found = row(objects(pods=[mounting], claims=[claim("data", "pv-1")], volumes=[volume("pv-1", ("shop", "data"), nodeAffinity=zone)]))

    assert (json.loads(found["pinned"]), found["local_volume"]) == ({"disk": "ssd", "zone": "us-east-1a"}, False)


# ── Budgets ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("budgets", "allowed"),
    [
        ([], -1),
        ([budget("cart", {"matchLabels": {"app": "cart"}}, 2)], 2),
        ([budget("cart", {"matchExpressions": [{"key": "app", "operator": "In", "values": ["cart"]}]}, 1)], 1),
        ([budget("other", {"matchLabels": {"app": "other"}}, 0)], -1),
        ([budget("all", {}, 1)], 1),
        ([budget("none", None, 0)], -1),
        ([budget("all", {}, 1, namespace="elsewhere")], -1),
        ([budget("all", {}, 5), budget("cart", {"matchLabels": {"app": "cart"}}, 5)], 0),
        ([budget("all", {}, None)], None),
    ],
    ids=["none", "labels", "expressions", "other", "empty-selector", "no-selector", "other-namespace", "two", "not-looked-at"],
)
def test_a_budget_covers_by_its_selector_and_two_let_nobody_go(budgets: list[Item], allowed: int | None) -> None:
    """The eviction API answers 500 where two budgets cover one pod."""
    assert row(objects(pods=[cart()], budgets=budgets))["disruptions_allowed"] == allowed


def test_the_fewest_evictions_of_metrics_and_status_count() -> None:
    kube = objects(pods=[cart()], budgets=[budget("cart", {}, 3)])
    of_hour = {"namespace": "shop", "poddisruptionbudget": "cart"}

    assert row(kube, series(budget=(once(of_hour, 1),)))["disruptions_allowed"] == 1
    assert row(kube, series(budget=(once(of_hour, 9),)))["disruptions_allowed"] == 3


def test_an_hour_of_yesterday_has_what_its_budget_allowed_then() -> None:
    """A status is of now: what the API says of evictions is no fact of another day."""
    kube = objects(READ_AT + timedelta(hours=20), pods=[cart()], budgets=[budget("cart", {}, 3)])
    of_hour = {"namespace": "shop", "poddisruptionbudget": "cart"}

    assert row(kube, series(budget=(once(of_hour, 1),)))["disruptions_allowed"] == 1
    assert row(kube)["disruptions_allowed"] is None


def test_metrics_alone_know_a_namespace_without_budgets_and_no_pod_that_one_covers() -> None:
    elsewhere = (once({"namespace": "elsewhere", "poddisruptionbudget": "x"}, 0),)
    here = (once({"namespace": "shop", "poddisruptionbudget": "x"}, 3),)

    assert row(None, series(budget=elsewhere), VOUCHED)["disruptions_allowed"] == -1
    assert row(None, series(budget=here), VOUCHED)["disruptions_allowed"] is None


# ── Of now, and near now ─────────────────────────────────────────────────────────────────────────────────────────────
def test_what_a_pods_spec_fixes_holds_for_as_long_as_it_lives() -> None:
    kube = objects(READ_AT + timedelta(days=9), pods=[cart(spec={"nodeSelector": {"disk": "ssd"}})])

    found = row(kube)

    assert (json.loads(found["pinned"]), found["own_node"], found["grace_seconds"]) == ({"disk": "ssd"}, False, 30)
    assert (found["disruptions_allowed"], found["scaled_by"]) == (None, None)


def test_the_next_pod_of_a_name_says_nothing_of_the_last_one() -> None:
    """A StatefulSet gives the name on, with another spec."""
    other = cart(owner=("StatefulSet", "cart"), spec={"nodeSelector": {"disk": "ssd"}})
    other["metadata"]["uid"] = "u2"
    known = pod("x", "shop", uid="u9")
    found = series(pod=(*series()["pod"], steady({"namespace": "shop", "pod": "x", "uid": "u9", "node": "n1"}, 5)))

    made = told(hours(objects(pods=[other, known]), found))

    assert [each["pinned"] for each in made if each["pod"] == CART] == [None]
    assert [each["pinned"] for each in made if each["pod"] == "x"] == ["{}"]


def test_a_pod_that_is_gone_was_made_from_the_same_template_as_its_siblings() -> None:
    """When its hours are read again it would otherwise lose its labels, and its cost its owner."""
    sibling = pod(
        MANY,
        labels={"app": "cart", "team": "web", "pod-template-hash": "6d9f7c8b5"},
        owner=OWNER,
        spec={"nodeSelector": {"disk": "ssd"}},
        uid="u5",
    )
    both = (
        *series()["pod"],
        steady(
            {"namespace": "shop", "pod": MANY, "uid": "u5", "node": "n1", "created_by_kind": "ReplicaSet", "created_by_name": OWNER[1]}, 5
        ),
    )

    made = told(hours(objects(pods=[sibling]), series(pod=both)))

    (gone,) = [each for each in made if each["pod"] == CART]
    assert (json.loads(gone["labels"])["team"], json.loads(gone["pinned"])) == ("web", {"disk": "ssd"})
    assert gone["out_of_memory"] is None


def test_a_pod_of_a_replica_set_that_people_edit_speaks_for_itself_alone() -> None:
    """Without a template's hash in its name a ReplicaSet may have got another template since."""
    other = pod(MANY, labels={"app": "cart", "team": "web"}, owner=OWNER, uid="u5")
    both = (*series()["pod"], steady({"namespace": "shop", "pod": MANY, "uid": "u5", "node": "n1"}, 5))

    made = told(hours(objects(pods=[other]), series(pod=both)))

    assert [(each["labels"], each["pinned"]) for each in made if each["pod"] == CART] == [("{}", None)]


def test_labels_hold_from_the_hour_in_which_they_were_written() -> None:
    """A namespace that changed hands at 10:30 yesterday belonged to somebody else before."""

    def space(written: str) -> Item:
        return {"metadata": meta("shop", labels={"team": "ml"}, written=written)}

    before, after = (
        objects(pods=[cart()], namespaces=[space("2026-08-02T10:30:00Z")]),
        objects(pods=[cart()], namespaces=[space("2026-08-02T11:00:00Z")]),
    )

    assert json.loads(row(before)["labels"])["team"] == "ml"
    assert "team" not in json.loads(row(after)["labels"])


def test_labels_of_an_unknown_age_hold_for_the_last_hours_only() -> None:
    item = {"metadata": meta("shop", labels={"team": "ml"}, managedFields=None)}

    near, far = objects(pods=[cart()], namespaces=[item]), objects(READ_AT + timedelta(hours=3), pods=[cart()], namespaces=[item])

    assert json.loads(row(near)["labels"])["team"] == "ml"
    assert "team" not in json.loads(row(far)["labels"])


def test_a_spec_that_was_written_again_says_nothing_of_yesterdays_requests() -> None:
    """Pods are resized in place."""
    grown = cart(generation=2, spec={"containers": [container(**asks({"cpu": "8", "memory": "8Gi"}, cpu="8", memory="8Gi"))]})

    assert row(objects(pods=[grown]))["cpu_request"] == 8000
    assert (
        row(objects(READ_AT + timedelta(hours=20), pods=[grown]))["cpu_request"],
        row(objects(READ_AT + timedelta(hours=20), pods=[grown]))["cpu_limit"],
    ) == (600, None)


# ── Whose facts they are ─────────────────────────────────────────────────────────────────────────────────────────────
def test_another_clusters_reading_is_not_used_and_said() -> None:
    """--context points elsewhere: names are the same in every cluster, uids are not."""
    stranger = cart(spec={"nodeSelector": {"disk": "ssd"}}, labels={"app": "cart", "team": "other"})
    stranger["metadata"]["uid"] = "another-cluster"
    kube = objects(
        pods=[stranger],
        nodes=[node(**{"topology.kubernetes.io/zone": "zz"})],
        namespaces=[{"metadata": meta("shop", labels={"team": "other"})}],
    )

    made = hours(kube)

    assert told(made) == told(hours(None))
    assert any("another cluster's" in warning for warning in made.warnings)


def test_a_day_whose_pods_are_all_gone_is_no_sign_of_another_cluster() -> None:
    today = cart()
    today["metadata"]["uid"] = "of-today"

    made = hours(objects(READ_AT + timedelta(days=5), pods=[today]))

    assert made.warnings == (
        "Kubernetes API: nothing that it lists is in the metrics of these hours; what it says of today is not used for them",
    )


def test_without_pods_a_machines_own_id_tells_whose_reading_it_is() -> None:
    zone = {"topology.kubernetes.io/zone": "us-east-1a"}
    own, other = node(**zone), node(provider_id="aws:///us-east-1a/i-0other", **zone)
    unread: dict[Kind, str] = {"pod": "HTTP 403 Forbidden"}

    assert node_row(objects(nodes=[own], not_read=unread))["zone"] == "us-east-1a"
    assert node_row(objects(nodes=[other], not_read=unread))["zone"] is None
    assert "pods were not read" in hours(objects(nodes=[own], not_read=unread)).warnings[0]


def test_no_label_moves_a_row_to_another_cluster_pool_or_node() -> None:
    """Whoever may label a pod must not be able to speak for another cluster."""
    claims = {
        "cluster_uid": "uid-2",
        "cluster": "other",
        "trimtab/cluster": "uid-2",
        "pool": "gpu-web",
        "node": "n9",
        "project": "x",
        "pod": "y",
    }

    found = row(objects(pods=[cart(labels=claims, annotations=claims)], namespaces=[{"metadata": meta("shop", labels=claims)}]))

    assert [found[name] for name in ("cluster_uid", "cluster", "pool", "node", "project", "pod")] == [
        "uid-1",
        "prod",
        "web",
        "n1",
        None,
        CART,
    ]


def test_a_node_of_the_api_that_nobody_scrapes_is_named() -> None:
    made = hours(objects(pods=[cart()], nodes=[node(), node("n2", "aws:///us-east-1a/i-0def")]))

    assert "1 nodes of the Kubernetes API are not in the metrics (n2): unknown, not idle" in made.warnings


def test_a_machine_that_took_over_a_name_gives_its_zone_to_nobody() -> None:
    later = node(provider_id="aws:///us-east-1b/i-0new", **{"topology.kubernetes.io/zone": "us-east-1b"})

    assert node_row(objects(pods=[cart()], nodes=[later]))["zone"] is None


# ── Nodes ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_node_gets_pool_type_and_zone_from_the_api_where_metrics_have_no_labels() -> None:
    """kube-state-metrics exports node labels only when it is told which."""
    found = node_row(objects(pods=[cart()], nodes=[node(**{"topology.kubernetes.io/zone": "us-east-1a"})]), series(node_labels=()))

    assert (found["pool"], found["instance_type"], found["zone"], found["managed_by"]) == ("web", "m5.xlarge", "us-east-1a", "")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"label_pool": "web"}, None),
        ({"label_pool": "web", "label_karpenter_sh_nodepool": "default"}, "karpenter"),
        ({"label_karpenter_sh_provisioner_name": "default"}, "karpenter"),
        ({"label_eks_amazonaws_com_nodegroup": "prod-web"}, ""),
    ],
)
def test_that_karpenter_did_not_make_a_node_is_known_of_a_clouds_own_pool_only(labels: dict[str, str], expected: str | None) -> None:
    """An export of chosen labels may leave Karpenter's out; a pool label may stand in a NodePool's template."""
    assert node_row(None, series(node_labels=(once({"node": "n1"} | labels),)))["managed_by"] == expected


def test_a_node_without_capacity_metrics_has_the_apis_and_gpus_are_not_zero() -> None:
    whole = node()
    whole["status"]["capacity"]["nvidia.com/gpu"] = "8"

    found = node_row(objects(pods=[cart()], nodes=[whole]), series(capacity=()))

    assert (found["cpu_capacity"], found["memory_capacity"], found["gpu_capacity"]) == (4000, 16 << 30, 8000)


# ── Pods ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_larger_request_counts_where_a_sidecar_is_in_one_only() -> None:
    meshed = cart(spec={"initContainers": [container("mesh", restartPolicy="Always", **asks(cpu="400m"))]})

    assert row(objects(pods=[meshed]))["cpu_request"] == 900
    assert row(objects(pods=[cart()]))["cpu_request"] == 600


def test_a_pod_without_requests_asks_for_nothing_and_that_is_known() -> None:
    found = row(objects(pods=[cart(spec={"containers": [container()]})]), series(request=()))

    assert (found["cpu_request"], found["memory_request"], found["gpu_request"], found["cpu_limit"]) == (0, 0, 0, 0)


MADE_BY_CLOCK = {"metadata": meta("backup-29012345", "shop", owner=("CronJob", "backup"))}


@pytest.mark.parametrize(
    ("owner", "more", "expected"),
    [
        (OWNER, {"replica_sets": [{"metadata": meta(OWNER[1], "shop", owner=("Rollout", "cart"))}]}, ("Rollout", "cart")),
        (OWNER, {"replica_sets": [{"metadata": meta(OWNER[1], "shop")}]}, ("ReplicaSet", OWNER[1])),
        (OWNER, {}, ("Deployment", "cart")),
        (("Job", "backup-29012345"), {"jobs": [MADE_BY_CLOCK]}, ("CronJob", "backup")),
        (("Job", "once"), {"jobs": [{"metadata": meta("once", "shop")}]}, ("Job", "once")),
        (("RayCluster", "train"), {}, ("RayCluster", "train")),
        (None, {}, ("Pod", CART)),
    ],
    ids=["rollout", "bare-replica-set", "unread-replica-set", "cron-job", "bare-job", "custom", "bare-pod"],
)  # fmt: skip
def test_the_controller_is_the_one_that_people_know(owner: tuple[str, str] | None, more: dict[str, Any], expected: tuple[str, str]) -> None:
    by = {"created_by_kind": owner[0], "created_by_name": owner[1]} if owner else {"created_by_kind": "<none>", "created_by_name": "<none>"}
    pods = (steady({**POD, **by, "uid": "u1", "node": "n1"}, 5),)

    found = row(objects(pods=[cart(owner=owner)], **more), series(pod=pods))

    assert (found["workload_kind"], found["workload"]) == expected


def test_a_static_pod_stands_in_nobodys_way() -> None:
    """The kubelet runs it from a file: nobody evicts it, and its host path goes with the machine."""
    mirror = cart(owner=("Node", "n1"), annotations={"kubernetes.io/config.mirror": "x"}, spec={"volumes": [{"hostPath": {"path": "/"}}]})

    found = row(objects(pods=[mirror], budgets=[budget("all", {}, 0)]))

    assert (found["disruptions_allowed"], found["local_volume"], found["own_node"]) == (-1, False, False)


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [(["cpu"], "cpu"), (["memory", "cpu"], "cpu,memory"), (["requests_per_second"], "other"), (["cpu", "queue"], "cpu,other")],
)
def test_an_autoscaler_of_either_source_is_told_by_what_it_looks_at(metrics: list[str], expected: str) -> None:
    hpa = {"namespace": "shop", "horizontalpodautoscaler": "cart"}
    found = series(
        scaler=(once({**hpa, "scaletargetref_kind": "Deployment", "scaletargetref_name": "cart"}),),
        scaler_metric=tuple(once({**hpa, "metric_name": name}) for name in metrics),
    )
    sources = [{"type": "Resource", "resource": {"name": name}} if name in {"cpu", "memory"} else {"type": "Pods"} for name in metrics]

    assert row(None, found)["scaled_by"] == expected
    assert row(objects(pods=[cart()], autoscalers=[autoscaler("cart", "Deployment", *sources)]))["scaled_by"] == expected


def test_an_autoscaler_whose_metrics_nobody_exports_looks_at_nobody_knows_what() -> None:
    hpa = {"namespace": "shop", "horizontalpodautoscaler": "cart", "scaletargetref_kind": "Deployment", "scaletargetref_name": "cart"}

    assert row(None, series(scaler=(once(hpa),)))["scaled_by"] is None


def test_a_workload_has_no_autoscaler_only_where_autoscalers_are_exported() -> None:
    other = {"namespace": "x", "horizontalpodautoscaler": "x", "scaletargetref_kind": "Deployment", "scaletargetref_name": "x"}

    assert row(None, series(scaler=(once(other),)), VOUCHED)["scaled_by"] == ""
    assert row(None, target=VOUCHED)["scaled_by"] is None


def test_one_series_of_an_unnamed_job_does_not_prove_that_nobody_else_has_any() -> None:
    """Any pod that is scraped could write it, and have others' autoscalers and budgets taken for absent."""
    forged = series(
        scaler=(once({"namespace": "x", "horizontalpodautoscaler": "x", "scaletargetref_kind": "Deployment", "scaletargetref_name": "x"}),),
        budget=(once({"namespace": "x", "poddisruptionbudget": "x"}, 9),),
    )

    assert [row(None, forged)[name] for name in ("scaled_by", "disruptions_allowed")] == [None, None]


def ended(at: str, reason: str = "OOMKilled", state: str = "lastState") -> Item:
    return {"containerStatuses": [{"name": "app", "restartCount": 3, state: {"terminated": {"reason": reason, "finishedAt": at}}}]}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (ended("2026-08-02T10:20:00Z"), 1), (ended("2026-08-02T09:59:59Z"), 0), (ended("2026-08-02T11:00:00Z"), None),
        (ended("2026-08-02T10:20:00Z", "Error"), None), (ended("2026-08-02T10:20:00Z", "Completed", "state"), 0),
        ({"containerStatuses": []}, None),
    ],
)  # fmt: skip
def test_a_kill_for_memory_counts_in_its_hour(status: Item, expected: int | None) -> None:
    """A container shows only its last end: what a later or another one may hide is unknown."""
    assert row(objects(pods=[cart(status=status)]))["out_of_memory"] == expected


def restarted(first: float, last: float, *reasons: str) -> Found:
    who = {**POD, "container": "app", "uid": "u1"}
    return series(
        restarts=(once(who, last),), restarts_before=(once(who, first),), last_end=tuple(once({**who, "reason": each}) for each in reasons)
    )


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (restarted(4, 4), 0), (restarted(4, 4, "OOMKilled"), 0), (restarted(2, 5, "OOMKilled"), 3), (restarted(2, 5, "Error"), 0),
        (restarted(2, 5), None), (series(), None),
    ],
)  # fmt: skip
def test_restarts_count_as_kills_where_their_reason_was_memory(found: Found, expected: int | None) -> None:
    assert row(None, found)["out_of_memory"] == expected


def test_a_restart_between_the_scrapes_of_two_hours_counts_in_the_later_one() -> None:
    """The last scrape of one hour still says 4, the first of the next says 5: in neither hour does the counter grow."""
    who = {**POD, "container": "app", "uid": "u1"}
    early, late = AT, AT + 3600
    kills = KubeSeries(
        series(
            restarts=(MetricSeries(who, ((early, 4.0), (late, 5.0))),), restarts_before=(MetricSeries(who, ((early, 4.0), (late, 5.0))),),
            last_end=(MetricSeries({**who, "reason": "OOMKilled"}, ((late, 1.0),)),),
        ),
        is_vouched=True,
    )  # fmt: skip

    assert [kills.kills((POD["namespace"], POD["pod"]), at - 3600) for at in (early, late)] == [0, 1]


def limited(*containers: str, **amounts: float) -> Found:
    asked = tuple(once({**POD, "container": name, "resource": "cpu"}, amount) for name, amount in amounts.items())
    return series(container=tuple(once({**POD, "container": name}) for name in containers), limit=asked)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (limited("app", "proxy", app=1, proxy=0.5), 1500), (limited("app", "proxy", app=1), 0), (limited(app=1), None),
        (limited("app"), None), (series(), None),
    ],
)  # fmt: skip
def test_a_pod_is_limited_where_all_its_containers_are(found: Found, expected: int | None) -> None:
    assert row(None, found)["cpu_limit"] == expected


def test_init_containers_of_metrics_count_as_the_scheduler_counts_them() -> None:
    start = ({**POD, "container": "migrate", "resource": "cpu"}, 2.0), ({**POD, "container": "mesh", "resource": "cpu"}, 0.1)
    found = series(
        init_request=tuple(once(*each) for each in start), sidecar=(once({**POD, "container": "mesh"}),)
    )  # fmt: skip

    assert row(None, found)["cpu_request"] == 2100


def test_a_pod_that_calls_itself_static_is_treated_like_any_other() -> None:
    """Anybody may write that annotation, and would be moved without their budget being asked."""
    pretender = cart(annotations={"kubernetes.io/config.mirror": "x"}, spec={"volumes": [{"hostPath": {"path": "/"}}]})

    found = row(objects(pods=[pretender], budgets=[budget("all", {}, 0)]))

    assert (found["disruptions_allowed"], found["local_volume"]) == (0, True)


def test_more_conditions_than_a_row_has_room_for_are_still_a_condition() -> None:
    crowded = cart(spec={"nodeSelector": {f"example.com/label-{number}": "x" * 60 for number in range(1000)}})

    assert json.loads(row(objects(pods=[crowded]))["pinned"]) == {"more labels than a row has room for": "*"}


# ── Words ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_apis_keys_are_what_people_wrote() -> None:
    labels = {"example.com/cost-center": "cc-1", "pod-template-hash": "6d9f7c8b5", "app": "cart"}

    assert json.loads(row(objects(pods=[cart(labels=labels)]))["labels"]) == {"app": "cart", "example.com/cost-center": "cc-1"}


def test_exported_keys_of_older_hours_are_turned_back_by_what_the_api_knows() -> None:
    kube = objects(READ_AT + timedelta(days=5), pods=[cart(labels={"example.com/cost-center": "cc-2"})])
    exported = (once({**POD, "label_example_com_cost_center": "cc-1"}),)

    assert json.loads(row(kube, series(pod_labels=exported))["labels"]) == {"example.com/cost-center": "cc-1"}


def test_words_with_control_characters_are_no_words() -> None:
    words = {"owner": "web\x00", "note": "a\nb", "half": "\ud800", "team": "wéb"}

    assert json.loads(row(objects(pods=[cart(annotations=words)]))["annotations"]) == {"team": "wéb"}


# ── Volumes ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_volume_has_its_class_and_what_it_holds() -> None:
    here = {"namespace": "shop", "persistentvolumeclaim": "data"}
    found = series(
        claim=(steady({**here, "volumename": "pv-1", "storageclass": "gp2"}, 5),), claim_used=(once(here, 7e9),),
        volume=(once({"persistentvolume": "pv-1", "csi_volume_handle": "vol-0abc"}),),
    )  # fmt: skip

    (asset,) = [each for each in told(hours(None, found)) if each["asset"]]

    assert (asset["storage_class"], asset["asset_used"], asset["asset_bytes"]) == ("gp2", 7_000_000_000, None)


def test_a_volume_that_metrics_have_no_id_of_has_the_apis() -> None:
    here = {"namespace": "shop", "persistentvolumeclaim": "data"}
    found = series(claim=(steady({**here, "volumename": "pv-1"}, 5),))
    kube = objects(
        pods=[cart()], claims=[claim("data", "pv-1")], volumes=[volume("pv-1", ("shop", "data"), csi={"volumeHandle": "vol-0abc"})]
    )

    (asset,) = [each for each in told(hours(kube, found)) if each["asset"]]

    assert [asset[name] for name in ("provider_id", "storage_class", "asset_used", "asset_bytes")] == ["vol-0abc", "gp3", None, 20 << 30]


def test_values_that_are_not_there_yet_change_nothing_of_the_others() -> None:
    """A reading without pods in the metrics' time is no reason to lose the rows."""
    found = hours(objects(), series(pod=()))

    assert len(found.rows) == 1


def test_steps_of_other_hours_say_nothing_of_this_one() -> None:
    later = MetricSeries({"namespace": "elsewhere", "poddisruptionbudget": "x"}, ((AT + 7200, 1.0),))

    assert STEPS[-1] < AT + 7200
    assert row(None, series(budget=(later,)))["disruptions_allowed"] is None
