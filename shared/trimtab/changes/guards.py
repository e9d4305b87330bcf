"""What is never edited, and what must hold before and after an edit, whatever a layout says. Code, and not configuration."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from trimtab import amounts
from trimtab.changes.documents import Document, PoolEntry, Scalar
from trimtab.changes.reading import CAPACITY, number, value
from trimtab.errors import Refused
from trimtab.keypaths import parse
from trimtab.records import FieldChange, Layout, Place, PoolField

_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_COUNTS: frozenset[PoolField] = frozenset({"count", "min", "max"})
_INSTANCE_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9._-]{1,62}")
_NOT_TEXT = frozenset({"true", "false", "yes", "no", "on", "off", "null", "none"})
_ARM = re.compile(r"(a1|mac2[a-z0-9-]*|[a-z]+[0-9]+[a-z]*g[a-z]*(-[a-z0-9]+)?)\.[a-z0-9-]+")
"""AWS writes a g behind the generation of what runs on its own Arm processors: m6g, c7gn, x2gd, but not g5 or g4dn."""
IGNORED: Mapping[str, frozenset[PoolField]] = {
    "azure": frozenset({"min", "max", "capacity_type"}),
    "gcp": frozenset({"min", "max", "capacity_type"}),
    "gke": frozenset({"min", "max", "capacity_type"}),
    "aks": frozenset({"capacity_type"}),
    "vsphere": frozenset({"capacity_type"}),
    "maas": frozenset({"instance_type", "capacity_type"}),
}
"""Fields that Palette's Terraform provider has no argument for on that cluster type: an edit would change nothing."""
_IMPORTED = frozenset({"brownfield", "import", "imported", "generic", "cluster-import"})
_VIRTUAL = frozenset({"virtual", "virtual-cluster", "nested"})
_AMAZON = frozenset({"", "aws", "eks"})
_NEVER = frozenset({
    "name", "uid", "id", "kind", "apiversion", "metadata", "cloud", "cloudtype", "cloudconfig", "cloudaccount", "cloudaccountid",
    "amitype", "ossku", "ostype", "archtype", "ekslaunchtemplate", "labels", "taints", "annotations", "additionallabels", "controlplane",
    "controlplaneasworker", "provider", "backend", "source", "version", "foreach", "lifecycle", "hosts", "edgehost", "subnets",
    "image", "command", "args", "env", "envfrom", "serviceaccountname", "securitycontext", "secret", "secrets", "token", "password",
})  # fmt: skip
"""Steps of a key path, without _ and -, in small letters, that lead to what Palette cannot change in place, or to what gives rights."""
_REQUESTS: tuple[tuple[PoolField, PoolField], ...] = (("cpu_request", "cpu_limit"), ("memory_request", "memory_limit"))


def guard_changes(changes: tuple[FieldChange, ...], place: Place, layout: Layout, entry: PoolEntry) -> None:
    """Refused where these changes may not be made of this entry at all."""
    fields = [change.field for change in changes]
    if not changes or len(set(fields)) != len(fields):
        raise Refused(f"{place.path}: a plan needs one change or more, each of another field; got {fields}")
    for change in changes:
        if change.field not in layout.fields:
            raise Refused(f"{place.path}: layout {layout.name!r} has no field {change.field}: what reads this file does not use it")
        for key in (layout.pools, layout.fields[change.field]):
            _guard_key(key, place, layout)
        if layout.kind == "pool" and change.field in IGNORED.get(entry.cloud, ()):
            raise Refused(f"{place.path}: {change.field} has no effect on a {entry.cloud} cluster")
        if not _is_writable(change.field, change.new, entry.cloud, layout):
            raise Refused(f"{place.path}: {change.field}: {change.new[:40]!r} is not a value for it")
    if layout.kind == "pool":
        _guard_cluster(fields, place, entry)


def _guard_key(key: str, place: Place, layout: Layout) -> None:
    for step in parse(key):
        if step.value is None and re.sub(r"[_-]", "", step.key.lower()) in _NEVER:
            raise Refused(f"{place.path}: layout {layout.name!r} leads to {key}: {step.key} is never edited")


def _guard_cluster(fields: Sequence[PoolField], place: Place, entry: PoolEntry) -> None:
    if entry.cloud in _IMPORTED:
        raise Refused(f"{place.path}: {entry.where}: an imported cluster has no pools that Trimtab edits")
    if entry.cloud in _VIRTUAL:
        raise Refused(f"{place.path}: {entry.where}: a virtual cluster has no pools; change its resources instead")
    if "instance_type" in fields:
        system = next((s for key in ("is_system_node_pool", "isSystemNodePool") if (s := entry.scalar(key)) is not None), None)
        if system is not None and system.value.lower() != "false":
            raise Refused(f"{place.path}: {entry.where}: a system pool keeps its instance type; the cluster's own pods need it")


def _is_writable(name: PoolField, text: str, cloud: str, layout: Layout) -> bool:
    if name in amounts.AMOUNTS:
        return amounts.wanted(name, text) is not None
    if name in _COUNTS:
        return _NUMBER.fullmatch(text) is not None
    if name == "capacity_type":
        return text in CAPACITY
    is_arm = layout.kind == "pool" and cloud in _AMAZON and _ARM.fullmatch(text) is not None
    return _INSTANCE_TYPE.fullmatch(text) is not None and text.lower() not in _NOT_TEXT and not is_arm


def new_text(change: FieldChange, scalar: Scalar, where: str, layout: Layout) -> str:
    """What is written in place of the scalar. Refused where the file does not say what the change was made for."""
    if scalar.problem:
        raise Refused(f"{where} is not edited: {scalar.problem}")
    if change.field in amounts.AMOUNTS:
        return _new_amount(change, scalar, where, layout)
    if scalar.value != change.old:
        raise Refused(f"{where}: the file says {scalar.value[:40]!r}, the evidence was made for {change.old[:40]!r}")
    if not _is_writable(change.field, scalar.value, "-", layout):
        raise Refused(f"{where}: {scalar.value[:40]!r} is not a value that could be restored")
    if change.old == change.new:
        raise Refused(f"{where}: it is {change.new!r} already")
    return change.new


def _new_amount(change: FieldChange, scalar: Scalar, where: str, layout: Layout) -> str:
    unit = amounts.unit_of(change.field, layout.units)
    now, new = amounts.meant(change.field, scalar.value, unit), amounts.wanted(change.field, change.new)
    if now is None:
        raise Refused(f"{where}: {scalar.value[:40]!r} is no amount above zero ({unit})")
    if now != amounts.wanted(change.field, change.old):
        raise Refused(f"{where}: the file says {scalar.value[:40]!r}, the evidence was made for {change.old[:40]!r}")
    if now == new:
        raise Refused(f"{where}: it is {scalar.value!r} already")
    text = None if new is None else amounts.written(change.field, new, unit, scalar.value)
    if text is None:
        raise Refused(f"{where}: {change.new[:40]!r} cannot be written as {unit} without rounding")
    return text


def guard_meaning(before: Document, after: Document, edits: Sequence[tuple[Scalar, str]], path: str) -> None:
    """Both sides parsed: every token is what it was, but for the planned values."""
    wanted = list(before.tokens)
    for scalar, text in sorted(edits, key=lambda edit: -edit[0].start):
        *rest, held = wanted[scalar.token]
        whole = text if scalar.within is None else f"{held}"[: scalar.within.start] + text + f"{held}"[scalar.within.end :]
        wanted[scalar.token] = (*rest, whole)
    if tuple(wanted) != after.tokens:
        raise Refused(f"{path}: after the edit the file would mean something else than planned; edit it by hand")


def guard_values(after: PoolEntry, place: Place, layout: Layout, edits: Sequence[tuple[PoolField, str]]) -> tuple[Scalar, ...]:
    """The pool, read anew from where it is declared, says what was planned."""
    found = []
    for name, text in edits:
        scalar = after.scalar(layout.fields[name])
        if scalar is None or scalar.value != text:
            saw = "nothing" if scalar is None else scalar.value[:40]
            raise Refused(f"{place.path}: {after.where}: after the edit {name} would be {saw!r}, planned was {text!r}")
        found.append(scalar)
    return tuple(found)


def guard_laws(before: PoolEntry, after: PoolEntry, place: Place, layout: Layout) -> None:
    """What Palette's provider demands of a pool's numbers together, and Kubernetes of a container's."""
    if layout.kind == "pool":
        _guard_bounds(before, after, place, layout)
    else:
        _guard_requests(after, place, layout)


def _guard_bounds(before: PoolEntry, after: PoolEntry, place: Place, layout: Layout) -> None:
    count, low, high = (number(after, place, layout, name) for name in _BOUNDS)
    if low is not None and high is not None and low > high:
        raise Refused(f"{place.path}: {after.where}: min {low} would be over max {high}")
    old_count, old_low, _ = (number(before, place, layout, name) for name in _BOUNDS)
    is_eks = after.cloud == "eks" or (not after.cloud and old_count == old_low)
    if low and high and count != low and is_eks:
        raise Refused(f"{place.path}: {after.where}: an autoscaled EKS pool needs count = min, it would be {count} and {low}; change both")
    if count is not None and high is not None and count > high:
        raise Refused(f"{place.path}: {after.where}: count {count} would be over max {high}")


_BOUNDS: tuple[PoolField, PoolField, PoolField] = ("count", "min", "max")


def _guard_requests(after: PoolEntry, place: Place, layout: Layout) -> None:
    for name, ceiling in _REQUESTS:
        request, limit = (_amount(after, place, layout, field) for field in (name, ceiling))
        if request is not None and limit is not None and request > limit:
            raise Refused(f"{place.path}: {after.where}: {name} would be over {ceiling}; change both")
    gpu = layout.fields.get("gpu_request", "")
    twin = gpu.replace("resources.limits[", "resources.requests[") if layout.object else gpu
    other = after.scalar(twin) if twin != gpu else None
    if other is not None and other.value != (value(after, place, layout, "gpu_request") or other.value):
        raise Refused(f"{place.path}: {after.where}: GPUs stand in requests and in limits, and must stay equal; change both by hand")


def _amount(entry: PoolEntry, place: Place, layout: Layout, name: PoolField) -> Decimal | None:
    """None where the file says nothing, or nothing that can be compared."""
    text = value(entry, place, layout, name)
    return None if text is None else amounts.meant(name, text, amounts.unit_of(name, layout.units))
