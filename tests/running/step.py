"""`python -m tests.running.step EVENTS RESULTS`: a function as Lambda runs it, in a fresh process, over a store that counts.

EVENTS is a JSON file {"function", "front", "now", "events"}; RESULTS gets a list with what each event took. What the function logs goes to
RESULTS.log, and only its size is told.
"""

import importlib
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from time import perf_counter, process_time
from typing import Any
from unittest.mock import patch
from urllib.request import urlopen

import httpx
import requests

from tests.bench.timing import peak_mib
from trimtab import wiring


@contextmanager
def calls_counted(counted: Counter[str]) -> Iterator[None]:
    """Calls over HTTP to anything that is not the store: forges, Palette, chat, metrics."""

    def counting(real: Callable[..., Any]) -> Callable[..., Any]:
        def send(*arguments: Any, **options: Any) -> Any:
            counted["calls"] += 1
            return real(*arguments, **options)

        return send

    with ExitStack() as patches:
        for owner, name in ((httpx.HTTPTransport, "handle_request"), (requests.Session, "send")):
            patches.enter_context(patch.object(owner, name, counting(getattr(owner, name))))
        yield


def invoked(handler: Callable[..., Any], event: dict[str, Any], front: str, log: Path) -> dict[str, Any]:
    """One call of the handler."""
    counted = Counter[str]()
    asked(front)
    written = log.stat().st_size
    with calls_counted(counted):
        wall, cpu = perf_counter(), process_time()
        answer = handler(event, None)
        cpu, wall = process_time() - cpu, perf_counter() - wall
    failed = answer.get("batchItemFailures", []) if isinstance(answer, dict) else []
    return {
        "cpu": cpu, "wall": wall, "peak_mib": peak_mib(), "calls": counted["calls"], "log_bytes": log.stat().st_size - written,
        "failed": len(failed), **asked(front),
    }  # fmt: skip


def asked(front: str) -> dict[str, Any]:
    """What the store was asked for since."""
    with urlopen(f"{front}/asked") as answer:
        found: dict[str, Any] = json.loads(answer.read())
        return found


def main(events: Path, results: Path) -> None:
    """Each event in turn, in one warm process."""
    asking = json.loads(events.read_text())
    log = results.with_suffix(".log")
    with log.open("ab", buffering=0) as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    start = process_time()
    handler = importlib.import_module(f"functions.{asking['function']}.aws").handler
    started = process_time() - start
    at = datetime.fromisoformat(asking["now"])
    found = []
    # A store that is not on disk has the time of today, and the estate's is another.
    with patch.object(wiring, "now", lambda _settings: at):
        for event in asking["events"]:
            found.append({**invoked(handler, event, asking["front"], log), "import": started})
            results.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
