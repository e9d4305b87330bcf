"""What Palette measured itself: CPU and memory use of pods and namespaces by hour. It knows no GPUs, no nodes and no requests. No I/O."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from trimtab.adapters.palette import answers
from trimtab.adapters.palette.protocol import cluster_path
from trimtab.errors import BadInput
from trimtab.records import MeasuredUse
from trimtab.units import Bytes, Millicores

USAGE = "/v1/dashboard/spectroclusters/resources/usage"
HOURLY = 60
"""Minutes."""
CPU_UNITS = {"core": 1000, "cores": 1000, "cpu": 1000, "vcpu": 1000, "mcore": 1, "millicore": 1, "millicores": 1, "m": 1}
MEMORY_UNITS = {
    "b": 1, "byte": 1, "bytes": 1, "kib": 1 << 10, "ki": 1 << 10, "mib": 1 << 20, "mi": 1 << 20, "gib": 1 << 30, "gi": 1 << 30,
    "kb": 10**3, "mb": 10**6, "gb": 10**9,
}  # fmt: skip
MILLISECONDS_FROM = 10**11
"""A larger time stamp is in milliseconds: in seconds it would be the year 5138."""


def pods_body(uid: str, start: datetime, end: datetime) -> dict[str, Any]:
    """Use by pod and hour."""
    return {"filter": _window(start, end) | {"clusters": [uid]}, "options": {"groupBy": "pod", "period": HOURLY}}


def namespaces_path(uid: str) -> str:
    """Where a cluster's consumption is: allotted and used."""
    return f"{cluster_path(uid).replace('/v1/', '/v1/dashboard/')}/resources/consumption"


def namespaces_body(start: datetime, end: datetime) -> dict[str, Any]:
    """Use by namespace and hour."""
    return {"filter": _window(start, end), "options": {"groupBy": "namespace", "period": HOURLY}}


def _window(start: datetime, end: datetime) -> dict[str, Any]:
    return {"startTime": _text(start), "endTime": _text(end), "includeControlPlaneMachines": False}


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_pods(body: bytes, start: datetime, end: datetime) -> tuple[MeasuredUse, ...]:
    """Pods' use; one whose namespace is not said is left out, because nobody could be named for it."""
    found = answers.json_object(body, "usage")
    return tuple(sorted(_unique(_points(found, "usage", start, end, is_pod=True)), key=_order))


def parse_namespaces(body: bytes, start: datetime, end: datetime) -> tuple[MeasuredUse, ...]:
    """Namespaces' use. What they were allotted is not what their pods request, so it is not taken for that."""
    found = answers.json_object(body, "consumption")
    return tuple(sorted(_unique(_points(found, "consumption", start, end, is_pod=False)), key=_order))


def _order(use: MeasuredUse) -> tuple[datetime, str, str]:
    return use.hour, use.namespace, use.pod


def _points(found: Mapping[str, Any], place: str, start: datetime, end: datetime, *, is_pod: bool) -> Iterator[MeasuredUse]:
    resources = answers.objects(found, "resources", place)
    if not resources:
        return
    cpu = _unit(found, "cpuUnit", CPU_UNITS, place)
    memory = _unit(found, "memoryUnit", MEMORY_UNITS, place)
    for resource, where in resources:
        namespace, pod = _names(resource, where, is_pod=is_pod)
        for point, at in answers.objects(resource, "data", where) if namespace else ():
            hour = _hour(point, at)
            values = point if is_pod else answers.maybe(point, "usage")
            if start <= hour < end:
                used = (_amount(values, "cpu", cpu, at), _amount(values, "memory", memory, at))
                yield MeasuredUse(
                    hour=hour, namespace=namespace, pod=pod,
                    cpu=None if used[0] is None else Millicores(used[0]), memory=None if used[1] is None else Bytes(used[1]),
                )  # fmt: skip


def _names(resource: Mapping[str, Any], place: str, *, is_pod: bool) -> tuple[str, str]:
    entity = answers.inner(resource, "entity", place)
    name = str(entity.get("name") or "")
    if not is_pod:
        return name, ""
    around = {
        str(each.get("kind", "")).lower(): str(each.get("name") or "")
        for each, _ in answers.objects(resource, "associatedResources", place)
    }
    return (around.get("namespace", ""), name) if name else ("", "")


def _unit(found: Mapping[str, Any], name: str, units: Mapping[str, int], place: str) -> int:
    """A number without a known unit is no measurement."""
    said = str(found.get(name) or "")
    if said.lower() not in units:
        raise BadInput(f"Palette: {place}.{name}: {said[:20]!a} is not a unit that is known: {', '.join(units)}")
    return units[said.lower()]


def _hour(point: Mapping[str, Any], place: str) -> datetime:
    stamp = answers.number(point, "timestamp", place)
    if stamp is None or stamp <= 0 or stamp >= MILLISECONDS_FROM * 1000:
        raise BadInput(f"Palette: {place}.timestamp: expected seconds or milliseconds since 1970")
    seconds = int(stamp // 1000 if stamp >= MILLISECONDS_FROM else stamp)
    return datetime.fromtimestamp(seconds - seconds % 3600, UTC)


def _amount(values: Mapping[str, Any], name: str, unit: int, place: str) -> int | None:
    value = answers.number(values, name, place)
    return None if value is None or value < 0 else int((Decimal(value) * unit).to_integral_value())


def _unique(found: Iterator[MeasuredUse]) -> tuple[MeasuredUse, ...]:
    """One point per pod and hour; of two that say different things, neither is believed."""
    seen: dict[tuple[datetime, str, str], MeasuredUse | None] = {}
    for use in found:
        key = _order(use)
        seen[key] = use if seen.get(key, use) == use else None
    return tuple(use for use in seen.values() if use is not None)
