"""`python -m tests.bench.scale_step KEYS BATCH`: the function `propose` as Lambda runs it, in a process of its own.

KEYS is a file of inbox keys, one a line ("tick" = the clock); they are delivered as SQS messages, BATCH in one invocation. The last line
printed is a JSON list with an object for each invocation: what it took and what it asked the store for.
"""

import importlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter, process_time
from typing import Any
from unittest.mock import patch

import obstore

from tests.bench.scale_estate import NOW
from tests.bench.timing import peak_mib
from trimtab.adapters.store.lake import DeltaLake
from trimtab.demo.cloud import s3_notification, sqs_event

ASKED = ("get", "put", "head", "delete")
TENANT = "default"
FETCHED: set[str] = set()
"""Data files that this process has by now."""


def counting(name: str, real: Callable[..., Any], counted: Counter[str]) -> Callable[..., Any]:
    """A function of the store's client that is counted: each page of a list is a request."""

    def ask(*arguments: Any, **options: Any) -> Any:
        if name != "list":
            counted["list" if name.startswith("list") else name] += 1
            return real(*arguments, **options)
        return _pages(real(*arguments, **options), counted)

    return ask


def _pages(pages: Iterator[Any], counted: Counter[str]) -> Iterator[Any]:
    """A list that finds nothing is a request too."""
    counted["list"] += 1
    for number, page in enumerate(pages):
        counted["list"] += number > 0
        yield page


def invocations(keys: Sequence[str], batch: int) -> list[dict[str, Any]]:
    """Each of them, in one warm process."""
    handler = importlib.import_module("functions.propose.aws").handler
    return [_invoked(handler, keys[start : start + batch]) for start in range(0, len(keys), batch)]


def _invoked(handler: Callable[..., Any], keys: Sequence[str]) -> dict[str, Any]:
    counted = Counter[str]()
    local = DeltaLake._local

    def fetched(self: DeltaLake, table: str, file: Any) -> Path:
        counted["get"] += file.path not in FETCHED
        FETCHED.add(file.path)
        return local(self, table, file)

    with ExitStack() as patches:
        for name in (*ASKED, "list", "list_with_delimiter"):
            patches.enter_context(patch.object(obstore, name, counting(name, getattr(obstore, name), counted)))
        patches.enter_context(patch.object(DeltaLake, "_local", fetched))
        start, busy = perf_counter(), process_time()
        answer = handler(_event(keys), None)
        took, busy = perf_counter() - start, process_time() - busy
    failed = [failure["itemIdentifier"] for failure in answer.get("batchItemFailures", [])]
    return {"seconds": took, "busy": busy, "peak_mib": peak_mib(), "messages": len(keys), "failed": len(failed), "store": counted}


def _event(keys: Sequence[str]) -> dict[str, Any]:
    if list(keys) == ["tick"]:
        return {"source": "aws.scheduler", "time": NOW.isoformat(), "resources": []}
    records = [sqs_event(s3_notification("store", f"{TENANT}/{key}", "1"))["Records"][0] for key in keys]
    return {"Records": [{**record, "messageId": f"00000000-0000-4000-8000-{number:012}"} for number, record in enumerate(records)]}


if __name__ == "__main__":
    print(json.dumps(invocations(Path(sys.argv[1]).read_text().split(), int(sys.argv[2]))))
