"""Palette's published API (4.8), its clusters: our questions → requests, its answers → records. No I/O.

Pools, quotas, rates, catalog, measured use and the audit trail have a module each beside this one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trimtab.adapters.palette import answers
from trimtab.adapters.palette.pools import Config
from trimtab.records import Cloud, Cluster, ClusterUid, ProjectUid, Refusal

SEARCH = "/v1/dashboard/spectroclusters/search"
CLOUDS: Mapping[str, Cloud] = {"eks": "aws", "aws": "aws", "gke": "gcp", "gcp": "gcp", "aks": "azure", "azure": "azure"}
"""Palette's cloud types with machine pools of priced instance types."""
ALONE: Mapping[str, str] = {
    "vsphere": "a vSphere cluster: its pools have sizes of their own and no instance type that is priced",
    "maas": "a MAAS cluster: its pools are bare metal that nobody bills by the hour",
    "edge-native": "an edge cluster: its pools are hosts on site",
    "edge": "an edge cluster: its pools are hosts on site",
    "edge-vsphere": "an edge cluster on vSphere: its pools have no instance type that is priced",
    "libvirt": "an edge cluster on libvirt: its pools have no instance type that is priced",
    "virtual": "a virtual cluster: it has a size, not pools; its quota is looked at with its host",
    "nested": "a virtual cluster: it has a size, not pools; its quota is looked at with its host",
    "apache-cloudstack": "a CloudStack cluster: its offerings have no price list",
    "generic": "an imported cluster of a cloud that Palette does not manage",
}
BARE_TAG = "spectro__tag"
"""Palette's label value for a tag without one."""
_KARPENTER = re.compile(r"karpenter", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """What only a search says about a cluster."""

    uid: ClusterUid
    name: str
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
    is_imported: bool
    packs: tuple[str, ...] | None
    """Names of the packs in its profiles; None = not in this answer."""
    virtual: tuple[str, ...]
    """Uids of the virtual clusters that run on it."""


# ── questions ────────────────────────────────────────────────────────────────────────────────────────────────────────
def search_body() -> dict[str, Any]:
    """All clusters that are not deleted, by name."""
    alive = {"property": "isDeleted", "type": "bool", "condition": {"bool": {"value": False}}}
    groups = [{"conjunction": "and", "filters": [alive]}]
    return {"filter": {"conjunction": "and", "filterGroups": groups}, "sort": [{"field": "clusterName", "order": "asc"}]}


def cluster_path(uid: str) -> str:
    """Where one cluster is."""
    return f"/v1/spectroclusters/{answers.uid_in_path(uid, 'cluster uid')}"


def repave_path(uid: str) -> str:
    """Where its repave status is."""
    return f"{cluster_path(uid)}/repave/status"


def namespaces_path(uid: str) -> str:
    """Where the namespaces are that it has now."""
    return f"{cluster_path(uid)}/namespaces"


def profiles_path(uid: str) -> str:
    """Where its profiles are, with their packs."""
    return f"{cluster_path(uid)}/profiles"


def config_path(live: Live) -> str:
    """Where its machine pools are."""
    kind = answers.uid_in_path(live.cloud_type, "spec.cloudType")
    return f"/v1/cloudconfigs/{kind}/{answers.uid_in_path(live.config_uid, 'spec.cloudConfigRef.uid')}"


def machine_uids_path(live: Live) -> str:
    """Where the machines of all its pools are counted."""
    return f"/v1/cloudconfigs/{answers.uid_in_path(live.config_uid, 'spec.cloudConfigRef.uid')}/machinePools/machineUids"


def machines_path(live: Live, pool: str) -> str:
    """Where one pool's machines are."""
    return f"{config_path(live)}/machinePools/{answers.name_in_path(pool, 'pool name')}/machines"


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def parse_search(body: bytes) -> tuple[tuple[Listed, ...], str]:
    """One page, and the token of the next; "" = there is none."""
    page = answers.json_object(body, "search")
    answers.items(page, "items", "search")
    return tuple(_listed(item, place) for item, place in answers.objects(page, "items", "search")), answers.next_page(page)


def parse_cluster(body: bytes) -> Live:
    """One cluster."""
    found = answers.json_object(body, "cluster")
    metadata, spec = answers.inner(found, "metadata", "cluster"), answers.inner(found, "spec", "cluster")
    status = answers.inner(found, "status", "cluster")
    return Live(
        uid=ClusterUid(answers.text(metadata, "uid", "cluster.metadata")),
        name=answers.text(metadata, "name", "cluster.metadata"),
        cloud_type=answers.text(spec, "cloudType", "cluster.spec"),
        config_uid=answers.text(answers.inner(spec, "cloudConfigRef", "cluster.spec"), "uid", "cluster.spec.cloudConfigRef"),
        state=answers.text(status, "state", "cluster.status"),
        tags={str(key): "" if value == BARE_TAG else str(value) for key, value in answers.maybe(metadata, "labels").items()},
        is_imported=_is_imported(spec, status),
        packs=_packs(spec, "clusterProfileTemplates") if isinstance(spec.get("clusterProfileTemplates"), list) else None,
        virtual=tuple(str(each["uid"]) for each, _ in _virtual(status) if each.get("uid")),
    )


def _is_imported(spec: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    """PureManage is what Palette made itself; the Alloy kinds were brought in, to look at or to add to."""
    kind = spec.get("clusterType")
    return answers.maybe(status, "clusterImport").get("isBrownfield") is True or (isinstance(kind, str) and kind.startswith("Alloy"))


def _virtual(status: Mapping[str, Any]) -> list[tuple[dict[str, Any], str]]:
    return answers.objects(answers.maybe(status, "virtual"), "virtualClusters", "cluster.status.virtual")


def _packs(parent: Mapping[str, Any], name: str) -> tuple[str, ...]:
    templates = answers.objects(parent, name, "cluster")
    return tuple(str(pack.get("name") or "") for template, place in templates for pack, _ in answers.objects(template, "packs", place))


def parse_profiles(body: bytes) -> tuple[str, ...]:
    """Names of the packs in a cluster's profiles."""
    found = answers.objects(answers.json_object(body, "profiles"), "profiles", "profiles")
    packs = (answers.objects(answers.maybe(profile, "spec"), "packs", place) for profile, place in found)
    return tuple(str(answers.maybe(pack, part).get("name") or "") for each in packs for pack, _ in each for part in ("metadata", "spec"))


def parse_repave(body: bytes) -> bool:
    """True while a repave waits. Only the words that say "over" count as over: a new word is not permission."""
    return answers.maybe(answers.json_object(body, "repave"), "status").get("state") not in (None, "", "Approved", "Reverted")


def parse_namespaces(body: bytes) -> tuple[str, ...]:
    """Names of a cluster's namespaces."""
    found = answers.objects(answers.json_object(body, "namespaces"), "namespaces", "namespaces")
    return tuple(sorted(answers.text(each, "namespace", place) for each, place in found))


def has_karpenter(packs: tuple[str, ...]) -> bool:
    """True where a pack makes nodes outside the pools."""
    return any(_KARPENTER.search(name) for name in packs)


# ── put together ─────────────────────────────────────────────────────────────────────────────────────────────────────
def left_alone(listed: Listed, live: Live) -> Refusal | None:
    """Why a cluster is never touched; None = it has priced pools that Palette itself made."""
    if live.is_imported:
        why = "an imported (brownfield) cluster: Palette cannot change its pools"
        rule = "imported-cluster"
    elif live.cloud_type not in CLOUDS:
        why = ALONE.get(live.cloud_type, f"of cloud type {live.cloud_type[:40]!a}, whose pools Trimtab does not know")
        rule = "no-priced-pools"
    else:
        return None
    return Refusal(cluster_uid=listed.uid, pool="*", rule=rule, reason=f"{live.name} in project {listed.project} is left alone: {why}.")


def cluster(
    listed: Listed, live: Live, config: Config, *, is_repave_pending: bool, namespaces: tuple[str, ...], packs: tuple[str, ...]
) -> Cluster:
    """The answers put together."""
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
        has_karpenter=has_karpenter(packs),
        left_out=config.left_out,
    )


def unreadable(listed: Listed, live: Live, problem: str) -> Cluster:
    """A cluster of which something could not be read: it is there, and has no pool that anything could be proposed for."""
    refusal = Refusal(cluster_uid=live.uid, pool="*", rule="palette-unreadable", reason=f"{problem}.")
    nothing = Config(region="", pools=(), left_out=(refusal,))
    return cluster(listed, live, nothing, is_repave_pending=True, namespaces=(), packs=())


def _listed(found: dict[str, Any], place: str) -> Listed:
    project = answers.inner(answers.inner(found, "specSummary", place), "projectMeta", f"{place}.specSummary")
    metadata = answers.inner(found, "metadata", place)
    return Listed(
        uid=ClusterUid(answers.text(metadata, "uid", f"{place}.metadata")),
        name=answers.text(metadata, "name", f"{place}.metadata"),
        project_uid=ProjectUid(answers.text(project, "uid", f"{place}.specSummary.projectMeta")),
        project=answers.text(project, "name", f"{place}.specSummary.projectMeta"),
        # A cluster whose agent never spoke has no health at all; that is a fact, and not "Healthy".
        health=str(answers.maybe(answers.maybe(found, "status"), "health").get("state") or "Unknown"),
    )
