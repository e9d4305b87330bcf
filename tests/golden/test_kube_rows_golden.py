"""The rows of an hour as a small cluster's API server and metrics give them together: TRIMTAB_GOLDEN=write rewrites them."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.kube_world import ApiServer, Item, asks, autoscaler, budget, claim, container, meta, node, pod, serving, volume
from tests.metric_series import HOUR, TARGET, Found, once, series, steady
from trimtab.adapters.kubernetes.client import KubernetesApi
from trimtab.sources.kube_objects import KubeObjects
from trimtab.sources.prometheus import COLUMNS, hourly

GOLDEN = Path(__file__).parent / "kube_rows" / "hour.json"
READ_AT = datetime(2026, 8, 2, 11, 5, tzinfo=UTC)
ZONE = "topology.kubernetes.io/zone"
APART = {"requiredDuringSchedulingIgnoredDuringExecution": [
    {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": "kubernetes.io/hostname"},
]}  # fmt: skip
IN_ZONE = {"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": ZONE, "operator": "In", "values": ["us-east-1a"]}]}]}}
PODS: tuple[tuple[str, str, tuple[str, str] | None, Item], ...] = (
    ("cart-6d9f7c8b5-x2x4z", "shop", ("ReplicaSet", "cart-6d9f7c8b5"), {
        "initContainers": [container("mesh", restartPolicy="Always", **asks(cpu="100m", memory="128Mi"))],
    }),
    ("db-0", "shop", ("StatefulSet", "db"), {
        "containers": [container(**asks({"cpu": "2", "memory": "4Gi"}, cpu="2", memory="4Gi"))], "affinity": {"podAntiAffinity": APART},
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}}], "terminationGracePeriodSeconds": 120,
    }),
    ("backup-29012345-abcde", "shop", ("Job", "backup-29012345"), {"nodeSelector": {"disk": "ssd"}}),
    ("shell", "shop", None, {"volumes": [{"name": "scratch", "emptyDir": {}}]}),
    ("kube-proxy-n1", "kube-system", ("Node", "n1"), {"volumes": [{"name": "x", "hostPath": {"path": "/lib/modules"}}]}),
)  # fmt: skip


def cluster() -> dict[str, list[Item]]:
    mirror = {"annotations": {"kubernetes.io/config.mirror": "x"}}
    return {
        "namespaces": [{"metadata": meta("shop", labels={"team": "web", "kubernetes.io/metadata.name": "shop"})}],
        "nodes": [node(**{ZONE: "us-east-1a"})],
        "pods": [
            pod(name, space, spec=spec, owner=owner, labels={"app": name.partition("-")[0]}, **(mirror if space == "kube-system" else {}))
            for name, space, owner, spec in PODS
        ],
        "replica_sets": [{"metadata": meta("cart-6d9f7c8b5", "shop", owner=("Rollout", "cart"))}],
        "jobs": [{"metadata": meta("backup-29012345", "shop", owner=("CronJob", "backup"))}],
        "budgets": [budget("cart", {"matchLabels": {"app": "cart"}}, 1), budget("db", {"matchLabels": {"app": "db"}}, 0)],
        "autoscalers": [autoscaler("cart", "Rollout", {"type": "Resource", "resource": {"name": "cpu"}})],
        "claims": [claim("data-db-0", "pv-1")],
        "volumes": [volume("pv-1", ("shop", "data-db-0"), csi={"volumeHandle": "vol-0abc"}, nodeAffinity=IN_ZONE)],
    }


def metrics() -> Found:
    """kube-state-metrics as it comes: no labels of anybody."""
    lives = tuple(
        steady({
            "namespace": space, "pod": name, "uid": f"uid-{name}", "node": "n1",
            "created_by_kind": owner[0] if owner else "<none>", "created_by_name": owner[1] if owner else "<none>",
        }, 5)
        for name, space, owner, _ in PODS
    )  # fmt: skip
    mounted = {"namespace": "shop", "persistentvolumeclaim": "data-db-0"}
    return series(
        pod=lives, node_labels=(), request=(once({"namespace": "shop", "pod": "db-0", "container": "app", "resource": "cpu"}, 2),),
        claim=(steady({**mounted, "volumename": "pv-1"}, 5),), claim_used=(once(mounted, 5e9),),
        mount=(once({"namespace": "shop", "pod": "db-0", "persistentvolumeclaim": "data-db-0"}),),
    )  # fmt: skip


def read(folder: Path) -> KubeObjects:
    with serving(ApiServer(cluster())) as api:
        return KubernetesApi.of(api.kubeconfig(folder), None, lambda _: None).read(READ_AT)


def test_the_rows_of_an_hour_read_from_both_are_as_they_were(tmp_path: Path) -> None:
    made = hourly(TARGET, metrics(), HOUR, HOUR + timedelta(hours=1), read(tmp_path))

    names = [column.name for column in COLUMNS]
    rows = [{name: value for name, value in zip(names, row, strict=True) if value is not None} for row in made.rows]
    text = json.dumps({"warnings": made.warnings, "rows": rows}, indent=1, default=str) + "\n"
    if os.environ.get("TRIMTAB_GOLDEN") == "write":
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()
