"""Does the record hold, and how far is it proven by what was anchored outside the store?"""

from collections.abc import Sequence
from dataclasses import dataclass

from trimtab.errors import Broken
from trimtab.ports import Ports
from trimtab.records import Break, Mark


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """What was found."""

    breaks: tuple[Break, ...]
    streams: int
    proven_until: str
    """The newest seal that an anchor outside the store holds; "" = none does, or nobody asked."""


def prove(ports: Ports, *, with_anchors: bool, marks: Sequence[Mark] = ()) -> Proof:
    """Read the whole record again, and compare it with what was kept outside: anchors of its seals, marks in commits.

    Raises Upstream where the anchors cannot be read.
    """
    broken = ports.ledger.verify()
    moved, proven_until = _anchored(ports) if with_anchors else ([], "")
    breaks = (*broken, *moved, *(() if broken else _unlike(marks, ports)))
    return Proof(breaks=breaks, streams=0 if breaks else len(ports.ledger.heads()), proven_until="" if breaks else proven_until)


def _anchored(ports: Ports) -> tuple[list[Break], str]:
    """What differs from the anchors, and the newest seal that they hold."""
    if ports.anchors is None:
        return [], ""
    try:
        roots = ports.ledger.roots()
    except Broken:
        # Which seal does not hold is named by the ledger itself.
        return [], ""
    return ports.anchors.compare(roots), max(ports.anchors.roots(), default="")


def _unlike(marks: Sequence[Mark], ports: Ports) -> list[Break]:
    """Entries that a commit names and the record lost or has otherwise."""
    hashes = {stream: {entry.n: entry.hash for entry in ports.ledger.entries(stream)} for stream in {mark.stream for mark in marks}}
    told = [(mark, hashes[mark.stream].get(mark.n)) for mark in marks]
    return [
        Break(
            key=f"{mark.stream}/{mark.n}",
            problem=f"{'is not in the record' if found is None else 'has another hash'}; commit {mark.commit[:10]} names it",
        )
        for mark, found in told
        if found != mark.hash
    ]
