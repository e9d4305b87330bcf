"""`python -m tests.infra.record_calls FOLDER`: runs the demo there and prints, as JSON, which function touched which key, and how.

What the lake's writer does goes past obstore; of it, the files that are there afterwards and were not before are its puts.
"""

import contextlib
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import obstore

from trimtab.demo import cloud, run

ACTIONS = {"put": "s3:PutObject", "get": "s3:GetObject", "head": "s3:GetObject", "delete": "s3:DeleteObject"}
LISTS = ("list", "list_with_delimiter")
TENANT = "estate"
LEDGER = ("inbox", "done", "streams", "slots", "leases", "seals", "permit", "people")


def place_of(key: str) -> str:
    """The ARN that a key of the demo's one store has where ledger and store are two buckets."""
    parts = key.split("/")
    return f"arn:aws:s3:::{'ledger' if len(parts) > 1 and parts[1] in LEDGER else 'store'}/{key}"


class Recorder:
    """Who is running, and what was touched."""

    def __init__(self, root: Path) -> None:
        self.root, self.function = root, ""
        self.calls: set[tuple[str, str, str]] = set()

    def add(self, action: str, resource: str) -> None:
        """Something was touched; by whom, where a function runs at all."""
        if self.function:
            self.calls.add((self.function, action, resource))

    def touching(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        """A function of obstore, recorded."""

        def touch(store: Any, path: Any = None, *more: Any, **options: Any) -> Any:
            key = (Path(store.prefix or "/") / str(path)).relative_to(self.root).as_posix()
            if name in ACTIONS:
                self.add(ACTIONS[name], place_of(key))
            else:
                self.add("s3:ListBucket", place_of(key).rpartition(":::")[0] + ":::" + place_of(key).rpartition(":::")[2].split("/")[0])
            return real(store, path, *more, **options)

        return touch

    def calling(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """`cloud.call`, recorded."""

        def call(function: str, on: cloud.Cloud, event: object) -> Any:
            outer, before = self.function, self._files()
            self.function = function
            try:
                return real(function, on, event)
            finally:
                for file in self._files() - before:
                    self.add("s3:PutObject", place_of(f"{TENANT}/lake/{file}"))
                self.function = outer

        return call

    def _files(self) -> set[str]:
        lake = self.root / TENANT / "lake"
        return {str(path.relative_to(lake)) for path in lake.rglob("*") if path.is_file()}


@contextlib.contextmanager
def recording(store: Path) -> Iterator[Recorder]:
    """Everything that functions touch while the block runs."""
    recorder = Recorder(store)
    with contextlib.ExitStack() as patches:
        for name in (*ACTIONS, *LISTS):
            patches.enter_context(patch.object(obstore, name, recorder.touching(name, getattr(obstore, name))))
        patches.enter_context(patch.object(cloud, "call", recorder.calling(cloud.call)))
        yield recorder


def main(folder: Path) -> list[tuple[str, str, str]]:
    """The demo's calls, sorted."""
    with recording(folder) as recorder, contextlib.redirect_stderr(io.StringIO()):
        run.run(f"file://{folder}", lambda _said: None, lambda _step, _of, _words: None)
    return sorted(recorder.calls)


if __name__ == "__main__":
    json.dump(main(Path(sys.argv[1])), sys.stdout)
