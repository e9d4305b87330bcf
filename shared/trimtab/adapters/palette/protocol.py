"""Palette's published API (4.8): our questions → requests, its answers → records. No I/O.

Unknown fields are normal, its versions differ. A field that we need and do not find is BadInput with its path, never a default.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from trimtab.errors import BadInput
from trimtab.records import Cloud, Cluster, ClusterUid, Pool, ProjectUid

PAGE = 50
CLOUDS: Mapping[str, Cloud] = {"eks": "aws", "aws": "aws", "gke": "gcp", "gcp": "gcp", "aks": "azure", "azure": "azure"}
"""Palette's cloud types with machine pools of priced instance types; vSphere, MAAS, edge and virtual clusters have none."""
CAPACITY: Mapping[str, Literal["on-demand", "spot"]] = {"on-demand": "on-demand", "spot": "spot"}
BARE_TAG = "spectro__tag"
"""Palette's label value for a tag without one."""
_UID = re.compile(r"[A-Za-z0-9-]{1,64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """What only a search says about a cluster."""

    uid: ClusterUid
    project_uid: ProjectUid
    project: str
    health: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Live:
    """What reading one cluster says."""

    uid: ClusterUid
    name: str
    cloud_type: str
    config_uid: str
    state: str
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """A cloud config: where, and which pools."""

    region: str
    pools: tuple[Pool, ...]


def search(token: str) -> tuple[str, dict[str, str], dict[str, Any]]:
    """Path, query and body of one page of all clusters that are not deleted."""
    query = {"limit": str(PAGE)} | ({"continue": token} if token else {})
    alive = {"property": "isDeleted", "type": "bool", "condition": {"bool": {"value": False}}}
    groups = [{"conjunction": "and", "filters": [alive]}]
    body = {"filter": {"conjunction": "and", "filterGroups": groups}, "sort": [{"field": "clusterName", "order": "asc"}]}
    return "/v1/dashboard/spectroclusters/search", query, body


def cluster_path(uid: str) -> str:
    """Where one cluster is."""
    return f"/v1/spectroclusters/{_safe(uid, 'cluster uid')}"


def repave_path(uid: str) -> str:
    """Where its repave status is."""
    return f"{cluster_path(uid)}/repave/status"


def namespaces_path(uid: str) -> str:
    """Where the namespaces are that it has now."""
    return f"{cluster_path(uid)}/namespaces"


def config_path(live: Live) -> str:
    """Where its machine pools are."""
    return f"/v1/cloudconfigs/{_safe(live.cloud_type, 'spec.cloudType')}/{_safe(live.config_uid, 'spec.cloudConfigRef.uid')}"


def parse_search(body: bytes) -> tuple[tuple[Listed, ...], str]:
    """One page, and the token of the next; "" = there is none."""
    page = _object(body, "search")
    items = _list(page, "items", "search")
    return tuple(_listed(item, f"search.items[{number}]") for number, item in enumerate(items)), str(
        _maybe(page, "listmeta").get("continue") or ""
    )


def parse_cluster(body: bytes) -> Live:
    """One cluster."""
    found = _object(body, "cluster")
    metadata, spec = _inner(found, "metadata", "cluster"), _inner(found, "spec", "cluster")
    return Live(
        uid=ClusterUid(_text(metadata, "uid", "cluster.metadata")),
        name=_text(metadata, "name", "cluster.metadata"),
        cloud_type=_text(spec, "cloudType", "cluster.spec"),
        config_uid=_text(_inner(spec, "cloudConfigRef", "cluster.spec"), "uid", "cluster.spec.cloudConfigRef"),
        state=_text(_inner(found, "status", "cluster"), "state", "cluster.status"),
        tags={str(key): "" if value == BARE_TAG else str(value) for key, value in _maybe(metadata, "labels").items()},
    )


def parse_config(body: bytes, uid: ClusterUid) -> Config:
    """A cloud config."""
    spec = _inner(_object(body, "cloudconfig"), "spec", "cloudconfig")
    place = "cloudconfig.spec.clusterConfig"
    cluster = _inner(spec, "clusterConfig", "cloudconfig.spec")
    region = _text(cluster, "location" if "location" in cluster else "region", place)
    pools = [
        _pool(pool, uid, f"cloudconfig.spec.machinePoolConfig[{number}]")
        for number, pool in enumerate(_list(spec, "machinePoolConfig", "cloudconfig.spec"))
    ]
    return Config(region=region, pools=tuple(pool for pool in pools if pool))


def parse_repave(body: bytes) -> bool:
    """True while a repave waits. Only the words that say "over" count as over: a new word is not permission."""
    return _maybe(_object(body, "repave"), "status").get("state") not in (None, "", "Approved", "Reverted")


def parse_namespaces(body: bytes) -> tuple[str, ...]:
    """Names of a cluster's namespaces."""
    found = _object(body, "namespaces").get("namespaces") or []
    return tuple(
        sorted(_text(_dict(each, f"namespaces[{number}]"), "namespace", f"namespaces[{number}]") for number, each in enumerate(found))
    )


def parse_error(body: bytes) -> str:
    """Palette's own word for what went wrong, cut short."""
    try:
        value = json.loads(body)
    except ValueError:
        return ""
    return f"{value.get('code', '')}: {value.get('message', '')}"[:200] if isinstance(value, dict) else ""


def cluster(listed: Listed, live: Live, config: Config, *, is_repave_pending: bool, namespaces: tuple[str, ...]) -> Cluster:
    """The four answers put together."""
    return Cluster(
        uid=live.uid,
        name=live.name,
        project_uid=listed.project_uid,
        project=listed.project,
        cloud=CLOUDS[live.cloud_type],
        region=config.region,
        state=live.state,
        health=listed.health,
        is_repave_pending=is_repave_pending,
        tags=live.tags,
        pools=config.pools,
        namespaces=namespaces,
    )


def _listed(item: object, place: str) -> Listed:
    found = _dict(item, place)
    project = _inner(_inner(found, "specSummary", place), "projectMeta", f"{place}.specSummary")
    return Listed(
        uid=ClusterUid(_text(_inner(found, "metadata", place), "uid", f"{place}.metadata")),
        project_uid=ProjectUid(_text(project, "uid", f"{place}.specSummary.projectMeta")),
        project=_text(project, "name", f"{place}.specSummary.projectMeta"),
        # A cluster whose agent never spoke has no health at all; that is a fact, and not "Healthy".
        health=str(_maybe(_maybe(found, "status"), "health").get("state") or "Unknown"),
    )


def _pool(item: object, uid: ClusterUid, place: str) -> Pool | None:
    found = _dict(item, place)
    is_control_plane = found.get("isControlPlane") is True
    capacity = CAPACITY.get(str(found.get("capacityType") or ("spot" if found.get("spotVMOptions") else "on-demand")))
    if capacity is None:
        # Dedicated hosts are priced by the host: a pool that is not in the record is never proposed for.
        return None
    minimum, maximum = _count(found, "minSize", place), _count(found, "maxSize", place)
    return Pool(
        cluster_uid=uid,
        name=_text(found, "name", place),
        # A managed control plane is nobody's machine.
        instance_type="" if is_control_plane and not found.get("instanceType") else _text(found, "instanceType", place),
        count=_needed_count(found, "size", place),
        minimum=minimum if minimum is not None and maximum else None,
        maximum=maximum or None,
        capacity_type=capacity,
        control_plane=is_control_plane,
        labels={str(key): str(value) for key, value in _maybe(found, "additionalLabels").items()},
        taints=tuple(_taint(_dict(taint, f"{place}.taints")) for taint in found.get("taints") or []),
    )


def _taint(taint: Mapping[str, Any]) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint.get('key', '')}{value}:{taint.get('effect', '')}"


def _count(parent: Mapping[str, Any], name: str, place: str) -> int | None:
    value = parent.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise BadInput(f"Palette: {place}.{name}: expected a whole number, got {value!a}")
    return value


def _needed_count(parent: Mapping[str, Any], name: str, place: str) -> int:
    value = _count(parent, name, place)
    if value is None:
        raise BadInput(f"Palette: {place}.{name}: missing")
    return value


def _safe(value: str, what: str) -> str:
    if not _UID.fullmatch(value):
        raise BadInput(f"Palette: {what}: {value[:80]!a} cannot stand in a path")
    return value


def _object(body: bytes, place: str) -> dict[str, Any]:
    try:
        return _dict(json.loads(body), place)
    except ValueError:
        raise BadInput(f"Palette: {place}: the answer is not JSON") from None


def _dict(value: object, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadInput(f"Palette: {place}: expected an object")
    return value


def _inner(parent: Mapping[str, Any], name: str, place: str) -> dict[str, Any]:
    return _dict(parent.get(name), f"{place}.{name}")


def _maybe(parent: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = parent.get(name)
    return value if isinstance(value, dict) else {}


def _list(parent: Mapping[str, Any], name: str, place: str) -> list[Any]:
    value = parent.get(name)
    if not isinstance(value, list):
        raise BadInput(f"Palette: {place}.{name}: expected a list")
    return value


def _text(parent: Mapping[str, Any], name: str, place: str) -> str:
    value = parent.get(name)
    if not isinstance(value, str) or not value:
        raise BadInput(f"Palette: {place}.{name}: missing")
    return value
