"""What the commits of a clone say of the record: each merge carries where it stood."""

import re
from pathlib import Path

from trimtab.adapters.localforge.git import Bare
from trimtab.errors import BadInput, Upstream
from trimtab.records import CommitSha, Mark

_MARK = re.compile(r"([A-Za-z0-9._/-]+)/(\d+) ([0-9a-f]{64})")


def read_marks(clone: Path) -> tuple[Mark, ...]:
    """Marks of the branch that is checked out, newest first, from the trailers `Trimtab-Ledger: <stream>/<n> <hash>`.

    Raises BadInput where there is no Git repository.
    """
    clone = clone.absolute()
    inside = clone / ".git"
    repository = Bare(inside if inside.exists() else clone)
    try:
        told = repository.run("log", "--format=%H %(trailers:key=Trimtab-Ledger,valueonly,separator=%x20)", "HEAD").decode()
    except Upstream as error:
        raise BadInput(f"{clone}: no Git repository with a commit: {error}") from None
    found = [(line[:40], _MARK.fullmatch(line[41:].strip())) for line in told.splitlines()]
    return tuple(Mark(CommitSha(commit), mark[1], int(mark[2]), mark[3]) for commit, mark in found if mark)
