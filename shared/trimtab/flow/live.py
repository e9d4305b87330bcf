"""What runs of the thing that a change is about: the quota as Palette has it now, and what its pods ask for in the newest measured hour."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from trimtab.analysis.namespaces import matching
from trimtab.errors import BadInput
from trimtab.ports import Ports
from trimtab.records import ClusterUid, Json, Quota, Subject


def live_quota(subject: Subject, ports: Ports) -> Quota | None:
    """The quota that a change is about; None where it is gone, or where the change is about something else.

    Where Palette shows several of that name, which of them holds is a person's question.
    """
    if subject.kind not in ("namespace", "workspace", "virtual-cluster"):
        return None
    shown = ports.palette.quotas(subject.cluster_uid)
    found = [quota for quota in shown if (quota.kind, quota.name) == (subject.kind, subject.pool)]
    if len(found) > 1:
        return replace(found[0], problem=f"Palette shows {len(found)} quotas of {subject.kind} {subject.pool}.")
    return found[0] if found else None


def quota_asks(quota: Quota, unit: str, demands: Mapping[ClusterUid, Json]) -> float | None:
    """What the pods that count against a quota ask for in the newest hour, in `unit`; None = some of it was not measured.

    `demands` are the documents demand/<cluster uid> of hours that are still now.
    """
    total = 0.0
    for uid in quota.clusters or (quota.cluster_uid,):
        namespaces = demands[uid].get("namespaces") if uid in demands else None
        if not isinstance(namespaces, dict):
            return None
        asked = _asked(quota, unit, namespaces)
        if asked is None:
            return None
        total += asked
    return total


def quota_waits(quota: Quota, demand: Json | None) -> int | None:
    """Pods of the quota's namespaces that wait for a place; None = not measured."""
    namespaces = demand.get("namespaces") if demand else None
    if not isinstance(namespaces, dict):
        return None
    return sum(int(namespaces[name].get("pending_pods", 0)) for name in _counted(quota, namespaces))


def _asked(quota: Quota, unit: str, namespaces: Mapping[str, Json]) -> float | None:
    values = [namespaces[name].get(unit) for name in _counted(quota, namespaces)]
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    return sum(numbers) if len(numbers) == len(values) else None


def _counted(quota: Quota, names: Iterable[str]) -> tuple[str, ...]:
    """A pattern that cannot be used counts every namespace: too many only makes Trimtab more careful."""
    known = list(names)
    try:
        return matching(quota.namespaces, known)
    except BadInput:
        return tuple(known)
