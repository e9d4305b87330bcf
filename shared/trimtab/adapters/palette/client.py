"""`ports.Palette` over HTTP. It reads, and where it was given a second key it annotates clusters; how it asks is in api.py."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import httpx

from trimtab.adapters import http
from trimtab.adapters.palette import marks, pools, protocol, quotas, rates, shelf, trail, use
from trimtab.adapters.palette.api import Headers, PaletteApi, project
from trimtab.errors import BadInput, Refused, Upstream
from trimtab.records import (
    AuditEntry,
    Cloud,
    Cluster,
    ClusterUid,
    Estimate,
    MeasuredUse,
    Pool,
    PrivateRate,
    ProjectUid,
    Quota,
    Refusal,
)
from trimtab.settings import Settings
from trimtab.units import Money

STILL_NEW = 60.0
"""Seconds that a reading of the whole tenant serves: judging many proposals asks for it many times. One cluster is always read anew."""
TENANT: Headers = {}
"""No project header: the whole tenant is meant."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Read:
    """One cluster as far as it was read: itself, or why it is left alone; neither = it went away meanwhile."""

    listed: protocol.Listed
    live: protocol.Live | None = None
    cluster: Cluster | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class PaletteClient:
    """One tenant, seen with one API key."""

    api: PaletteApi
    writer: PaletteApi | None = None
    """The same tenant with a key that may write cluster metadata; None = nothing is ever written."""
    _kept: dict[str, tuple[float, tuple[_Read, ...]]] = field(default_factory=dict)
    _lists: dict[str, tuple[float, dict[ClusterUid, protocol.Listed]]] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings, transport: httpx.BaseTransport | None = None) -> "PaletteClient":
        """The Palette of a deployment."""
        key = settings.palette_api_key.get_secret_value() if settings.palette_api_key else ""
        if not settings.palette_url or not key:
            return cls(PaletteApi("", "", None))
        client = http.client_for(settings.palette_url, settings, transport)
        # A demo's Palette is a process of our own, with nobody to be polite to.
        sleep = (lambda _seconds: None) if settings.is_demo else time.sleep
        url = settings.palette_url.rstrip("/")
        write_key = settings.palette_write_key.get_secret_value() if settings.palette_write_key else ""
        return cls(PaletteApi(url, key, client, sleep), PaletteApi(url, write_key, client, sleep) if write_key else None)

    @property
    def is_configured(self) -> bool:
        """False = whoever asks is refused."""
        return self.api.client is not None

    # ── clusters ─────────────────────────────────────────────────────────────────────────────────────────────────────
    def listed(self) -> dict[ClusterUid, str]:
        """Uid → name of every cluster that is listed, as of at most a minute ago; a request for each fifty."""
        return {uid: listed.name for uid, listed in self._list().items()}

    def projects(self) -> dict[ClusterUid, ProjectUid]:
        """Uid → project of every cluster that is listed, from the same list."""
        return {uid: listed.project_uid for uid, listed in self._list().items()}

    def clusters(self) -> tuple[Cluster, ...]:
        """Every cluster of the tenant that has priced machine pools, as of at most a minute ago."""
        return tuple(read.cluster for read in self._tenant() if read.cluster)

    def left_alone(self) -> tuple[Refusal, ...]:
        """The clusters that are recognized and never touched, each with why."""
        return tuple(read.refusal for read in self._tenant() if read.refusal)

    def cluster(self, uid: ClusterUid) -> Cluster | None:
        """One cluster read now; None = gone, or of a kind that `left_alone` names."""
        found = self._one(uid)
        return found.cluster if found else None

    def look(self, uid: ClusterUid) -> Cluster | Refusal | None:
        """One cluster read now, or why it is left alone; None = gone."""
        found = self._one(uid)
        return found.cluster or found.refusal if found else None

    def _one(self, uid: ClusterUid) -> _Read | None:
        listed = self._entry(uid)
        return self._read(listed) if listed else None

    def _entry(self, uid: ClusterUid) -> protocol.Listed | None:
        """Its line of the list. What a kept list does not have may be new, so the list is read again."""
        kept = self._lists.get("tenant")
        found = self._list().get(uid)
        return self._fresh_list().get(uid) if found is None and self._lists.get("tenant") is kept else found

    def _list(self) -> dict[ClusterUid, protocol.Listed]:
        """The tenant's list. It has a page for each fifty clusters, so what is asked of one cluster must not read it each time."""
        at, found = self._lists.get("tenant", (float("-inf"), {}))
        return found if self.api.clock() - at <= STILL_NEW else self._fresh_list()

    def _fresh_list(self) -> dict[ClusterUid, protocol.Listed]:
        now = self.api.clock()
        found = {listed.uid: listed for listed in self._listed()}
        self._lists["tenant"] = (now, found)
        return found

    def _tenant(self) -> tuple[_Read, ...]:
        now = self.api.clock()
        at, found = self._kept.get("tenant", (float("-inf"), ()))
        if now - at <= STILL_NEW:
            return found
        found = tuple(self._read(listed) for listed in self._list().values())
        self._kept["tenant"] = (now, found)
        return found

    def _listed(self) -> Iterator[protocol.Listed]:
        seen: set[str] = set()
        # A list that moves while it is read may name one cluster on two pages.
        for listed in self.api.pages("POST", protocol.SEARCH, protocol.parse_search, json=protocol.search_body()):
            if listed.uid not in seen:
                seen.add(listed.uid)
                yield listed

    def _read(self, listed: protocol.Listed) -> _Read:
        scope = project(listed.project_uid)
        answer = self.api.find(protocol.cluster_path(listed.uid), scope)
        if answer is None:
            return _Read(listed=listed)
        try:
            live = protocol.parse_cluster(answer)
        except BadInput as error:
            why = f"{listed.name} in project {listed.project} is left alone: {error}."
            return _Read(listed=listed, refusal=Refusal(cluster_uid=listed.uid, pool="*", rule="palette-unreadable", reason=why))
        refusal = protocol.left_alone(listed, live)
        if refusal:
            return _Read(listed=listed, live=live, refusal=refusal)
        return _Read(listed=listed, live=live, cluster=self._whole(listed, live, scope))

    def _whole(self, listed: protocol.Listed, live: protocol.Live, scope: Headers) -> Cluster:
        """What can be read of a cluster; one that cannot be read keeps no other from being looked at."""
        try:
            config = pools.parse_config(self.api.get(protocol.config_path(live), scope), live.uid)
            found = tuple(self._counted(live, pool, lists, scope) for lists in [self._machine_counts(live, scope)] for pool in config.pools)
            return protocol.cluster(
                listed, live, replace(config, pools=found), is_repave_pending=self._is_repave_pending(live, scope),
                namespaces=self._namespaces(live, scope), packs=self._packs(live, scope),
            )  # fmt: skip
        except BadInput as error:
            return protocol.unreadable(listed, live, str(error))

    def _machine_counts(self, live: protocol.Live, scope: Headers) -> dict[str, int]:
        answer = self.api.find(protocol.machine_uids_path(live), scope)
        return {} if answer is None else pools.parse_machine_uids(answer)

    def _counted(self, live: protocol.Live, pool: Pool, lists: dict[str, int], scope: Headers) -> Pool:
        """Only where the pool's size and its machines differ are the machines themselves asked: some may be going away."""
        if pool.control_plane or lists.get(pool.name, pool.count) == pool.count:
            return pool
        states = self.api.pages("GET", protocol.machines_path(live, pool.name), pools.parse_machines, headers=scope)
        staying = sum(states)
        return pool if staying == pool.count else replace(pool, machines=staying)

    def _is_repave_pending(self, live: protocol.Live, scope: Headers) -> bool:
        # A cluster that was never repaved has no status at all.
        answer = self.api.find(protocol.repave_path(live.uid), scope)
        return answer is not None and protocol.parse_repave(answer)

    def _namespaces(self, live: protocol.Live, scope: Headers) -> tuple[str, ...]:
        return protocol.parse_namespaces(self.api.get(protocol.namespaces_path(live.uid), scope))

    def _packs(self, live: protocol.Live, scope: Headers) -> tuple[str, ...]:
        if live.packs is not None:
            return live.packs
        return protocol.parse_profiles(self.api.get(protocol.profiles_path(live.uid), scope))

    # ── what we write ────────────────────────────────────────────────────────────────────────────────────────────────
    def annotate(self, uid: ClusterUid, values: Mapping[str, str | None]) -> bool:
        """Set these annotations of a cluster, None = take it away; every other one stays. True = something was written.

        Palette knows no condition on a write, so what lies there afterwards is read again. Raises Refused without a key for it.
        """
        if self.writer is None:
            raise Refused("Palette: no key may write; set TRIMTAB_PALETTE_WRITE_KEY, or turn annotations off")
        listed = self._entry(uid)
        if listed is None:
            return False
        scope, path = project(listed.project_uid), protocol.cluster_path(uid)
        before = marks.parse_metadata(self.writer.get(path, scope, **marks.WITH_TAGS))
        wanted = before.with_annotations(values)
        if wanted == before:
            return False
        self.writer.write("PATCH", marks.metadata_path(uid), scope, wanted.body())
        if marks.parse_metadata(self.writer.get(path, scope, **marks.WITH_TAGS)).annotations != wanted.annotations:
            raise Upstream(f"Palette: {path}: its annotations are not what was written; somebody else wrote at the same time")
        return True

    # ── quotas ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def quotas(self, uid: ClusterUid) -> tuple[Quota, ...]:
        """Quotas that hold on a cluster: of its namespaces, of workspaces it is in, of virtual clusters it hosts."""
        listed = self._entry(uid)
        live = self._live(listed) if listed else None
        if listed is None or live is None:
            return ()
        scope = project(listed.project_uid)
        names = self._namespaces(live, scope)
        own = self.api.find(quotas.namespaces_path(uid), scope)
        everybodys = self.api.get(quotas.WORKSPACES, scope)
        spaces = (self.api.find(quotas.workspace_path(space), scope) for space in quotas.parse_workspaces(everybodys, uid))
        return (
            *(quotas.parse_namespaces(own, uid, names) if own is not None else ()),
            *(quota for space in spaces if space is not None for quota in quotas.parse_workspace(space, uid, names)),
            *(quota for each in live.virtual for quota in self._virtual(each, uid, scope)),
        )

    def _live(self, listed: protocol.Listed) -> protocol.Live | None:
        """The cluster itself without its pools; None = gone, or of a shape that nobody knows."""
        answer = self.api.find(protocol.cluster_path(listed.uid), project(listed.project_uid))
        try:
            return None if answer is None else protocol.parse_cluster(answer)
        except BadInput:
            return None

    def _virtual(self, virtual: str, host: ClusterUid, scope: Headers) -> tuple[Quota, ...]:
        answer = self.api.find(protocol.cluster_path(virtual), scope)
        if answer is None:
            return ()
        live = protocol.parse_cluster(answer)
        return (quotas.parse_virtual(self.api.get(protocol.config_path(live), scope), host, live.name),)

    # ── what it costs ────────────────────────────────────────────────────────────────────────────────────────────────
    def estimate(self, uid: ClusterUid, pools: Sequence[Pool]) -> Estimate | None:
        """What a cluster would cost per hour with these pools in place of its own of the same names; None = Palette cannot say."""
        listed = self._entry(uid)
        live = self._live(listed) if listed else None
        if listed is None or live is None or protocol.left_alone(listed, live):
            return None
        scope = project(listed.project_uid)
        body = rates.estimate_body(live.cloud_type, self.api.get(protocol.config_path(live), scope), pools)
        answer = self.api.ask("POST", rates.rate_path(live.cloud_type), headers=scope, params={"periodType": "hourly"}, json=body)
        return None if answer is None else rates.parse_estimate(answer)

    def private_rates(self, currency: str) -> tuple[PrivateRate, ...]:
        """What the tenant set as the price of private capacity, one rate per private cluster."""
        if not self.is_configured:
            return ()
        private = [(read.listed, read.live) for read in self._tenant() if read.live and read.live.cloud_type not in protocol.CLOUDS]
        if not private:
            return ()
        tenant = rates.parse_tenant(self.api.get(rates.WHOAMI, TENANT))
        answer = self.api.find(rates.tenant_path(tenant), TENANT)
        return () if answer is None else rates.private_rates(answer, private, currency)

    def shelf(self, cloud: Cloud, region: str) -> dict[str, shelf.ShelfType]:
        """Palette's own catalog of a region: type's name → what it knows. Empty where it does not know the region."""
        answer = self.api.find(shelf.types_path(cloud, region), TENANT)
        return {} if answer is None else shelf.parse_types(answer)

    def compute_price(self, cloud: Cloud, region: str, name: str) -> Money | None:
        """One hour of an instance type; None = Palette has no price for it."""
        answer = self.api.find(shelf.compute_path(cloud, name), TENANT, region=region)
        return None if answer is None else shelf.parse_compute(answer)

    # ── what happened ────────────────────────────────────────────────────────────────────────────────────────────────
    def measured(self, uid: ClusterUid, start: datetime, end: datetime) -> tuple[MeasuredUse, ...]:
        """CPU and memory use by hour, of pods where Palette has them, else of namespaces."""
        listed = self._entry(uid)
        if listed is None:
            return ()
        scope = project(listed.project_uid)
        answer = self._posted(use.USAGE, scope, use.pods_body(uid, start, end))
        pods = use.parse_pods(answer, start, end) if answer is not None else ()
        if pods:
            return pods
        answer = self._posted(use.namespaces_path(uid), scope, use.namespaces_body(start, end))
        return use.parse_namespaces(answer, start, end) if answer is not None else ()

    def _posted(self, path: str, scope: Headers, body: dict[str, object]) -> bytes | None:
        return self.api.ask("POST", path, headers=scope, json=body)

    def audits(self, since: datetime, until: datetime) -> tuple[AuditEntry, ...]:
        """The audit trail between two times, oldest first; a line that comes on two pages counts once."""
        found = self.api.pages("GET", trail.AUDITS, trail.parse_audits, headers=TENANT, params=trail.window(since, until))
        once = {entry.uid: entry for entry in found if since <= entry.at <= until}
        return tuple(sorted(once.values(), key=lambda entry: (entry.at, entry.uid)))

    def teams(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """(name, e-mail addresses of its members) of the teams that Palette knows, sorted; a user without an address is left out."""
        addresses = dict(self.api.pages("GET", trail.USERS, trail.parse_users, headers=TENANT))
        found = self.api.pages("GET", trail.TEAMS, trail.parse_teams, headers=TENANT)
        return tuple(sorted((name, tuple(sorted({addresses[uid] for uid in uids if addresses.get(uid)}))) for name, uids in found))
