"""What holds for the whole suite: no line of any log ever says a secret, and what came from outside stands under `input` alone."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from trimtab.adapters.logs import JsonLog
from trimtab.adapters.memory import MemoryLog

SHORTEST = 12
"""A shorter one could be part of any word."""
_SECRETS: set[str] = set()


@pytest.fixture(scope="session", autouse=True)
def _no_log_line_says_a_secret() -> Iterator[None]:
    """Every secret that any test gives to any settings is remembered, and every line that any of our logs writes is held against them.

    The lines are looked at where they are made, so that one that nobody reads counts as much as any other.
    """
    patch = pytest.MonkeyPatch()
    patch.setattr(SecretStr, "__init__", _remembering(SecretStr.__init__))
    patch.setattr(JsonLog, "_write", _checking(JsonLog._write))
    for name in ("info", "warning"):
        patch.setattr(MemoryLog, name, _checking(getattr(MemoryLog, name)))
    yield
    patch.undo()


def _remembering(init: Callable[..., None]) -> Callable[..., None]:
    def remember(self: SecretStr, value: str) -> None:
        if len(value) >= SHORTEST:
            _SECRETS.add(value)
        init(self, value)

    return remember


def _checking(write: Callable[..., None]) -> Callable[..., None]:
    def check(self: object, *said: object, **values: object) -> None:
        line = json.dumps([said, values], default=str, ensure_ascii=False)
        leaked = [secret for secret in _SECRETS if secret in line or json.dumps(secret)[1:-1] in line]
        if leaked:
            raise AssertionError(f"a log line says the secret {leaked[0][:4]}…: {line[:400]}")
        write(self, *said, **values)

    return check


@pytest.fixture
def known_secrets() -> Any:
    """The secrets that the suite knows so far."""
    return _SECRETS
