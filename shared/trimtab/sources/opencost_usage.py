"""OpenCost's allocations → hourly usage rows (tables.USAGE): one per pod and hour, its containers added up.

An average over a day is not 24 hours: a step must lie within one hour, or whoever imports it says that it may be spread, and then every
row is an estimate. `/allocation` does not tell what nodes have: without `/assets` an hour has no node row and is unmeasured, never idle.
Peaks are not in it either.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from trimtab.errors import BadInput
from trimtab.sources.cluster_assets import load_balancer_id, volume_id
from trimtab.sources.kube_labels import node_id, restored
from trimtab.sources.opencost import Allocation, amount
from trimtab.sources.prometheus import COLUMNS, Row, Target, order

HOUR = timedelta(hours=1)
LONGEST = timedelta(days=31)
"""Of a step that may be spread."""
LARGEST = 1 << 62
"""Counts of the usage table are 64 bits wide."""
AVERAGES = {
    "cpu_request": ("cpuCoreRequestAverage", 1000), "cpu_used": ("cpuCoreUsageAverage", 1000),
    "memory_request": ("ramByteRequestAverage", 1), "memory_used": ("ramByteUsageAverage", 1),
}  # fmt: skip
"""Column → field and factor."""
Span = tuple[datetime, datetime]


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportedHours:
    """One cluster's rows, from the first hour to the end of the last one."""

    cluster: str
    start: datetime
    end: datetime
    rows: tuple[Row, ...]
    warnings: tuple[str, ...]


@dataclass(slots=True)
class _Sum:
    """One pod, node or asset within one hour: when it was there, and what came together."""

    spans: list[Span] = field(default_factory=list)
    totals: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    unknown: set[str] = field(default_factory=set)
    first: Allocation | None = None
    """Whoever was met first speaks for labels and controller."""

    def meet(self, each: Allocation, span: Span) -> None:
        """One more part of it, and when that was there."""
        self.first = self.first or each
        self.spans.append(span)

    def add(self, column: str, value: Decimal | None) -> None:
        """What is unknown of one container is unknown of the pod."""
        if value is None:
            self.unknown.add(column)
        else:
            self.totals[column] += value

    def seconds(self) -> int:
        """How long, overlaps counted once."""
        together, until = 0.0, None
        for begin, finish in sorted(self.spans):
            since = begin if until is None or begin > until else until
            together += max(0.0, (finish - since).total_seconds())
            until = finish if until is None else max(until, finish)
        return min(3600, round(together))

    def mean(self, column: str, scale: int = 1) -> int | None:
        """A total of amount times seconds, over the seconds."""
        return None if column in self.unknown else self._counted(column, scale * self.totals[column] / max(1, self.seconds()))

    def total(self, column: str) -> int | None:
        """A total as it is."""
        return None if column in self.unknown or column not in self.totals else self._counted(column, self.totals[column])

    def _counted(self, column: str, value: Decimal) -> int:
        """Whole units, where the table can hold them."""
        if value >= LARGEST:
            raise BadInput(f"{self.first.where if self.first else column}: {column}: {value:.3g} is no usable number")
        return round(value)


def clusters_of(allocations: Iterable[Allocation]) -> tuple[str, ...]:
    """Names of the clusters whose pods an answer has."""
    return tuple(sorted({each.text("cluster") for each in allocations if each.special is None}))


def hours_of_cluster(target: Target, allocations: Sequence[Allocation], nodes: Sequence[Allocation], *, may_spread: bool) -> ImportedHours:
    """The usage rows of one cluster. Raises BadInput that names file and allocation."""
    own = [each for each in allocations if each.special is None and each.text("cluster") == target.cluster]
    spread = [each for each in own if not _is_within_an_hour(each.window)]
    if spread and not may_spread:
        raise BadInput(f"{spread[0].where}: its step is {_long(spread[0].window)}, not within one hour: ask for step=1h, or --spread it")
    pods, assets = _pods(own), _assets(own)
    hours = {hour for hour, *_ in pods}
    if not hours:
        raise BadInput(f"{target.cluster}: no pod of it is in the answer")
    machines = {key: found for key, found in _nodes(target, nodes).items() if key[0] in hours}
    rows = [
        *(_pod_row(target, key, found) for key, found in pods.items()),
        *(_node_row(target, key, found) for key, found in machines.items()),
        *(_asset_row(target, key, found) for key, found in assets.items() if key[0] in hours),
    ]
    return ImportedHours(
        cluster=target.cluster, start=min(hours), end=max(hours) + HOUR, rows=tuple(sorted(filter(None, rows), key=order)),
        warnings=_warnings(target, spread, hours, {hour for hour, _ in machines}),
    )  # fmt: skip


def _warnings(target: Target, spread: Sequence[Allocation], hours: set[datetime], measured: set[datetime]) -> tuple[str, ...]:
    found = []
    if spread:
        found.append(
            f"{target.cluster}: {len(spread)} steps of up to {_long(max((e.window for e in spread), key=_length))} were spread: estimates"
        )
    missing = len(hours - measured)
    if missing:
        found.append(
            f"{target.cluster}: {missing} of {len(hours)} hours have no node's capacity: unmeasured, never idle; give --assets FILE"
        )
    return tuple(found)


# ── Sums ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _pods(allocations: Iterable[Allocation]) -> dict[tuple[datetime, str, str, str], _Sum]:
    found: dict[tuple[datetime, str, str, str], _Sum] = defaultdict(_Sum)
    for each in allocations:
        node, namespace, pod = each.text("node"), each.text("namespace"), each.text("pod")
        whole = _seconds((each.start, each.end))
        for hour, span in _hours((each.start, each.end)):
            one = found[hour, node, namespace, pod]
            one.meet(each, span)
            for column, (name, _) in AVERAGES.items():
                one.add(column, _times(each.number(name), _seconds(span)))
            # An hour's worth of a GPU is 3600 GPU-seconds; a step's worth is spread evenly over the time it ran.
            one.add("gpu_request", _times(each.number("gpuHours"), 3600 * _seconds(span) / whole))
            one.add("network_sent", _times(each.number("networkTransferBytes"), _seconds(span) / whole))
    return found


def _nodes(target: Target, assets: Iterable[Allocation]) -> dict[tuple[datetime, str], _Sum]:
    found: dict[tuple[datetime, str], _Sum] = defaultdict(_Sum)
    for each in assets:
        if each.text("cluster") != target.cluster:
            continue
        cores, memory = each.number("cpuCores"), each.number("ramBytes")
        if not cores or not memory:
            raise BadInput(f"{each.where}: cpuCores and ramBytes: a node has both")
        if 1000 * max(cores, each.number("gpuCount") or 0) >= LARGEST:
            raise BadInput(f"{each.where}: cpuCores, gpuCount: {max(cores, each.number('gpuCount') or 0):.3g} is no usable number")
        for hour, span in _hours((each.start, each.end)):
            one = found[hour, each.text("name")]
            one.meet(each, span)
    return found


def _assets(allocations: Iterable[Allocation]) -> dict[tuple[datetime, str, str], _Sum]:
    found: dict[tuple[datetime, str, str], _Sum] = defaultdict(_Sum)
    for each in allocations:
        whole = _seconds((each.start, each.end))
        for asset, provider_id, byte_hours in _billed(each):
            for hour, span in _hours((each.start, each.end)):
                one = found[hour, asset, provider_id]
                one.meet(each, span)
                one.add("asset_bytes", _times(byte_hours, 3600 * _seconds(span) / whole))
    return found


def _billed(each: Allocation) -> Iterator[tuple[str, str, Decimal | None]]:
    """Volumes and load balancers of one allocation that a bill knows by an id: (kind, id, byte-hours)."""
    for key, part in each.parts("pvs"):
        provider_id = volume_id(str(part.get("providerID") or key.rsplit("name=", 1)[-1]))
        if provider_id:
            yield "volume", provider_id, amount(part.get("byteHours"), f"{each.where}: pvs.{key[:100]}.byteHours")
    for _, part in each.parts("lbAllocations"):
        provider_id = load_balancer_id(str(part.get("ip") or ""))
        if provider_id:
            yield "load-balancer", provider_id, None


# ── Rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _pod_row(target: Target, key: tuple[datetime, str, str, str], found: _Sum) -> Row | None:
    hour, node, namespace, pod = key
    each = found.first
    if each is None or not found.seconds():
        return None
    return _row(
        target, hour, found, node=node, provider_id=_provider_id(each), namespace=namespace, pod=pod, **_owner(each, pod),
        **{column: found.mean(column, scale) for column, (_, scale) in AVERAGES.items()},
        gpu_request=found.mean("gpu_request", 1000), network_sent=found.total("network_sent"),
    )  # fmt: skip


def _node_row(target: Target, key: tuple[datetime, str], found: _Sum) -> Row | None:
    each = found.first
    if each is None or not found.seconds():
        return None
    gpus = each.number("gpuCount")
    return _row(
        target, key[0], found, node=key[1], provider_id=_provider_id(each), instance_type=_word(each, "nodeType"),
        pool=_word(each, "pool"), cpu_capacity=round(1000 * (each.number("cpuCores") or 0)),
        memory_capacity=round(each.number("ramBytes") or 0), gpu_capacity=None if gpus is None else round(1000 * gpus),
    )  # fmt: skip


def _asset_row(target: Target, key: tuple[datetime, str, str], found: _Sum) -> Row | None:
    hour, asset, provider_id = key
    each = found.first
    if each is None or not found.seconds():
        return None
    size = found.mean("asset_bytes") if asset == "volume" else None
    return _row(
        target, hour, found, namespace=each.text("namespace"), provider_id=provider_id, asset=asset, asset_bytes=size,
        **_owner(each, each.text("pod")),
    )  # fmt: skip


def _owner(each: Allocation, pod: str) -> dict[str, object]:
    kind, name = (value if isinstance(value, str) else "" for value in map(each.properties.get, ("controllerKind", "controller")))
    known = {"deployment": "Deployment", "statefulset": "StatefulSet", "daemonset": "DaemonSet", "job": "Job", "replicaset": "ReplicaSet"}
    labels = {restored(key): value for key, value in each.words("namespaceLabels", "labels").items()}
    return {
        "workload": name or pod, "workload_kind": known.get(kind.lower(), kind) if name and kind else "Pod",
        "labels": json.dumps(labels, sort_keys=True),
        "annotations": json.dumps(each.words("namespaceAnnotations", "annotations"), sort_keys=True),
    }  # fmt: skip


def _row(target: Target, hour: datetime, found: _Sum, **values: object) -> Row:
    common: dict[str, object] = {
        "hour": hour.replace(tzinfo=None), "cluster_uid": target.cluster_uid, "cluster": target.cluster, "project": target.project,
        "labels": "{}", "annotations": "{}", "seconds": found.seconds(), "pending": False,
    }  # fmt: skip
    row: Mapping[str, object] = common | values
    return tuple(row.get(column.name) for column in COLUMNS)


def _word(each: Allocation, key: str) -> str | None:
    value = each.values.get(key)
    return value if isinstance(value, str) and value else None


def _provider_id(each: Allocation) -> str | None:
    """The part that a bill's ResourceId ends with."""
    return node_id(str(each.properties.get("providerID") or ""))


# ── Time ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _is_within_an_hour(window: Span) -> bool:
    return _length(window) <= HOUR and window[1] <= _hour(window[0]) + HOUR


def _hours(span: Span) -> Iterator[tuple[datetime, Span]]:
    """The hours that a time touches, and which part of each."""
    if _length(span) > LONGEST:
        raise BadInput(f"{span[0]:%Y-%m-%dT%H:%MZ} to {span[1]:%Y-%m-%dT%H:%MZ}: longer than {LONGEST.days} days; ask for shorter steps")
    hour = _hour(span[0]) if span[0] < span[1] else span[1]
    while hour < span[1]:
        yield hour, (max(hour, span[0]), min(hour + HOUR, span[1]))
        hour += HOUR


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _length(span: Span) -> timedelta:
    return span[1] - span[0]


def _seconds(span: Span) -> Decimal:
    return Decimal(str(_length(span).total_seconds()))


def _times(value: Decimal | None, factor: Decimal) -> Decimal | None:
    return None if value is None else value * factor


def _long(window: Span) -> str:
    return f"{_length(window).total_seconds() / 3600:g} h"
