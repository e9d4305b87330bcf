"""A smaller step than the one proposed: which values lie between, and what a finding says once a person chose one of them.

It only ever goes back toward what is there now, so whatever the evidence allowed it allows too; and it says which value was tried.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from trimtab.errors import Refused
from trimtab.records import Evidence, FieldChange, Finding, PersonId, PoolField
from trimtab.units import Money

MOST = 9
"""A longer choice is not read."""
_GRIDS: Mapping[PoolField, int] = {"count": 1, "min": 1, "max": 1, "cpu_cores": 1, "memory_mib": 1024, "gpu_limit": 1}
"""Fields that are whole numbers, and the steps in which they are chosen."""


def values_between(finding: Finding) -> tuple[int, ...]:
    """What is offered instead of the proposed value, at most `MOST`, from the smallest step to the largest; () = nothing is."""
    return _thinned(tuple(_between(finding)))


def lies_between(finding: Finding, value: int) -> bool:
    """True where a finding may be made at that value; not all of them are offered, and which are moves with the target."""
    return value in _between(finding)


def _between(finding: Finding) -> range:
    change = finding.changes[0]
    grid = _GRIDS.get(change.field)
    is_one_number = all((each.old, each.new) == (change.old, change.new) for each in finding.changes)
    if grid is None or not is_one_number or not (_is_whole(change.old) and _is_whole(change.new)) or finding.rule == "rollback":
        return range(0)
    old, new = int(change.old), int(change.new)
    step = grid if new > old else -grid
    first = old // grid * grid + step if step > 0 else -(-old // grid) * grid + step
    return range(first, new, step)


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _thinned(values: tuple[int, ...]) -> tuple[int, ...]:
    """All of them, or as many as are read, evenly apart."""
    if len(values) <= MOST:
        return values
    return tuple(values[round((place + 1) * (len(values) + 1) / (MOST + 1)) - 1] for place in range(MOST))


def at_value(finding: Finding, value: int, by: PersonId, on: date) -> Finding:
    """The finding with that value instead. Raises Refused for one that does not lie between the two."""
    if not lies_between(finding, value):
        offered = ", ".join(map(str, values_between(finding)))
        raise Refused(f"{value} is not one of {offered or 'the values that may be chosen: there are none'}")
    change = finding.changes[0]
    old, new = int(change.old), int(change.new)
    part = (value - old, new - old)
    return replace(
        finding,
        changes=tuple(replace(each, new=str(value)) for each in finding.changes),
        nodes_new=value if change.field in ("count", "min", "max") and finding.nodes_new == new else finding.nodes_new,
        saving_list=_part_of(finding.saving_list, part),
        saving_effective=_part_of(finding.saving_effective, part) if finding.saving_effective else None,
        saving_freed=_part_of(finding.saving_freed, part) if finding.saving_freed else None,
        evidence=_evidence_at(finding.evidence, change, value, by, on),
    )


def _part_of(whole: Money, part: tuple[int, int]) -> Money:
    """The same price for each node or core that is left or added."""
    done, asked = part
    return Money(whole.amount * done / asked, whole.currency)


def _evidence_at(evidence: Evidence, change: FieldChange, value: int, by: PersonId, on: date) -> Evidence:
    """What was measured stays; capacity follows the value, and what was tried at another value is not called tried at this one."""
    old, new = int(change.old), int(change.new)
    share = (value - old) / (new - old)
    chart = tuple(
        replace(point, capacity_new=point.capacity_old + share * (point.capacity_new - point.capacity_old)) for point in evidence.chart
    )
    asked = f"{by} asked for {value} instead of {new} on {on:%Y-%m-%d}."
    if new < old:
        said = f"{asked} What the judged days say was tried at {new}; at {value} there is more room, so no less of it would have fit."
        return replace(evidence, chart=chart, lines=(said, *evidence.lines))
    said = f"{asked} {new} was tried, and {value} was not: it has at least the room of {old}, and is counted as if it had no more."
    return replace(evidence, chart=chart, violations_new=evidence.violations_old, lines=(said, *evidence.lines))
