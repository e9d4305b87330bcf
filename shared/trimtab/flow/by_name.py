"""People in the order of their names, for whoever reads a verdict: the record has them in the order of random keys."""

from collections.abc import Iterable
from dataclasses import replace

from trimtab.ports import Ports
from trimtab.records import PersonId, Verdict

_NAMING = ("approvals", "owner-approval")
"""The lines that want somebody: `2 of: person-1, person-2, the group x`."""
_GROUP = "the group "


def people_by_name(people: Iterable[PersonId], ports: Ports) -> tuple[PersonId, ...]:
    """In the order in which they are read."""
    return tuple(sorted(people, key=ports.named))


def by_name(verdict: Verdict, ports: Ports) -> Verdict:
    """The same verdict with people as they are read. It is never written down so: even their order would tell of names."""
    lines = tuple(replace(line, wanted=_in_order(line.wanted, ports)) if line.rule in _NAMING else line for line in verdict.lines)
    return replace(verdict, approvers=people_by_name(verdict.approvers, ports), lines=lines)


def _in_order(wanted: str, ports: Ports) -> str:
    what, colon, listed = wanted.partition(": ")
    ordered = sorted(listed.split(", "), key=lambda who: (who.startswith(_GROUP), ports.named(who)))
    return f"{what}{colon}{', '.join(ordered)}"
