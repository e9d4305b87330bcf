"""Real git plumbing on one bare repository: no work tree, no hooks, no configuration but the repository's own."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from trimtab.errors import BadInput, Refused, Upstream
from trimtab.records import Commit, CommitSha

NOTHING = "0" * 40
"""What update-ref takes for "the ref does not exist"."""
_SHA = re.compile(r"[0-9a-f]{40}")
_REF = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]|\.(?!\.)|/(?![/.]))*")
SUBMODULE = "160000"
_REGULAR = ("100644", "100755")
_SETTINGS = {
    "safe.directory": "*",
    "core.hooksPath": "/dev/null",
    "core.filesRefLockTimeout": "3000",
    "gc.auto": "0",
    # A file that was renamed meanwhile is a conflict for a person to look at, not a guess of git's.
    "merge.renames": "false",
    "merge.directoryRenames": "false",
}
_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Entry:
    """A tree entry."""

    mode: str
    blob: str


@dataclass(frozen=True, slots=True)
class Bare:
    """One bare repository."""

    path: Path

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def head(self, branch: str) -> CommitSha | None:
        """Tip of a branch, or None. A loose ref is one small file that git replaces whole, so it is read without starting git."""
        loose = _text_of(self.path / "refs" / "heads" / checked_ref(branch))
        if _SHA.fullmatch(loose):
            return CommitSha(loose)
        out = self.run("for-each-ref", "--format=%(objectname) %(refname)", f"refs/heads/{checked_ref(branch)}").decode()
        lines = [line.split(" ", 1) for line in out.splitlines()]
        return next((CommitSha(sha) for sha, name in lines if name == f"refs/heads/{branch}"), None)

    def heads(self, prefix: str) -> dict[str, CommitSha]:
        """Branches whose names begin so, and their tips."""
        out = self.run("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads/").decode()
        named = (line.removesuffix("\r").split(" refs/heads/", 1) for line in out.splitlines())
        return {name: CommitSha(sha) for sha, name in named if name.startswith(prefix)}

    def hands(self, branch: str, paths: Sequence[str], since: datetime) -> frozenset[str]:
        """Who wrote or committed a change of these files or folders on a branch since then, and who merged one."""
        wanted = [f"--since-as-filter={since.isoformat()}", "-z", "--format=%an%n%cn", f"refs/heads/{checked_ref(branch)}", "--", *paths]
        # A merge is not in a file's own history where one side has the file as it is now; by its first parent it is.
        written = self.run("log", "--full-history", *wanted)
        merged = self.run("log", "--first-parent", "-m", *wanted)
        return frozenset(name for name in (written + merged).decode(errors="replace").replace("\0", "\n").split("\n") if name)

    def default_branch(self) -> str:
        """The branch that HEAD names."""
        return self.run("symbolic-ref", "--short", "HEAD").decode().strip()

    def tree(self, commit: str) -> Mapping[str, Entry]:
        """Every blob, link and submodule of a commit or tree, by path."""
        return _tree(self, checked_sha(commit))

    def holds(self, commit: str) -> bool:
        """Is there such a commit? One that a push took away may have been collected since."""
        return self._call("cat-file", "-e", f"{checked_sha(commit)}^{{commit}}").returncode == 0

    def blob(self, blob: str) -> bytes:
        """A blob's bytes."""
        return _blob(self, checked_sha(blob))

    def files(self, commit: str) -> dict[str, Entry]:
        """Regular files only."""
        return {path: entry for path, entry in self.tree(commit).items() if entry.mode in _REGULAR}

    def commits(self, base: str, head: str) -> tuple[Commit, ...]:
        """Commits reachable from head and not from base, oldest first."""
        return _commits(self, checked_sha(base), checked_sha(head))

    def merge_base(self, one: str, other: str) -> CommitSha | None:
        """Where two histories parted; None = they have nothing in common."""
        return _merge_base(self, checked_sha(one), checked_sha(other))

    def is_ancestor(self, one: str, other: str) -> bool:
        """True where `other` holds everything that `one` does."""
        return self.merge_base(one, other) == one

    def changed(self, old: str, new: str) -> dict[str, tuple[Entry | None, Entry | None]]:
        """Path → (before, after) for everything that differs between two commits or trees."""
        before, after = self.tree(old), self.tree(new)
        return {p: (before.get(p), after.get(p)) for p in sorted({*before, *after}) if before.get(p) != after.get(p)}

    def merged_tree(self, base: str, head: str) -> str | None:
        """Tree of a three-way merge of two commits; None = it conflicts."""
        return _merged_tree(self, checked_sha(base), checked_sha(head)) if self.merge_base(base, head) is not None else None

    def merges(self, base: str, tip: str) -> Iterator[tuple[CommitSha, tuple[str, ...], str]]:
        """(commit, parents, message) of the merges on the main line after `base`, newest first."""
        wanted = f"{checked_sha(base)}..{checked_sha(tip)}"
        out = self.run("log", "--first-parent", "--merges", "-z", "--format=%H%n%P%n%B", wanted).decode(errors="replace")
        for record in filter(None, out.split("\0")):
            sha, parents, message = record.split("\n", 2)
            yield CommitSha(sha), tuple(parents.split()), message

    # ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def commit_files(self, parent: str | None, files: Mapping[str, bytes], message: str, *, author: str, at: datetime) -> CommitSha:
        """One commit of these files on a parent; the same arguments give the same commit."""
        existing = self.tree(parent) if parent else {}
        lines = [self._index_line(path, files[path], existing) for path in sorted(files)]
        with tempfile.TemporaryDirectory(prefix="trimtab-index-") as folder:
            index = {"GIT_INDEX_FILE": f"{folder}/index"}
            if parent:
                self.run("read-tree", checked_sha(parent), more=index)
            self.run("update-index", "-z", "--index-info", stdin=b"".join(lines), more=index)
            tree = self.run("write-tree", more=index).decode().strip()
        return self.commit_tree(tree, (parent,) if parent else (), message, author=author, at=at)

    def commit_tree(self, tree: str, parents: tuple[str, ...], message: str, *, author: str, at: datetime) -> CommitSha:
        """A commit of a tree, by a fixed name at a fixed time."""
        flags = [flag for parent in parents for flag in ("-p", checked_sha(parent))]
        out = self.run("commit-tree", checked_sha(tree), *flags, stdin=message.encode(), more=_identity(author, at))
        return CommitSha(out.decode().strip())

    def point(self, branch: str, new: str, old: str | None) -> bool:
        """Move a branch if it is still where it is thought to be; True also where it is at `new` already."""
        target = f"refs/heads/{checked_ref(branch)}"
        done = self._call("update-ref", "--no-deref", target, checked_sha(new), checked_sha(old) if old else NOTHING)
        if done.returncode == 0:
            return True
        now = self.head(branch)
        if now == old:
            raise Upstream(f"{self.path.name}: branch {branch} could not be moved: {_first_line(done.stderr)}")
        return now == new

    def delete(self, branch: str, old: str) -> bool:
        """Delete a branch if it is still where it is thought to be; False = it is elsewhere, or gone."""
        done = self._call("update-ref", "--no-deref", "-d", f"refs/heads/{checked_ref(branch)}", checked_sha(old))
        if done.returncode == 0:
            return True
        if self.head(branch) == old:
            raise Upstream(f"{self.path.name}: branch {branch} could not be deleted: {_first_line(done.stderr)}")
        return False

    def _index_line(self, path: str, content: bytes, existing: Mapping[str, Entry]) -> bytes:
        entry = existing.get(checked_path(path))
        if entry is not None and entry.mode not in _REGULAR:
            raise Refused(f"{path}: it is a link or a submodule; only regular files are written")
        if any(other.startswith(f"{path}/") for other in existing) or any(f"{parent}" in existing for parent in Path(path).parents):
            raise Refused(f"{path}: a file and a folder cannot have one name")
        blob = self.run("hash-object", "-w", "--no-filters", "--stdin", stdin=content).decode().strip()
        return f"{entry.mode if entry else '100644'} {blob}\t{path}\0".encode()

    # ── Calling ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def run(self, *arguments: str, stdin: bytes = b"", more: Mapping[str, str] | None = None, answers: tuple[int, ...] = (0,)) -> bytes:
        """Run git; its output. Upstream where it fails."""
        done = self._call(*arguments, stdin=stdin, more=more)
        if done.returncode not in answers:
            raise Upstream(f"{self.path.name}: git {arguments[0]}: {_first_line(done.stderr)}")
        return done.stdout

    def _call(self, *arguments: str, stdin: bytes = b"", more: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
        command = [git(), f"--git-dir={self.path}", "--literal-pathspecs", *arguments]
        try:
            return subprocess.run(
                command, input=stdin, capture_output=True, check=False, timeout=_SECONDS, cwd=self.path.anchor, env=_environment(more)
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Upstream(f"{self.path.name}: git {arguments[0]}: {error}") from None


def create(path: Path) -> Bare:
    """A new, empty bare repository. Refused where something is there already."""
    if path.exists() and any(path.iterdir()):
        raise Refused(f"{path}: not empty; a new repository needs a folder of its own")
    path.mkdir(parents=True, exist_ok=True)
    repository = Bare(path.absolute())
    repository.run("init", "--quiet", "--bare", "--initial-branch=main", "--object-format=sha1", "--template=")
    return repository


def _text_of(path: Path) -> str:
    """Empty where there is no such file: the ref is packed, or there is none, and git knows."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def checked_sha(sha: str) -> str:
    """The id, if it is one: nothing else may reach git's command line."""
    if not _SHA.fullmatch(sha):
        raise BadInput(f"{sha[:60]!r}: expected a full commit id")
    return sha


def checked_ref(branch: str) -> str:
    """The branch name, if git and a shell would both take it as one."""
    if not _REF.fullmatch(branch) or branch.endswith((".lock", ".", "/")) or ".lock/" in branch or len(branch) > 200:
        raise BadInput(f"{branch[:60]!r}: not a branch name that Trimtab uses")
    return branch


def checked_path(path: str) -> str:
    """The path, if it stays inside the tree and outside git's own folder."""
    parts = path.split("/")
    is_plain = path.isprintable() and all(part not in ("", ".", "..") and part.lower() != ".git" for part in parts)
    if not is_plain or "\\" in path:
        raise BadInput(f"{path[:80]!r}: not a path inside a repository")
    return path


@lru_cache(maxsize=1)
def git() -> str:
    """Where git is. Upstream where it is not."""
    found = shutil.which("git")
    if found is None:
        raise Upstream("git is not installed; the local forge needs git 2.38 or newer")
    return found


# ── What is named by a hash never changes, so answers about it are kept ──────────────────────────────────────────────
@lru_cache(maxsize=64)
def _tree(repository: Bare, commit: str) -> Mapping[str, Entry]:
    listing: dict[str, Entry] = {}
    for line in filter(None, repository.run("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0")):
        meta, _, path = line.partition(b"\t")
        mode, _, blob = meta.decode().split(" ")
        listing[path.decode("utf-8", "surrogateescape")] = Entry(mode, blob)
    return listing


@lru_cache(maxsize=256)
def _blob(repository: Bare, blob: str) -> bytes:
    return repository.run("cat-file", "blob", blob)


@lru_cache(maxsize=256)
def _commits(repository: Bare, base: str, head: str) -> tuple[Commit, ...]:
    out = repository.run("log", "--reverse", "--topo-order", "-z", "--format=%H%n%an%n%cn%n%P%n%T", f"{base}..{head}").decode(
        errors="replace"
    )
    return tuple(_commit(*record.split("\n")[:5]) for record in out.split("\0") if record.strip())


@lru_cache(maxsize=256)
def _merge_base(repository: Bare, one: str, other: str) -> CommitSha | None:
    out = repository.run("merge-base", one, other, answers=(0, 1)).decode().strip()
    return CommitSha(out) if out else None


@lru_cache(maxsize=256)
def _merged_tree(repository: Bare, base: str, head: str) -> str | None:
    out = repository.run("merge-tree", "--write-tree", "--no-messages", "--name-only", base, head, answers=(0, 1)).decode()
    # Exit 0 prints the tree alone; a conflict prints the tree and the files that conflict.
    lines = out.split("\n")
    return lines[0] if len(lines) == 2 and not lines[1] else None


def _commit(sha: str, author: str, committer: str, parents: str, tree: str) -> Commit:
    ids = tuple(CommitSha(parent) for parent in parents.split())
    return Commit(sha=CommitSha(sha), author=author, committer=committer, parents=ids, tree=tree)


def _environment(more: Mapping[str, str] | None) -> dict[str, str]:
    """Nothing of the caller's environment gets in: no GIT_DIR, no global configuration, no proxy, no prompt."""
    settings = {f"GIT_CONFIG_KEY_{n}": key for n, key in enumerate(_SETTINGS)}
    settings |= {f"GIT_CONFIG_VALUE_{n}": value for n, value in enumerate(_SETTINGS.values())}
    fixed = {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": str(len(_SETTINGS)),
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "HOME": "/nonexistent",
        "LC_ALL": "C",
    }
    return {**settings, **fixed, **(more or {})}


def _identity(name: str, at: datetime) -> dict[str, str]:
    when = f"{int(at.timestamp())} +0000"
    mail = f"{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-') or 'somebody'}@local.invalid"
    return {
        f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (("NAME", name), ("EMAIL", mail), ("DATE", when))
    }


def _first_line(text: bytes) -> str:
    return (text.decode(errors="replace").strip().splitlines() or ["no message"])[0][:200]
