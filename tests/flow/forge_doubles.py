"""The local forge with what it does not do itself: calls counted, a merge queue, and facts about a pull request that it never has."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from tests.flow.flow_world import REPO, WRITES, World
from tests.judgement import NOW
from trimtab.adapters.localforge import LocalForge
from trimtab.records import CommitSha, Merged, MergeRefused, PullRequest, Queued, QueueEntry

ONCE_PER_REPO = frozenset({"base_head", "list_files", "read_file", "read_files", "rules"})
"""Reads that a run or a wake does once for a whole repo."""


@dataclass
class Counting:
    """A forge whose calls are written down; the same read between two `forget`s is one call, as adapters answer it from memory."""

    forge: Any
    calls: list[str] = field(default_factory=list)
    _known: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.forge, name)
        return found if not callable(found) or name in {"git", "desk"} else lambda *given, **named: self._call(name, found, given, named)

    def _call(self, name: str, found: Callable[..., Any], given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if name == "forget":
            self._known.clear()
            return found()
        if name in WRITES["forge"]:
            self._known.clear()
            self.calls.append(name)
            return found(*given, **named)
        key = f"{name} {given!r} {named!r}"
        if key not in self._known:
            self.calls.append(name)
            self._known[key] = found(*given, **named)
        return self._known[key]

    @property
    def moving(self) -> list[str]:
        """Calls about one proposal, in their order."""
        return [name for name in self.calls if name not in ONCE_PER_REPO]

    @property
    def writes(self) -> list[str]:
        return [name for name in self.calls if name in WRITES["forge"]]


@dataclass
class Altered:
    """A forge that reports its pull requests with other facts: a draft, another base, a fork."""

    forge: Any
    alter: Callable[[PullRequest], PullRequest]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.forge, name)

    def pull_request(self, repo: str, number: int) -> PullRequest:
        return self.alter(self.forge.pull_request(repo, number))

    def open_pull_requests(self, repo: str) -> tuple[PullRequest, ...]:
        return tuple(self.alter(pull) for pull in self.forge.open_pull_requests(repo))


@dataclass
class WithQueue:
    """A forge that merges through a queue: asked to merge it only enqueues, and a person's hand moves the queue on."""

    forge: LocalForge
    waiting: list[int] = field(default_factory=list)
    messages: dict[int, str] = field(default_factory=dict)
    front: CommitSha | None = None
    """A commit of somebody else's that stands before ours in the queue."""
    instead: tuple[QueueEntry, ...] = ()
    """What the queue says it would merge, where that is not what it should be."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.forge, name)

    def rules(self, repo: str, branch: str) -> Any:
        return replace(self.forge.rules(repo, branch), has_merge_queue=True)

    def pull_request(self, repo: str, number: int) -> PullRequest:
        return replace(self.forge.pull_request(repo, number), is_queued=number in self.waiting)

    def merge(
        self, repo: str, number: int, *, head: CommitSha, base: CommitSha, message: str, at: datetime
    ) -> Merged | Queued | MergeRefused:
        pull = self.forge.pull_request(repo, number)
        if (pull.state, pull.head) != ("open", head):
            return MergeRefused(reason="head-moved", detail=f"{base} {at}")
        self.waiting.append(number)
        self.messages[number] = message
        return Queued()

    def queue(self, repo: str, branch: str) -> tuple[QueueEntry, ...]:
        if self.instead:
            return self.instead
        git, base = self.forge.git(repo), self.front or self.forge.base_head(repo, branch)
        entries = []
        for number in self.waiting:
            head = self.forge.pull_request(repo, number).head
            tree = git.merged_tree(base, head)
            assert tree is not None
            made = git.commit_tree(tree, (base, head), "queue", author="queue[bot]", at=NOW)
            entries.append(QueueEntry(number=number, base=base, commit=made))
            base = made
        return tuple(entries)

    def land(self, number: int, at: datetime) -> None:
        """The queue's checks were green, and it merges."""
        pull = self.forge.pull_request(REPO, number)
        self.waiting.remove(number)
        done = self.forge.merge(REPO, number, head=pull.head, base=pull.base, message=self.messages[number], at=at)
        assert isinstance(done, Merged), done

    def drop(self, number: int) -> None:
        """It falls out of the queue."""
        self.waiting.remove(number)


def on(world: World, forge: Any) -> World:
    """The same world with that forge in the use cases' hands."""
    world.ports = replace(world.ports, forge=forge)
    return world
