"""What is deployed, and the events that it could not serve."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

PartKind = Literal["function", "queue", "dead letters", "schedule", "logs"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployed:
    """One thing that carries the tag of our deployment."""

    kind: PartKind
    name: str
    """As its cloud calls it."""
    function: str
    """What its name says it is of; nobody checked that there is such a function."""
    trouble: str = ""
    """Why it does not do what it is there for; "" = nothing is known to be wrong."""


class Deployment(Protocol):
    """What is deployed of one deployment, for a person who looks."""

    @property
    def place(self) -> str:
        """Where, for people."""

    @property
    def prefix(self) -> str:
        """What its names begin with, and its tag says."""

    @property
    def kinds(self) -> tuple[PartKind, ...]:
        """The kinds of things that it can see."""

    def parts(self) -> tuple[Deployed, ...]:
        """Everything of those kinds that carries its tag."""

    def remove(self, part: Deployed) -> None:
        """Remove one thing. Raises Refused where it does not carry the tag, which is read again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """One event that no delivery could serve."""

    function: str
    event: Mapping[str, Any]
    """As the function was handed it: AWS's event, or what a CloudEvent of Pub/Sub carries."""
    receipt: str
    """What takes it away, while it is ours to read."""


class DeadLetters(Protocol):
    """Where a cloud puts the events that its functions could not serve, for a person who looks after them."""

    def letters(self, function: str) -> Iterator[DeadLetter]:
        """Each that waits, once; nobody else sees it for a minute."""

    def hand_back(self, letter: DeadLetter) -> None:
        """To its function again, and only then away from here: whoever dies in between has it served twice, which is once."""

    def take_away(self, letter: DeadLetter) -> None:
        """Nobody needs it any more."""
