"""What one process remembers of GitHub: what moves until it is forgotten, what is named by an id for good, within bounds."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from trimtab.adapters.github.answers import Repo

T = TypeVar("T")
MOST_FIXED = 200
MOST_FILES = 300_000
"""Files in all the trees together: some 100 MB."""
MOST_BYTES = 64_000_000


@dataclass(slots=True)
class Memory:
    """Answers by question."""

    _moving: dict[Hashable, Any] = field(default_factory=dict)
    _fixed: OrderedDict[Hashable, Any] = field(default_factory=OrderedDict)
    _files: int = 0
    _blobs: OrderedDict[str, bytes] = field(default_factory=OrderedDict)
    _bytes: int = 0
    _none_open: set[tuple[str, str]] = field(default_factory=set)
    _repos: dict[str, Repo] = field(default_factory=dict)
    _labels: dict[tuple[str, str], str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def forget(self, *, keep_none_open: bool = False) -> None:
        """All that moves. `keep_none_open`: our own write did not open a pull request, and GitHub refuses a second one itself."""
        with self._lock:
            self._moving = {}
            if not keep_none_open:
                self._none_open = set()

    def moving(self, key: Hashable, read: Callable[[], T]) -> T:
        """The remembered answer, or what `read` gives; not kept where something was forgotten while it was read."""
        with self._lock:
            held = self._moving
            if key in held:
                found: T = held[key]
                return found
        value = read()
        with self._lock:
            if held is self._moving:
                held[key] = value
        return value

    def held(self) -> dict[Hashable, Any]:
        """What moves, as it is remembered now; to be named when something is kept that is asked for from here on."""
        return self._moving

    def keep(self, key: Hashable, value: object, held: dict[Hashable, Any]) -> None:
        """An answer that came along with another; not kept where something was forgotten since `held`."""
        with self._lock:
            if held is self._moving:
                held[key] = value

    def fixed(self, key: Hashable, read: Callable[[], T]) -> T:
        """The answer to a question about ids, which never changes."""
        with self._lock:
            if key in self._fixed:
                self._fixed.move_to_end(key)
                found: T = self._fixed[key]
                return found
        value = read()
        with self._lock:
            self._files += _size(value) - _size(self._fixed.get(key))
            self._fixed[key] = value
            while len(self._fixed) > 1 and (len(self._fixed) > MOST_FIXED or self._files > MOST_FILES):
                self._files -= _size(self._fixed.popitem(last=False)[1])
        return value

    def blob(self, oid: str) -> bytes | None:
        """A blob's bytes, or None."""
        with self._lock:
            return self._blobs.get(oid)

    def keep_blob(self, oid: str, content: bytes) -> None:
        """Remember a blob; the oldest go first."""
        with self._lock:
            if oid in self._blobs:
                return
            self._blobs[oid] = content
            self._bytes += len(content)
            while self._bytes > MOST_BYTES:
                _, gone = self._blobs.popitem(last=False)
                self._bytes -= len(gone)

    def has_none_open(self, repo: str, branch: str) -> bool:
        """True where a branch was seen without an open pull request since the last decision began."""
        return (repo, branch) in self._none_open

    def note_none_open(self, repo: str, branch: str) -> None:
        """Remember that."""
        self._none_open.add((repo, branch))

    def repo(self, repo: str) -> Repo | None:
        """What seldom changes about a repo."""
        return self._repos.get(repo)

    def keep_repo(self, repo: str, known: Repo) -> None:
        """Remember it as it is now."""
        self._repos[repo] = known

    def label(self, repo: str, name: str) -> str | None:
        """A label's id."""
        return self._labels.get((repo, name))

    def keep_label(self, repo: str, name: str, node: str) -> None:
        """Remember it."""
        self._labels[repo, name] = node


def _size(value: object) -> int:
    """Of a tree its files; what else is kept is small."""
    return len(value) if isinstance(value, Mapping) else 0
