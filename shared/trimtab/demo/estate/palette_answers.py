"""What the estate's Palette answers, in the shapes of its published description."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from trimtab.demo.estate.clusters import CLUSTERS, HAND_SCALED
from trimtab.demo.estate.model import AS_OF, EstateCluster, digest
from trimtab.records import Json

TENANT = digest("tenant")[:24]
MIB = 1 << 20
QUOTAS: Mapping[tuple[str, str], tuple[int, int, int | None]] = {
    ("dev-sandbox", "notebooks"): (16, 65536, 4),
    ("prod-web", "media"): (40, 65536, None),
}
"""(cluster, namespace) → cores, MiB, GPUs (None = not limited)."""
WORKSPACES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "machine-learning": (("prod-ml", "staging-ml"), ("inference", "evaluation"))
}
"""Name → its clusters and its namespaces."""
TEAMS = ("data", "media", "ml", "platform", "web")


# ── Clusters ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def metadata(uid: str, name: str, labels: Mapping[str, str]) -> Json:
    """What every object of Palette begins with."""
    stamp = f"{AS_OF:%Y-%m-%d}T06:00:00.000Z"
    return {
        "uid": uid, "name": name, "labels": dict(labels), "annotations": {}, "creationTimestamp": "2025-11-03T10:00:00.000Z",
        "lastModifiedTimestamp": stamp, "deletionTimestamp": "0001-01-01T00:00:00.000Z",
    }  # fmt: skip


def summary(cluster: dict[str, Any]) -> Json:
    """A line of the search."""
    sizes = [{"size": pool["size"], "healthy": pool["size"], "isControlPlane": False} for pool in cluster["pools"]]
    spec: Json = {
        "archTypes": ["amd64"],
        "projectMeta": {"name": cluster["project"], "uid": cluster["projectUid"]},
        "cloudConfig": {"cloudType": cluster["cloudType"], "uid": cluster["configUid"], "machinePools": sizes},
    }
    status = {"state": cluster["state"], "health": {"state": cluster["health"]}, "cost": {"total": 0}}
    return {"metadata": metadata(cluster["uid"], cluster["name"], cluster["tags"]), "specSummary": spec, "status": status}


def _cluster(cluster: dict[str, Any]) -> Json:
    kind = f"{cluster['cloudType'].capitalize()}CloudConfig"
    packs = [{"name": f"{cluster['cloudType']}-os", "layer": "os"}, {"name": "kubernetes", "layer": "k8s"}]
    return {
        "apiVersion": "v1",
        "kind": "SpectroCluster",
        "metadata": metadata(cluster["uid"], cluster["name"], cluster["tags"])
        | {"annotations": {"projectUid": cluster["projectUid"], "scope": "project"}},
        "spec": {
            "cloudType": cluster["cloudType"],
            "clusterType": "PureManage",
            "cloudConfigRef": {"kind": kind, "name": cluster["name"], "uid": cluster["configUid"]},
            "clusterProfileTemplates": [{"name": "infrastructure", "type": "cluster", "packs": packs}],
        },
        "status": {"state": cluster["state"], "repave": _repave_state(cluster), "conditions": []},
    }


def _repave_state(cluster: dict[str, Any]) -> Json:
    """A cluster that was never repaved has none."""
    return {"state": cluster["repave"]} if cluster["repave"] else {}


def _repave(cluster: dict[str, Any]) -> Json:
    return {
        "metadata": metadata(cluster["uid"], cluster["name"], {}),
        "spec": {"spectroClusterUid": cluster["uid"], "reasons": []},
        "status": _repave_state(cluster),
    }


# ── Pools ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def cloud_config(cluster: dict[str, Any]) -> Json:
    """Where its machine pools are."""
    where = {"region": cluster["region"]} | ({"project": f"estate-{cluster['project']}"} if cluster["cloudType"] == "gke" else {})
    return {
        "apiVersion": "v1",
        "kind": f"{cluster['cloudType'].capitalize()}CloudConfig",
        "metadata": metadata(cluster["configUid"], cluster["name"], {}),
        "spec": {"clusterConfig": where, "machinePoolConfig": [_pool(pool) for pool in cluster["pools"]]},
    }


def _pool(pool: dict[str, Any]) -> Json:
    """Bounds only where there are any: a static pool has none, and GKE never has."""
    shape: Json = {
        "name": pool["name"], "size": pool["size"], "instanceType": pool["instanceType"], "isControlPlane": False,
        "useControlPlaneAsWorker": False, "labels": ["worker"], "additionalLabels": pool["labels"], "rootDeviceSize": pool["diskGib"],
        "azs": pool["zones"], "machinePoolProperties": {"archType": "amd64"}, "nodeRepaveInterval": 0,
        "taints": [dict(zip(("key", "value", "effect"), re.split("[=:]", taint), strict=True)) for taint in pool["taints"]],
        "updateStrategy": {"type": "RollingUpdateScaleOut"},
    }  # fmt: skip
    bounds = {key: pool[key] for key in ("minSize", "maxSize") if pool[key] is not None}
    return shape | bounds | ({"capacityType": pool["capacityType"]} if "capacityType" in pool else {})


def machine_uids(cluster: dict[str, Any]) -> Json:
    """As many machines as each pool's size."""
    return {"machinePools": {pool["name"]: {"machineUids": _uids(cluster, pool)} for pool in cluster["pools"]}}


def _uids(cluster: dict[str, Any], pool: dict[str, Any]) -> list[str]:
    return [digest("machine", cluster["uid"], pool["name"], number)[:24] for number in range(pool["size"])]


def machines_of(name: str) -> Callable[[dict[str, Any]], Json]:
    """The machines of one pool, all running."""

    def shape(cluster: dict[str, Any]) -> Json:
        pools = [pool for pool in cluster["pools"] if pool["name"] == name]
        found = [_machine(cluster, pool, uid) for pool in pools for uid in _uids(cluster, pool)]
        return {"items": found, "listmeta": {"continue": "", "count": len(found), "limit": 50, "offset": 0}}

    return shape


def _machine(cluster: dict[str, Any], pool: dict[str, Any], uid: str) -> Json:
    spec: Json = {"instanceType": pool["instanceType"]}
    own: Json = (
        {"az": pool["zones"][0], "vpcId": "vpc-estate", "ami": "ami-estate"}
        if cluster["cloudType"] == "eks"
        else {"zone": pool["zones"][0]}
    )
    return {"metadata": metadata(uid, uid, {}), "spec": spec | own, "status": {"instanceState": "Running", "ready": True}}


# ── Quotas, workspaces, teams ────────────────────────────────────────────────────────────────────────────────────────
def _namespaces(cluster: dict[str, Any]) -> Json:
    return {"items": [_namespace(cluster, name) for name in cluster["namespaces"]]}


def _namespace(cluster: dict[str, Any], name: str) -> Json:
    found = QUOTAS.get((cluster["name"], name))
    spec: Json = {"isRegex": False}
    if found:
        cores, memory, gpus = found
        own: Json = {"cpuCores": cores, "memoryMiB": memory}
        spec["resourceAllocation"] = own | ({} if gpus is None else {"gpuConfig": {"limit": gpus, "provider": "nvidia"}})
    return {"metadata": metadata(digest(cluster["uid"], name)[:24], name, {}), "spec": spec, "status": {"errors": []}}


def _live_namespaces(cluster: dict[str, Any]) -> Json:
    return {"namespaces": [{"namespace": name, "pvcCount": 0} for name in cluster["namespaces"]]}


def _workspace_uid(name: str) -> str:
    return digest("workspace", name)[:24]


def workspaces(clusters: list[dict[str, Any]]) -> Json:
    """The workspaces that have one of these clusters."""
    found = []
    for name, (members, namespaces) in WORKSPACES.items():
        refs = [{"name": cluster["name"], "uid": cluster["uid"]} for cluster in clusters if cluster["name"] in members]
        if refs:
            spec = {"clusterRefs": refs, "namespaces": list(namespaces)}
            found.append({"metadata": metadata(_workspace_uid(name), name, {}), "spec": spec, "status": {}})
    return {"cpuUnit": "mCore", "memoryUnit": "MiB", "items": found}


def workspace(uid: str, clusters: list[dict[str, Any]]) -> Json | None:
    """One of them."""
    name = next((name for name in WORKSPACES if _workspace_uid(name) == uid), None)
    if name is None or not any(cluster["name"] in WORKSPACES[name][0] for cluster in clusters):
        return None
    members, namespaces = WORKSPACES[name]
    uids = {cluster.cluster.name: cluster.cluster.uid for cluster in CLUSTERS}
    return {
        "metadata": metadata(uid, name, {}),
        "spec": {
            "clusterRefs": [{"clusterName": member, "clusterUid": uids[member]} for member in members],
            "clusterNamespaces": [{"name": namespace, "isRegex": False} for namespace in namespaces],
            "quota": {"resourceAllocation": {"cpuCores": 96, "memoryMiB": 524288, "gpuConfig": {"limit": 8, "provider": "nvidia"}}},
        },
    }


def teams() -> Json:
    """The teams of the tenant."""
    found = [{"metadata": metadata(digest("team", name)[:24], name, {}), "spec": {"users": [digest("user", name)[:24]]}} for name in TEAMS]
    return {"items": found, "listmeta": {"continue": "", "count": len(found), "limit": 50, "offset": 0}}


def users() -> Json:
    """One person for each team."""
    found = [
        {"metadata": metadata(digest("user", name)[:24], f"{name}-owner", {}), "spec": {"emailId": f"{name}-owner@example.com"}}
        for name in TEAMS
    ]
    return {"items": found, "listmeta": {"continue": "", "count": len(found), "limit": 50, "offset": 0}}


# ── What happened ────────────────────────────────────────────────────────────────────────────────────────────────────
def audits(clusters: list[dict[str, Any]]) -> Json:
    """Somebody scaled staging's web pool by hand."""
    touched = [cluster for cluster in clusters if cluster["name"] == "staging-web"]
    return {
        "items": [_audit(cluster) for cluster in touched],
        "listmeta": {"continue": "", "count": len(touched), "limit": 50, "offset": 0},
    }


def _audit(cluster: dict[str, Any]) -> Json:
    project = {"uid": cluster["projectUid"], "name": cluster["project"]}
    return {
        "metadata": {"uid": digest("audit", cluster["uid"])[:24], "creationTimestamp": f"{HAND_SCALED:%Y-%m-%dT%H:%M:%S}.000Z"},
        "spec": {
            "actionType": "update",
            "actionMsg": "Machine pool 'web' of cluster 'staging-web' is updated",
            "actor": {"actorType": "user", "project": project},
            "resource": {"kind": "spectrocluster", "uid": cluster["uid"], "name": cluster["name"], "label": "cluster"},
        },
    }


def consumption_of(body: dict[str, Any]) -> Callable[[dict[str, Any]], Json]:
    """Namespaces' allotted and used CPU and memory, hour by hour of the time that was asked for."""
    asked = body.get("filter", {})
    start, end = (datetime.fromisoformat(asked[name]) for name in ("startTime", "endTime"))
    hours = [start + timedelta(hours=number) for number in range(int((end - start) / timedelta(hours=1)))]

    def shape(cluster: dict[str, Any]) -> Json:
        estate = next(each for each in CLUSTERS if each.cluster.uid == cluster["uid"])
        return {
            "cpuUnit": "mCore",
            "memoryUnit": "MiB",
            "resources": [_consumed(estate, name, hours) for name in cluster["namespaces"]],
        }

    return shape


def _consumed(estate: EstateCluster, namespace: str, hours: list[datetime]) -> Json:
    """Use is told as the typical one: Palette's own measurements are means."""
    mine = [workload for pool in estate.pools for workload in pool.workloads if workload.namespace == namespace]
    allotted = {
        "cpu": sum(workload.cpu * workload.replicas for workload in mine),
        "memory": sum(workload.memory * workload.replicas for workload in mine) // MIB,
    }
    used = {"cpu": allotted["cpu"] // 2, "memory": sum(workload.memory_used * workload.replicas for workload in mine) // MIB}
    data = [{"timestamp": int(hour.timestamp()), "allotted": allotted, "usage": used} for hour in hours]
    return {"entity": {"kind": "namespace", "name": namespace, "uid": digest(estate.cluster.uid, namespace)[:24]}, "data": data}


CLUSTER_PARTS: Mapping[str | None, Callable[[dict[str, Any]], Json]] = {
    None: _cluster,
    "/repave/status": _repave,
    "/config/namespaces": _namespaces,
    "/namespaces": _live_namespaces,
}
