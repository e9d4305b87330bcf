"""Judgement: stages, tiers, risk, and the lines that led to a verdict."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from trimtab.records.names import PersonId


class Stage(StrEnum):
    """How far Trimtab may go for a scope."""

    OBSERVE = "observe"
    APPROVE = "approve"
    GUARDED = "guarded"

    @property
    def rank(self) -> int:
        """0 is the most careful."""
        return (Stage.OBSERVE, Stage.APPROVE, Stage.GUARDED).index(self)


class Tier(StrEnum):
    """What a change needs before it may merge."""

    AUTO = "auto-merge"
    ONE = "one-approval"
    TWO = "two-approvals"
    REPORT = "report-only"


@dataclass(frozen=True, kw_only=True, slots=True)
class VerdictLine:
    """One rule, what it saw, what it wanted, where both come from, and whether it held."""

    rule: str
    saw: str
    wanted: str
    source: str
    held: bool
    effect: Literal["blocks", "waits", "needs-person", "informs"] = "informs"
    """What happens where it does not hold: blocks = neither opens nor merges; waits = may open, merges once it holds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Risk:
    """Dimensions from 0 (none) to 4 (stop); the level is their maximum, never an average. None = unknown, and counts as 3."""

    headroom: int | None
    availability: int | None
    reversibility: int | None
    blast_radius: int | None
    data_quality: int | None
    step_size: int | None
    mapping: int | None

    def dimensions(self) -> dict[str, int | None]:
        """Name → level, in the order people read them."""
        return {
            "headroom": self.headroom,
            "availability": self.availability,
            "reversibility": self.reversibility,
            "blast radius": self.blast_radius,
            "data quality": self.data_quality,
            "step size": self.step_size,
            "mapping": self.mapping,
        }

    @property
    def level(self) -> int:
        """The worst dimension; an unknown one is never low."""
        return max(3 if value is None else value for value in self.dimensions().values())

    @property
    def word(self) -> str:
        """low, medium, high or severe."""
        return ("low", "low", "medium", "high", "severe")[self.level]


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """May this open, may it merge, and why: the one value that pull request, card, page and log are views of."""

    tier: Tier
    may_open: bool
    may_merge: bool
    """True only where everything its tier asks for is there now."""
    risk: Risk
    lines: tuple[VerdictLine, ...]
    policy_version: str
    judged_at: datetime
    approvers: tuple[PersonId, ...] = ()
    """Who may approve this; the gate resolves them when they decide."""
    risks: tuple[tuple[str, Risk], ...] = ()
    """(what it is about, its own risk) of each change, where several come together; `risk` is the worst of each dimension."""

    @property
    def reasons(self) -> tuple[VerdictLine, ...]:
        """The lines that did not hold."""
        return tuple(line for line in self.lines if not line.held)
