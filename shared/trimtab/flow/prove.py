"""Does the record hold, and how far is it proven by what was anchored outside the store?"""

from dataclasses import dataclass

from trimtab.errors import Broken
from trimtab.ports import Ports
from trimtab.records import Break


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """What was found."""

    breaks: tuple[Break, ...]
    streams: int
    proven_until: str
    """The newest seal that an anchor outside the store holds; "" = none does, or nobody asked."""


def prove(ports: Ports, *, with_anchors: bool) -> Proof:
    """Read the whole record again; with anchors, compare its seals with those kept outside. Raises Upstream where they cannot be read."""
    broken = ports.ledger.verify()
    moved, proven_until = _anchored(ports) if with_anchors else ([], "")
    breaks = (*broken, *moved)
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
