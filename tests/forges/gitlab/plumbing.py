"""Commits by anybody, and what the API says of commits; the rest of git is the local forge's."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from trimtab.adapters.localforge.git import Bare, checked_sha
from trimtab.records import CommitSha

_FORM = "%H%n%P%n%an%n%ae%n%aI%n%cn%n%ce%n%cI%n%B"


@dataclass(frozen=True, slots=True)
class Person:
    """Who a commit says it is by."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Made:
    """A commit as git has it."""

    sha: str
    parents: tuple[str, ...]
    author: Person
    authored: str
    committer: Person
    committed: str
    message: str


def commit(
    bare: Bare, parent: str | None, changes: Mapping[str, tuple[str, bytes] | None], message: str, who: Person, when: str
) -> CommitSha:
    """A commit of these changes (path → mode and content, None = gone) on a parent."""
    lines = [_index_line(bare, path, change) for path, change in changes.items()]
    with tempfile.TemporaryDirectory(prefix="trimtab-index-") as folder:
        index = {"GIT_INDEX_FILE": f"{folder}/index"}
        if parent:
            bare.run("read-tree", checked_sha(parent), more=index)
        bare.run("update-index", "-z", "--index-info", stdin=b"".join(lines), more=index)
        tree = bare.run("write-tree", more=index).decode().strip()
    return commit_tree(bare, tree, (parent,) if parent else (), message, who, when)


def commit_tree(bare: Bare, tree: str, parents: tuple[str, ...], message: str, who: Person, when: str) -> CommitSha:
    """A commit of a tree."""
    flags = [flag for parent in parents for flag in ("-p", parent)]
    said = {
        f"GIT_{role}_{key}": value
        for role in ("AUTHOR", "COMMITTER")
        for key, value in (("NAME", who.name), ("EMAIL", who.email), ("DATE", when))
    }
    return CommitSha(bare.run("commit-tree", tree, *flags, stdin=message.encode(), more=said).decode().strip())


def found(bare: Bare, ref: str) -> str | None:
    """The commit that a branch or an id means; None = none. A branch wins over an abbreviated id, as in GitLab."""
    for name in (f"refs/heads/{ref}", ref):
        out = bare.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}", answers=(0, 1, 128)).decode().strip()
        if out:
            return out
    return None


def listed(bare: Bare, *arguments: str) -> list[Made]:
    """Commits as `git log` finds them, newest first."""
    out = bare.run("log", "-z", f"--format={_FORM}", *arguments).decode(errors="replace")
    return [_made(record) for record in out.split("\0") if record.strip()]


@lru_cache(maxsize=512)
def made(bare: Bare, sha: str) -> Made:
    """One commit."""
    return listed(bare, "-1", sha)[0]


def last_for_path(bare: Bare, ref: str, path: str) -> str | None:
    """The newest commit of a history that touched a file."""
    out = bare.run("log", "-1", "--format=%H", ref, "--", path, answers=(0, 128)).decode().strip()
    return out or None


def diffs(bare: Bare, old: str, new: str) -> Iterator[dict[str, object]]:
    """The changed files between two commits or trees, with their diffs."""
    for path, (before, after) in bare.changed(old, new).items():
        text = bare.run("diff", "--no-color", "--no-ext-diff", "--no-renames", old, new, "--", path).decode(errors="replace")
        yield {
            "diff": text.partition("@@")[1] + text.partition("@@")[2] if "@@" in text else "",
            "new_path": path,
            "old_path": path,
            "a_mode": before.mode if before else "0",
            "b_mode": after.mode if after else "0",
            "new_file": before is None,
            "renamed_file": False,
            "deleted_file": after is None,
            "generated_file": False,
            "collapsed": False,
            "too_large": False,
        }


def set_branch(bare: Bare, branch: str, commit_sha: str | None) -> None:
    """Put a branch where it should be, whatever it was; None = delete it."""
    if commit_sha is None:
        bare.run("update-ref", "-d", f"refs/heads/{branch}")
    else:
        bare.run("update-ref", "--no-deref", f"refs/heads/{branch}", checked_sha(commit_sha))


def _index_line(bare: Bare, path: str, change: tuple[str, bytes] | None) -> bytes:
    if change is None:
        return f"0 {'0' * 40}\t{path}\0".encode()
    mode, content = change
    blob = bare.run("hash-object", "-w", "--no-filters", "--stdin", stdin=content).decode().strip()
    return f"{mode} {blob}\t{path}\0".encode()


def _made(record: str) -> Made:
    sha, parents, author, author_email, authored, committer, committer_email, committed, message = record.split("\n", 8)
    return Made(
        sha.strip(), tuple(parents.split()), Person(author, author_email), authored, Person(committer, committer_email), committed, message
    )
