"""What a parsed file offers to the planner, whatever its format: pools by name, scalars with their bytes, and every token."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from trimtab.errors import TooLarge
from trimtab.records import Layout

MAX_BYTES = 5_000_000
"""A cluster file is a few hundred lines; what is a thousand times that is not one."""

ANY = "*"
"""The cluster of what belongs to no one cluster, or whose file does not say: an edit by hand, a workspace."""

Token = tuple[object, ...]
"""One lexical piece of a file with its value last; two files with equal tokens mean the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Within:
    """Where a value stands in a text that one token of the file holds: YAML in a block scalar or in a heredoc."""

    text: str
    """The inner YAML, as its reader will see it."""
    token: int
    """The value's index among the inner text's own tokens."""
    start: int
    end: int
    """Characters of the outer token's value that are the value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scalar:
    """One value in a file, and the bytes between its quotes."""

    value: str
    start: int
    end: int
    token: int
    """Its index in the file's tokens."""
    line: int
    is_literal: bool
    """False where `value` is an expression and not what the file means."""
    problem: str = ""
    """Why these bytes may not be replaced; "" = they may."""
    path: str = ""
    """The file that holds these bytes; "" = the document's own. A block may say `var.workers`, and another file what that is."""
    through: tuple[str, ...] = ()
    """Paths of the other files on the way from the document to these bytes."""
    within: Within | None = None
    """Set where the token holds a whole text, and the value is a part of it."""
    unsure: tuple[str, ...] = ()
    """What could not be checked about it, a sentence each: something outside the repo may say otherwise."""


class PoolEntry(Protocol):
    """One pool as one place of one file declares it."""

    @property
    def cluster(self) -> str:
        """The cluster's name as the file says it."""

    @property
    def name(self) -> str:
        """The pool's name as the file says it."""

    @property
    def where(self) -> str:
        """Key path of the pool, by name and not by number: "node_groups[worker]"."""

    @property
    def line(self) -> int:
        """First line of the pool."""

    @property
    def cloud(self) -> str:
        """The cluster type that the file names ("eks"), or ""."""

    @property
    def control_plane(self) -> str:
        """Why this is a control plane; "" = it is not."""

    @property
    def problem(self) -> str:
        """Why nothing in this pool may be edited; "" = it may."""

    def scalar(self, key: str) -> Scalar | None:
        """The value at a key (dots go deeper); None = the pool has no such key. Refused where it stands twice."""

    def labels(self) -> Mapping[str, str]:
        """The pool's node labels."""

    def taints(self) -> tuple[str, ...]:
        """The pool's taints as key=value:effect."""


class Document(Protocol):
    """A file, parsed once."""

    @property
    def tokens(self) -> tuple[Token, ...]:
        """Everything the file says, in order."""

    def pools(self, layout: Layout) -> tuple[PoolEntry, ...]:
        """Every pool that the layout finds."""

    def hints(self, cluster: str) -> tuple[str, ...]:
        """Reasons why a pool of that cluster may be here and yet not be found."""


def checked_size(content: bytes, path: str) -> bytes:
    """The content, if it is small enough to parse."""
    if len(content) > MAX_BYTES:
        raise TooLarge(f"{path}: {len(content)} bytes; files over {MAX_BYTES} bytes are not read")
    return content
