"""What goes wrong between a worker and the world: it ends at any call of a port, an answer is lost, a service is down, two take turns."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from threading import Semaphore, Thread
from typing import Any, Literal

from tests.flow.flow_world import Died
from trimtab.errors import Upstream
from trimtab.ports import Ports

OUTSIDE = ("inbox", "ledger", "permit", "documents", "palette", "forge", "chat", "mail", "webhooks", "tickets")
"""The ports that reach out of the process; the others are ours to compute with."""
WRITES: Mapping[str, frozenset[str]] = {
    "inbox": frozenset({"put", "finish"}),
    "ledger": frozenset({"append", "claim_slot", "acquire_lease", "release_lease", "seal"}),
    "permit": frozenset({"stop", "resume"}),
    "documents": frozenset({"publish"}),
    "palette": frozenset({"annotate"}),
    "forge": frozenset(
        {
            "commit_files", "open_pull_request", "edit_pull_request", "close_pull_request", "comment", "set_check", "open_issue",
            "edit_issue", "merge", "delete_branch",
        }
    ),
    "chat": frozenset({"post", "update"}),
    "mail": frozenset({"send"}),
    "webhooks": frozenset({"post"}),
    "tickets": frozenset({"open"}),
}  # fmt: skip
Way = Literal["before", "after", "lost", "down"]
"""Killed before the call or after it; its answer lost on the way; the service not answering at all."""
Do = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a port, as it was made."""

    port: str
    name: str
    given: tuple[Any, ...]
    named: Mapping[str, Any]

    @property
    def is_write(self) -> bool:
        return self.name in WRITES[self.port]

    def __str__(self) -> str:
        return f"{self.port}.{self.name}"


Hook = Callable[[Call, Do], object]


@dataclass(slots=True)
class Hooked:
    """A port whose calls go through a hook."""

    port: Any
    name: str
    hook: Hook

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self.port, attribute)
        if not callable(found):
            return found
        return lambda *given, **named: self.hook(Call(self.name, attribute, given, named), partial(found, *given, **named))


def hooked(ports: Ports, *hooks: Hook) -> Ports:
    """The same ports behind these hooks; the last one stands closest to the world."""
    values = {each.name: getattr(ports, each.name) for each in fields(Ports)}
    for hook in reversed(hooks):
        values |= {name: Hooked(values[name], name, hook) for name in OUTSIDE if values[name] is not None}
    return Ports(**values)


@dataclass(slots=True)
class Accident:
    """Happens at the k-th call (never with k = 0), or at the k-th write; and names all that it counted."""

    k: int
    way: Way = "before"
    only_writes: bool = False
    seen: list[str] = field(default_factory=list)

    def __call__(self, call: Call, do: Do) -> object:
        if self.only_writes and not call.is_write:
            return do()
        self.seen.append(str(call))
        return do() if len(self.seen) != self.k else self._happens(call, do)

    def _happens(self, call: Call, do: Do) -> object:
        if self.way == "before":
            raise Died(f"before {call}")
        if self.way == "down":
            _fail(call, "did not answer")
        answer = do()
        if self.way == "after":
            raise Died(f"after {call}")
        _fail(call, "answered, and the answer was lost")
        return answer


def _fail(call: Call, why: str) -> None:
    """The permit turns every failure of its store into a stop by itself; every other port raises."""
    if call.port != "permit":
        raise Upstream(f"{call} {why}")


@dataclass(slots=True)
class Outage:
    """Services that do not answer until they do again."""

    down: set[str] = field(default_factory=set)

    def __call__(self, call: Call, do: Do) -> object:
        if call.port in self.down and call.name != "forget":
            raise Upstream(f"{call} did not answer")
        return do()


class Turns:
    """Several workers of which one at a time makes its calls, in an order that was settled before: the same order, the same story."""

    def __init__(self, lengths: Iterable[int]) -> None:
        """`lengths` says how many calls each worker makes before it is the next one's turn; after the last, each runs to its end."""
        self._lengths = list(lengths)
        self._go: list[Semaphore] = []
        self._paused = Semaphore(0)
        self._running: set[int] = set()
        self._raised: list[BaseException | None] = []

    def hook(self, worker: int) -> Hook:
        """What stands before every call of that worker's ports."""

        def wait(_call: Call, do: Do) -> object:
            self._paused.release()
            self._go[worker].acquire()
            return do()

        return wait

    def run(self, steps: Sequence[Callable[[], object]]) -> list[BaseException | None]:
        """All of them, to their ends; what each one raised."""
        self._go = [Semaphore(0) for _ in steps]
        self._running, self._raised = set(range(len(steps))), [None for _ in steps]
        threads = [Thread(target=self._work, args=(worker, step), daemon=True) for worker, step in enumerate(steps)]
        for thread in threads:
            thread.start()
            self._paused.acquire()
        for turn, length in enumerate(self._lengths):
            for _ in range(length):
                self._step(turn % len(steps))
        for worker in range(len(steps)):
            while worker in self._running:
                self._step(worker)
        for thread in threads:
            thread.join()
        return self._raised

    def _work(self, worker: int, step: Callable[[], object]) -> None:
        try:
            step()
        except BaseException as error:  # noqa: BLE001 -- handed to whoever runs the workers, who raises what nobody expects
            self._raised[worker] = error
        self._running.discard(worker)
        self._paused.release()

    def _step(self, worker: int) -> None:
        """One call more; a worker that is at its end makes none."""
        if worker in self._running:
            self._go[worker].release()
            self._paused.acquire()
