"""Where we say what we do."""

from typing import Protocol


class Log(Protocol):
    """Events with values beside them; foreign data only under `input`."""

    def info(self, event: str, **values: object) -> None:
        """One decision."""

    def warning(self, event: str, **values: object) -> None:
        """Something a person should look at."""


class Progress(Protocol):
    """Somebody to tell how far long work is."""

    def step(self, text: str, done: int, total: int | None) -> None:
        """`done` of `total` (None = unknown) of what `text` names."""
