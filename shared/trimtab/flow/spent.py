"""What a spent budget covers; apart, because `alert` speaks of it too and carries none of what an analysis needs."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class SpentScope:
    """A spent budget whose owner wants no growth, and what it covers."""

    budget: str
    words: str
    """For people: the budget, its scope and its month."""
    namespaces: tuple[tuple[str, str], ...] = ()
    """(cluster, namespace) whose cost is all in it."""
    project: str = ""
    """Palette project whose clusters are all in it; "" = none."""
