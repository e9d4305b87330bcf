"""One JSON line per event, on stderr or in a file; what came from outside stands under `input`, alone and shortened."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

LONGEST = 400
RESERVED = frozenset({"_aws", "level", "event", "time"})
"""Names that mean something to whoever reads the log: a metric that CloudWatch makes of a line, or the line's own frame."""


@dataclass(frozen=True, slots=True)
class JsonLog:
    """Port Log."""

    path: Path | None = None
    """Append to this file; None = stderr."""

    def info(self, event: str, **values: object) -> None:
        """One decision."""
        self._write("info", event, values)

    def warning(self, event: str, **values: object) -> None:
        """Something a person should look at."""
        self._write("warning", event, values)

    def _write(self, level: str, event: str, values: dict[str, object]) -> None:
        line = {name: _shown(value) for name, value in values.items() if name not in RESERVED} | {"level": level, "event": event}
        text = json.dumps(line, ensure_ascii=True, default=str) + "\n"
        if self.path is None:
            sys.stderr.write(text)
            return
        with self.path.open("a") as file:
            file.write(text)


def _shown(value: object) -> object:
    return value[:LONGEST] if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class Quiet:
    """Port Log that keeps nothing: for commands whose output is the answer."""

    def info(self, event: str, **values: object) -> None:
        """Nothing."""

    def warning(self, event: str, **values: object) -> None:
        """Nothing."""
