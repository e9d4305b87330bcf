"""Commits and trees as GitHub makes and tells them: with addresses of accounts, signed where GitHub committed."""

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.forges.github.book import Account, Book, Repo
from trimtab.adapters.localforge.git import Bare
from trimtab.records import CommitSha

GITHUB = ("GitHub", "noreply@github.com")
"""The committer of every commit that GitHub signs."""
Person = tuple[str, str]


@dataclass(frozen=True, slots=True)
class CommitFacts:
    """A commit as git holds it."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: tuple[str, str, datetime]
    committer: tuple[str, str, datetime]
    message: str


def identity(account: Account) -> Person:
    """Name and address of an account in its commits."""
    return account.login, account.email


def facts(git: Bare, sha: str) -> CommitFacts:
    """Read one commit."""
    out = git.run("log", "-1", "-z", "--format=%T%n%P%n%an%n%ae%n%at%n%cn%n%ce%n%ct%n%B", sha).decode(errors="replace").rstrip("\0")
    tree, parents, an, ae, at, cn, ce, ct, message = out.split("\n", 8)
    return CommitFacts(sha, tree, tuple(parents.split()), (an, ae, _time(at)), (cn, ce, _time(ct)), message.rstrip("\n"))


def make(git: Bare, tree: str, parents: Sequence[str], message: str, *, author: Person, committer: Person, at: datetime) -> CommitSha:
    """One commit of a tree."""
    flags = [flag for parent in parents for flag in ("-p", parent)]
    when = f"{int(at.timestamp())} +0000"
    names = {"AUTHOR": author, "COMMITTER": committer}
    more = {
        f"GIT_{who}_{what}": text for who, (name, mail) in names.items() for what, text in (("NAME", name), ("EMAIL", mail), ("DATE", when))
    }
    return CommitSha(git.run("commit-tree", tree, *flags, stdin=message.encode(), more=more).decode().strip())


def signed(repo: Repo, tree: str, parents: Sequence[str], message: str, *, author: Account, at: datetime) -> CommitSha:
    """A commit that GitHub makes for somebody: it is the committer, and it signs."""
    sha = make(repo.git, tree, parents, message, author=identity(author), committer=GITHUB, at=at)
    repo.signed.add(sha)
    return sha


def tree_of(git: Bare, base: str | None, changes: Mapping[str, tuple[str, str] | None]) -> str:
    """A tree with these entries (mode, object) put in or, where None, taken out."""
    gone = f"0 {'0' * 40}"
    lines = [f"{' '.join(entry) if entry else gone}\t{path}\0".encode() for path, entry in sorted(changes.items())]
    with tempfile.TemporaryDirectory(prefix="github-index-") as folder:
        index = {"GIT_INDEX_FILE": f"{folder}/index"}
        if base:
            git.run("read-tree", base, more=index)
        git.run("update-index", "-z", "--index-info", stdin=b"".join(lines), more=index)
        return git.run("write-tree", more=index).decode().strip()


def blob_of(git: Bare, content: bytes) -> str:
    """Keep bytes as a blob."""
    return git.run("hash-object", "-w", "--no-filters", "--stdin", stdin=content).decode().strip()


def with_files(git: Bare, base: str | None, files: Mapping[str, bytes | None]) -> str:
    """The tree of a commit with these files written or, where None, removed; a file keeps its mode."""
    modes = {path: entry.mode for path, entry in git.tree(base).items()} if base else {}
    changes = {path: (modes.get(path, "100644"), blob_of(git, content)) if content is not None else None for path, content in files.items()}
    return tree_of(git, base, changes)


def login_of(book: Book, person: tuple[str, str, datetime]) -> Account | None:
    """The account that GitHub shows beside a name, by the address alone."""
    return book.of_email(person[1])


def is_sha(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{40}", text) is not None


def _time(seconds: str) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
