"""`trimtab collect`: usage from a Prometheus into the store; on a disk of our own straight into the lake."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from trimtab.adapters.http import host_of
from trimtab.adapters.kubernetes.client import KubernetesApi
from trimtab.adapters.prometheus.access import open_endpoint
from trimtab.cli.options import Format, FormatOption, StoreOption
from trimtab.cli.output import plain, print_json, print_table, say
from trimtab.cli.progress import Bar
from trimtab.cli.session import Session, reading
from trimtab.errors import BadInput, Refused, Upstream
from trimtab.flow.collect import Collected, CollectedDay, CollectPorts, collect, window
from trimtab.flow.collect_buffer import Buffer
from trimtab.flow.ingest_usage import ingest_usage
from trimtab.flow.landed import publish_demand, scratch
from trimtab.records import ClusterUid
from trimtab.settings import MetricsEndpoint, Settings
from trimtab.sources.prometheus import Target

MOST_SAID = 15
"""Warnings for people; all of them are in the JSON."""
ENOUGH = 0.95
"""Coverage below which rightsizing waits."""


class Auth(StrEnum):
    """How we prove who we are."""

    NONE = "none"
    BEARER = "bearer"
    AWS = "aws"
    GOOGLE = "google"


class TenantHeader(StrEnum):
    """Who reads the tenant."""

    MIMIR = "X-Scope-OrgID"
    THANOS = "THANOS-TENANT"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("collect", help="A cluster's usage from its Prometheus → store; on a file:// store → lake.")(collect_command)


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """How an endpoint is reached, as it was typed."""

    auth: Auth
    tenant: str | None
    tenant_header: TenantHeader
    region: str | None
    token_file: str | None
    ca_file: str | None
    client_certificate: str | None
    client_key: str | None
    match: Sequence[str]
    jobs: Sequence[str]

    @property
    def is_told(self) -> bool:
        """True where anything was typed that the settings would say."""
        told = (self.tenant, self.region, self.token_file, self.ca_file, self.client_certificate, self.client_key, self.match, self.jobs)
        return any(told) or self.auth is not Auth.NONE

    def to(self, url: str, uid: ClusterUid) -> MetricsEndpoint:
        """The endpoint at this URL."""
        return MetricsEndpoint(
            cluster_uid=uid, url=url, auth=self.auth.value, tenant=self.tenant, tenant_header=_header(self.tenant_header),
            region=self.region, token_file=self.token_file, ca_file=self.ca_file, client_certificate=self.client_certificate,
            client_key=self.client_key, matchers=_pairs(self.match), jobs=tuple(self.jobs),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be collected, and from where."""

    target: Target
    endpoint: MetricsEndpoint
    start: datetime
    end: datetime
    buffer: Buffer | None
    is_usual: bool
    """No hours were named: the usual window, and what earlier runs owe."""
    kubernetes: KubernetesApi | None = None


def collect_command(
    cluster: Annotated[str, typer.Option("--cluster", metavar="NAME=UID", help="the cluster, with its Palette uid")],
    prometheus: Annotated[
        str | None, typer.Option("--prometheus", metavar="URL", help="what stands before /api/v1 (default: the deployment's settings)")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="2026-08-01, 2026-08-01T06:00Z, or 14d or 36h ago (default: yesterday)")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="TIME", help="the same forms (default: the last whole hour)")] = None,
    pool: Annotated[list[str] | None, typer.Option("--pool", help="a machine pool's name; give all of them")] = None,
    project: Annotated[str | None, typer.Option("--project", help="the cluster's Palette project")] = None,
    match: Annotated[list[str] | None, typer.Option("--match", metavar="LABEL=VALUE", help="its series in a shared store")] = None,
    job: Annotated[list[str] | None, typer.Option("--job", help="a scrape job to believe, and no other; give all of them")] = None,
    auth: Annotated[Auth, typer.Option("--auth", help="aws: SigV4; google: OAuth; bearer: --token-file")] = Auth.NONE,
    tenant: Annotated[str | None, typer.Option("--tenant", help="of Mimir or Thanos")] = None,
    tenant_header: Annotated[TenantHeader, typer.Option("--tenant-header")] = TenantHeader.MIMIR,
    region: Annotated[str | None, typer.Option("--region", help="AWS region, where the host does not say it")] = None,
    token_file: Annotated[str | None, typer.Option("--token-file", help="a file with the bearer token")] = None,
    ca_file: Annotated[str | None, typer.Option("--ca-file", help="PEM certificates to believe")] = None,
    client_certificate: Annotated[str | None, typer.Option("--client-certificate", help="PEM, for mutual TLS")] = None,
    client_key: Annotated[str | None, typer.Option("--client-key", help="PEM (default: in the certificate's file)")] = None,
    buffer: Annotated[Path | None, typer.Option("--buffer", help="folder for drops while the store does not answer")] = None,
    kube: Annotated[bool, typer.Option("--kube", help="read the cluster's Kubernetes API too: labels, owners, budgets, affinity")] = False,
    kubeconfig: Annotated[Path | None, typer.Option("--kubeconfig", help="for --kube (default: in a cluster its own)")] = None,
    context: Annotated[str | None, typer.Option("--context", help="its context (default: the current one)")] = None,
    drops_only: Annotated[bool, typer.Option("--drops-only", help="leave drops, ingest nothing (what other stores do anyway)")] = False,
    store: StoreOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Collect the whole hours of a time."""
    name, uid = _cluster(cluster)
    api = _kubernetes(kubeconfig, context, is_asked=kube)
    way = Way(
        auth=auth, tenant=tenant, tenant_header=tenant_header, region=region, token_file=token_file, ca_file=ca_file,
        client_certificate=client_certificate, client_key=client_key, match=match or (), jobs=job or (),
    )  # fmt: skip
    with reading(store) as session:
        own, settings = _endpoint(prometheus, way, uid, session.ports.settings)
        start, end = _span(since, until, session.now)
        target = Target(cluster_uid=uid, cluster=name, project=project, pools=tuple(pool or ()), matchers=dict(own.matchers), jobs=own.jobs)
        folder = str(buffer) if buffer else settings.collect_buffer
        asked = Asked(target, own, start, end, Buffer.at(folder), is_usual=not (since or until), kubernetes=api)
        done = _run(asked, settings, session)
        is_taken = session.ports.settings.store.startswith("file://") and not drops_only and not done.kept
        if is_taken:
            _take(done, session)
        _tell(asked, done, output, is_taken=is_taken)
    _end(asked, done, session)


def _run(asked: Asked, settings: Settings, session: Session) -> Collected:
    ports, uid = session.ports, asked.target.cluster_uid
    start = asked.start
    if asked.buffer and asked.is_usual:
        start = asked.buffer.owed_from(uid, start, session.now)
    own = CollectPorts(
        metrics=open_endpoint(asked.endpoint, settings), buckets=ports.buckets, engine=ports.engine, scratch=ports.scratch,
        store=ports.settings.store, endpoint=f"{asked.endpoint.url} {asked.endpoint.tenant or ''}", buffer=asked.buffer,
        progress=ports.progress, kubernetes=asked.kubernetes,
    )  # fmt: skip
    try:
        done = collect(asked.target, start, asked.end, own, session.now)
    finally:
        if isinstance(ports.progress, Bar):
            ports.progress.stop()
    if asked.buffer and asked.is_usual:
        asked.buffer.paid(uid)
    return done


def _kubernetes(kubeconfig: Path | None, context: str | None, *, is_asked: bool) -> KubernetesApi | None:
    if is_asked:
        return KubernetesApi.of(kubeconfig, context, time.sleep)
    if kubeconfig or context:
        raise BadInput("--kubeconfig, --context: they say how to reach the Kubernetes API; add --kube to read it")
    return None


def _take(done: Collected, session: Session) -> None:
    """On a disk of our own nobody is notified: the drops go into the lake here."""
    with scratch(session.ports) as folder:
        for url in dict.fromkeys((*done.delivered, *done.drops)):
            loaded = ingest_usage(url, session.ports, folder, allow_gaps=True)
            publish_demand(loaded.cluster_uid, loaded.cluster, loaded.cluster_slug, session.ports)


def _tell(asked: Asked, done: Collected, output: Format, *, is_taken: bool) -> None:
    if output is Format.JSON:
        about = {"cluster": asked.target.cluster, "cluster_uid": asked.target.cluster_uid, "in_lake": is_taken}
        print_json({**about, **plain(done)})
        return
    print_table(
        f"Usage of {asked.target.cluster}", ("day", "hours", "coverage", "nodes", "pods", "rows", "drop"),
        [_line(day, done) for day in done.days], numbers=("hours", "coverage", "nodes", "pods", "rows"),
    )  # fmt: skip
    for warning in done.warnings[:MOST_SAID]:
        say(warning)
    if len(done.warnings) > MOST_SAID:
        say(f"… and {len(done.warnings) - MOST_SAID} warnings more; --format json has all of them")
    low = [day for day in done.days if day.coverage < ENOUGH]
    if low:
        say(f"coverage below {ENOUGH:.0%} on {len(low)} of {len(done.days)} days: rightsizing waits for days that were measured")
    if is_taken:
        say(f"{done.rows} rows are in the lake")
    if asked.buffer and not done.kept and asked.buffer.waiting():
        say(f"{asked.buffer.waiting()} drops in {asked.buffer.folder} wait for the other store that they were collected for")


def _line(day: CollectedDay, done: Collected) -> tuple[object, ...]:
    where = "none: nothing measured" if day.drop is None else "waits in the buffer" if day.drop in done.kept else day.drop.split("/")[-2]
    return day.day, f"{day.measured_hours}/{day.hours}", f"{day.coverage:.1%}", day.nodes, day.pods, day.rows, where


def _end(asked: Asked, done: Collected, session: Session) -> None:
    """The exit code: a store that is down is 3, nothing measured at all is 1."""
    if done.kept and asked.buffer:
        place = session.ports.settings.store
        waiting = asked.buffer.waiting()
        raise Upstream(f"{place} takes no drops; {waiting} wait{'s' if waiting == 1 else ''} in {asked.buffer.folder} for the next run")
    if not done.rows:
        raise Refused(f"{asked.endpoint.url}: nothing about the cluster in these hours; does it scrape kube-state-metrics?")


def _endpoint(url: str | None, way: Way, uid: ClusterUid, settings: Settings) -> tuple[MetricsEndpoint, Settings]:
    """Where to ask, and the settings to ask with: what was typed, else the deployment's own."""
    if url:
        typed = way.to(url, uid)
        return typed, _typed_in(settings, typed)
    if way.is_told:
        raise BadInput("collect: how to reach an endpoint is said with --prometheus URL; without it, the settings say all of it")
    return _settled(settings, uid), settings


def _typed_in(settings: Settings, endpoint: MetricsEndpoint) -> Settings:
    """Whoever types a URL means it, also at a private address; the deployment's secrets are for the deployment's endpoints alone."""
    return settings.model_copy(update={"private_hosts": (*settings.private_hosts, host_of(endpoint.url)), "metrics_secrets": None})


def _settled(settings: Settings, uid: ClusterUid) -> MetricsEndpoint:
    found = settings.metrics_endpoint(uid)
    if found is None:
        raise BadInput(f"collect: no endpoint for cluster {uid}; give --prometheus URL, or set settings.metrics")
    return found


def _header(header: TenantHeader) -> Literal["X-Scope-OrgID", "THANOS-TENANT"]:
    return "THANOS-TENANT" if header is TenantHeader.THANOS else "X-Scope-OrgID"


def _cluster(text: str) -> tuple[str, ClusterUid]:
    name, _, uid = text.rpartition("=") if "=" in text else text.rpartition("/")
    if not name.strip() or not uid.strip():
        raise BadInput(f"--cluster {text!a}: expected NAME=UID, the uid as Palette has it")
    return name.strip(), ClusterUid(uid.strip())


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, _, value = text.partition("=")
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or not value or name in found:
            raise BadInput(f"--match {text!a}: expected LABEL=VALUE, each label once")
        found[name] = value
    return found


def _span(since: str | None, until: str | None, now: datetime) -> tuple[datetime, datetime]:
    start, end = window(now)
    return (_time(since, now, "--from") if since else start), (_time(until, now, "--to") if until else end)


def _time(text: str, now: datetime, option: str) -> datetime:
    """A day, an hour, or so long ago."""
    ago = re.fullmatch(r"(\d{1,4})([dh])", text, re.ASCII)
    if ago:
        is_days = ago[2] == "d"
        there = now.astimezone(UTC) - timedelta(days=int(ago[1]) if is_days else 0, hours=0 if is_days else int(ago[1]))
        return there.replace(hour=0 if is_days else there.hour, minute=0, second=0, microsecond=0)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{option} {text!a}: expected a day (2026-08-01), an hour (2026-08-01T06:00Z), or 14d or 36h") from None
    if found.tzinfo is None and len(text) > len("2026-08-01"):
        raise BadInput(f"{option} {text!a}: no time zone; end it with Z")
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
