"""What functions do for webhooks, clicks, notices and their own messages: the bundled estate's morning, counted call by call."""

import contextlib
import io
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter, process_time
from typing import Any
from unittest.mock import patch

import obstore

from tests.bench.scale_step import ASKED, counting
from tests.running.step import calls_counted
from tests.running.world import Work
from trimtab.demo import cloud, run
from trimtab.settings import local_path

LISTS = ("list", "list_with_delimiter")


def kind_of(function: str, event: object) -> str:
    """What woke it: a request, the clock, a notice, or a message of its queue, whatever the cloud."""
    if function == "receive":
        return "request"
    text = repr(event if isinstance(event, dict) else (event, getattr(event, "data", "")))
    if "aws.scheduler" in text or ("'data'" in text and "bucketId" not in text and function != "alert"):
        return "tick"
    return "message"


class Counted:
    """Every call of a function, as it is made."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.found: dict[str, list[Work]] = {}
        self.requests: Counter[str] = Counter()
        self.stored: Counter[str] = Counter()
        self.messages: list[str] = []
        self.depth = 0

    def calling(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """`cloud.call`, counted."""

        def call(function: str, on: cloud.Cloud, event: object) -> Any:
            self.requests, self.stored, self.messages = Counter(), Counter(), []
            outside: Counter[str] = Counter()
            written, cpu, wall = self._logged(), process_time(), perf_counter()
            self.depth += 1
            try:
                with calls_counted(outside):
                    return real(function, on, event)
            finally:
                self.depth -= 1
                # All functions are in one process here, with the estate: whose memory it is cannot be told.
                work: Work = {
                    "cpu": process_time() - cpu, "wall": perf_counter() - wall, "peak_mib": 0.0, "calls": outside["calls"],
                    "log_bytes": self._logged() - written, "failed": 0, "requests": dict(self.requests), "stored": dict(self.stored),
                    "messages": list(self.messages), "import": 0.0,
                }  # fmt: skip
                self.found.setdefault(f"{function} {kind_of(function, event)}", []).append(work)

        return call

    def putting(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """A put of the store's client, with what was put where."""

        def put(store: Any, path: str, body: Any, **options: Any) -> Any:
            whole = (Path(store.prefix or "/") / path).relative_to(self.log.parent).as_posix()
            inner = whole.split("/", 1)[-1]
            self.stored[inner.split("/", 1)[0]] += len(body) if isinstance(body, bytes) else 0
            if inner.startswith("inbox/"):
                self.messages.append(inner)
            return real(store, path, body, **options)

        return put

    def _logged(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0

    def counter(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        """A function of the store's client; which counter it adds to changes with every call."""

        def ask(*arguments: Any, **options: Any) -> Any:
            return counting(name, real, self.requests)(*arguments, **options)

        return ask


@contextlib.contextmanager
def _counting(counted: Counted) -> Iterator[None]:
    with contextlib.ExitStack() as patches:
        for name in (*ASKED, *LISTS):
            patches.enter_context(patch.object(obstore, name, counted.counter(name, getattr(obstore, name))))
        patches.enter_context(patch.object(cloud, "call", counted.calling(cloud.call)))
        patches.enter_context(patch.object(obstore, "put", counted.putting(obstore.put)))
        yield


def morning(folder: Path) -> dict[str, list[Work]]:
    """Function and kind → each call."""
    store = f"file://{folder}"
    counted = Counted(local_path(store) / "log.jsonl")
    with _counting(counted), contextlib.redirect_stderr(io.StringIO()):
        run.run(store, lambda _said: None, lambda _step, _of, _words: None)
    return counted.found
