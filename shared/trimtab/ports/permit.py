"""Whether anything may be written at all."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class PermitChange:
    """Somebody stopped all writing, or allowed it again."""

    at: datetime
    by: str
    reason: str
    may_write: bool


class Permit(Protocol):
    """The run permit: an object that no function may write."""

    def stop_reason(self) -> str | None:
        """None = writing is allowed; else why not. Absent, unreadable and malformed are reasons."""

    def stop(self, by: str, reason: str, at: datetime) -> None:
        """Add a stop; whoever is listed may."""

    def resume(self, by: str, reason: str, at: datetime) -> None:
        """Allow writing again: an operator's act, which no function's role can do."""

    def history(self) -> tuple[PermitChange, ...]:
        """Every stop and every resume, oldest first. Raises Broken where one cannot be read."""
