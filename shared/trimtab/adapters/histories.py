"""Who brought a commit into a branch, from what a forge says of its pushes and from the commits' own parents. Pure.

A commit's names and dates are anybody's to choose; who pushed what, and when, is the forge's own word.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from trimtab.records import CommitSha


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """A branch went from one commit to another, and who moved it."""

    before: CommitSha
    """Zeros = it was made."""
    after: CommitSha
    by: str


def movers(moves: Iterable[Move], commits: Iterable[CommitSha], parents: Mapping[CommitSha, Sequence[CommitSha]]) -> frozenset[str]:
    """Whoever moved a branch so that it came to hold one of these commits; `parents` holds all that is young enough to matter."""
    wanted = frozenset(commits)
    return frozenset(move.by for move in moves if wanted & (_reached(move.after, parents) - _reached(move.before, parents)))


def _reached(tip: CommitSha, parents: Mapping[CommitSha, Sequence[CommitSha]]) -> frozenset[CommitSha]:
    """Every known commit that `tip` holds, itself included."""
    found: set[CommitSha] = set()
    waiting = [tip]
    while waiting:
        sha = waiting.pop()
        if sha in parents and sha not in found:
            found.add(sha)
            waiting += parents[sha]
    return frozenset(found)
