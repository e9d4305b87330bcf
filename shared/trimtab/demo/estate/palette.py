"""Palette for the estate: one file with every cluster as it is live, who answers from it, and what Terraform would do to it after a merge.

Read-only like the real calls we make. What the answers look like is in palette_answers.py, what things cost in palette_prices.py.
"""

import json
import re
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
from ruamel.yaml import YAML

from trimtab.demo.estate import palette_answers as answers
from trimtab.demo.estate import palette_prices as prices
from trimtab.demo.estate.clusters import CLUSTERS
from trimtab.demo.estate.model import EstateCluster, EstatePool, digest
from trimtab.errors import BadInput
from trimtab.records import Json

STATE = "palette.json"
PAGE = 50
_SEARCH = "/v1/dashboard/spectroclusters/search"
_CLUSTER = re.compile(r"/v1/spectroclusters/(?P<uid>[0-9a-f]+)(?P<part>/[a-z/]+)?")
_CONSUMPTION = re.compile(r"/v1/dashboard/spectroclusters/(?P<uid>[0-9a-f]+)/resources/consumption")
_CLOUD_CONFIG = re.compile(r"/v1/cloudconfigs/(?P<kind>[a-z-]+)/(?P<uid>[0-9a-f]+)(/machinePools/(?P<pool>[a-z0-9-]+)/machines)?")
_MACHINE_UIDS = re.compile(r"/v1/cloudconfigs/(?P<uid>[0-9a-f]+)/machinePools/machineUids")
_WORKSPACE = re.compile(r"/v1/workspaces/(?P<uid>[0-9a-f]+)")
_RATE = re.compile(r"/v1/spectroclusters/(?P<kind>eks|gke)/rate")
_TYPES = re.compile(r"/v1/clouds/(?P<cloud>aws|gcp|azure)/regions/(?P<region>[a-z0-9-]+)/instancetypes")
_PRICE = re.compile(r"/v1/clouds/(?P<cloud>aws|gcp|azure)/compute/(?P<name>[A-Za-z0-9.-]+)/rate")


# ── The world's file ─────────────────────────────────────────────────────────────────────────────────────────────────
def write_world(world: Path) -> None:
    """Create the state file: every cluster as it is live today."""
    world.mkdir(parents=True, exist_ok=True)
    _write(world, {"clusters": [_state_of(cluster) for cluster in CLUSTERS]})


def apply_main(world: Path, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """What `terraform apply` on the default branch does: move each live pool to its file; a sentence per pool that moved.

    A locked pool stays as it is: somebody changed it by hand and told Terraform to keep off.
    """
    state = _read(world)
    moved = [line for path, content in sorted(files.items()) if _is_cluster_file(path) for line in _apply(state, path, content)]
    if moved:
        _write(world, state)
    return tuple(moved)


def _is_cluster_file(path: str) -> bool:
    return path.startswith("clusters/") and path.endswith((".yaml", ".yml"))


def _apply(state: dict[str, Any], path: str, content: bytes) -> list[str]:
    declared = YAML(typ="safe", pure=True).load(BytesIO(content))
    live = next((cluster for cluster in state["clusters"] if cluster["name"] == declared.get("name")), None)
    if live is None:
        raise BadInput(f"{path}: name: Palette has no cluster {declared.get('name')!a}")
    return [line for group in declared["node_groups"] for line in _move(live, group, path)]


def _move(live: dict[str, Any], group: Mapping[str, Any], path: str) -> list[str]:
    pool = next((pool for pool in live["pools"] if pool["name"] == group["name"]), None)
    if pool is None:
        raise BadInput(f"{path}: node_groups: {live['name']} has no pool {group['name']!a}")
    if pool["isLocked"]:
        return []
    wanted = {"size": group["count"], "minSize": group.get("min"), "maxSize": group.get("max"), "instanceType": group["instance_type"]}
    if "capacityType" in pool:
        wanted["capacityType"] = group.get("capacity_type", "on-demand")
    changes = [f"{key} {pool[key]} → {value}" for key, value in wanted.items() if pool[key] != value]
    pool.update(wanted)
    return [f"{live['name']}/{pool['name']}: {', '.join(changes)}"] if changes else []


def _state_of(cluster: EstateCluster) -> dict[str, Any]:
    live = cluster.cluster
    return {
        "uid": live.uid, "name": live.name, "projectUid": live.project_uid, "project": live.project, "cloudType": cluster.cloud_type,
        "region": live.region, "configUid": digest("cloudconfig", live.uid)[:24], "state": live.state, "health": live.health,
        "repave": "", "tags": dict(live.tags), "namespaces": list(live.namespaces),
        "pools": [_pool_state(cluster, pool) for pool in cluster.pools],
    }  # fmt: skip


def _pool_state(cluster: EstateCluster, estate: EstatePool) -> dict[str, Any]:
    pool = estate.pool
    state = {
        "name": pool.name, "size": pool.count, "minSize": pool.minimum, "maxSize": pool.maximum, "instanceType": pool.instance_type,
        "labels": dict(pool.labels), "taints": list(pool.taints), "diskGib": estate.disk_gib,
        "zones": list(estate.zones or (cluster.zone,)), "isLocked": estate.declared != pool.count,
    }  # fmt: skip
    return state | ({"capacityType": pool.capacity_type} if cluster.cluster.cloud == "aws" else {})


def _read(world: Path) -> dict[str, Any]:
    state: dict[str, Any] = json.loads((world / STATE).read_text())
    return state


def _write(world: Path, state: dict[str, Any]) -> None:
    """Replaced whole, so that a reader never sees half a file."""
    draft = world / f".{STATE}.new"
    draft.write_text(json.dumps(state, indent=1, sort_keys=True) + "\n")
    draft.replace(world / STATE)


# ── The API ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def palette_transport(world: Path, api_key: str | None = None) -> httpx.MockTransport:
    """A transport that answers as Palette would; without `api_key` any key will do, but there must be one."""

    def answer(request: httpx.Request) -> httpx.Response:
        given = request.headers.get("apiKey")
        if not given or (api_key is not None and given != api_key):
            return _error(401, "Unauthorized", "the apiKey header is missing or wrong")
        return answered(request, _read(world)["clusters"])

    return httpx.MockTransport(answer)


Clusters = list[dict[str, Any]]


def answered(request: httpx.Request, clusters: Clusters) -> httpx.Response:
    """What Palette answers when these are its clusters."""
    visible = [cluster for cluster in clusters if request.headers.get("ProjectUid") in {None, "", cluster["projectUid"]}]
    path = request.url.path
    if path == _SEARCH:
        return _search(request, visible) if request.method == "POST" else _error(405, "MethodNotAllowed", path)
    answer = _posted(request, visible) if request.method == "POST" else _got(request, visible) if request.method == "GET" else None
    return answer or _error(404, "ResourceNotFound", f"{request.method} {path}: no such path, or nothing there")


def _got(request: httpx.Request, clusters: Clusters) -> httpx.Response | None:
    path, query = request.url.path, request.url.params
    if path in _FIXED:
        return httpx.Response(200, json=_FIXED[path](clusters))
    if found := _MACHINE_UIDS.fullmatch(path):
        return _one(clusters, "configUid", found["uid"], answers.machine_uids)
    if found := _CLUSTER.fullmatch(path):
        shape = answers.CLUSTER_PARTS.get(found["part"])
        return _one(clusters, "uid", found["uid"], shape) if shape else None
    if found := _CLOUD_CONFIG.fullmatch(path):
        of_kind = [each for each in clusters if each["cloudType"] == found["kind"]]
        shape = answers.machines_of(found["pool"]) if found["pool"] else answers.cloud_config
        return _one(of_kind, "configUid", found["uid"], shape)
    if found := _WORKSPACE.fullmatch(path):
        return _some(answers.workspace(found["uid"], clusters))
    if found := _TYPES.fullmatch(path):
        return httpx.Response(200, json=prices.instance_types(found["cloud"], found["region"]))
    if found := _PRICE.fullmatch(path):
        return _some(prices.price(found["cloud"], found["name"], query.get("region", "")))
    return None


def _posted(request: httpx.Request, clusters: Clusters) -> httpx.Response | None:
    """Questions that have a body: none of them changes anything."""
    path = request.url.path
    try:
        body = json.loads(request.content or b"{}")
    except ValueError:
        return _error(400, "InvalidRequest", "the body cannot be read")
    if found := _RATE.fullmatch(path):
        return httpx.Response(200, json=prices.rate(found["kind"], body))
    if path == "/v1/dashboard/spectroclusters/resources/usage":
        # Its pods are measured by their own Prometheus; Palette keeps namespaces only.
        return httpx.Response(200, json={"cpuUnit": "mCore", "memoryUnit": "MiB", "resources": []})
    if found := _CONSUMPTION.fullmatch(path):
        return _one(clusters, "uid", found["uid"], answers.consumption_of(body))
    return None


def _search(request: httpx.Request, clusters: Clusters) -> httpx.Response:
    """Paged by offset or by the continue token, at most 50 a page; an unreadable filter is refused rather than ignored."""
    try:
        body = json.loads(request.content or b"{}")
        start = int(request.url.params.get("continue") or request.url.params.get("offset") or 0)
        limit = min(PAGE, int(request.url.params.get("limit") or PAGE))
    except ValueError:
        return _error(400, "InvalidRequest", "the body or the paging parameters cannot be read")
    if not isinstance(body, dict) or set(body) - {"filter", "sort"} or start < 0 or limit < 1:
        return _error(400, "InvalidRequest", "expected filter and sort")
    found = sorted(clusters, key=lambda cluster: str(cluster["name"]))
    page = found[start : start + limit]
    more = start + limit < len(found)
    meta = {"continue": str(start + limit) if more else "", "count": len(found), "limit": limit, "offset": start}
    return httpx.Response(200, json={"items": [answers.summary(cluster) for cluster in page], "listmeta": meta})


def _one(clusters: Clusters, key: str, uid: str, shape: Callable[[dict[str, Any]], Json]) -> httpx.Response:
    found = next((cluster for cluster in clusters if cluster[key] == uid), None)
    return httpx.Response(200, json=shape(found)) if found else _error(404, "ResourceNotFound", f"{uid} is not here")


def _some(found: Json | None) -> httpx.Response | None:
    return None if found is None else httpx.Response(200, json=found)


def _error(status: int, code: str, message: str) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "message": message, "details": {}, "ref": ""})


_FIXED: Mapping[str, Callable[[Clusters], Json]] = {
    "/v1/users/info": lambda _: {"orgName": "estate", "tenantUid": answers.TENANT, "userUid": digest("user")[:24]},
    f"/v1/tenants/{answers.TENANT}/rateConfig": lambda _: prices.RATE_CONFIG,
    "/v1/dashboard/workspaces": answers.workspaces,
    "/v1/teams": lambda _: answers.teams(),
    "/v1/users": lambda _: answers.users(),
    "/v1/audits": answers.audits,
}
