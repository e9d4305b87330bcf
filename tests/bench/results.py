"""What a row of the benchmarks says, and how it is written: one JSON line, or one line of a Markdown table."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Detail = dict[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How much is measured, and where."""

    scratch: Path
    tell: Callable[[str], None]
    """Says on stderr what is going on."""
    scale: float | None = None
    """Share of a row's full size; None = each row's own default, which it states."""
    repeats: int = 3
    days: int = 30
    """Days of the attributed month; tests take fewer."""

    def size(self, default: float = 1.0) -> float:
        """The scale of a row whose own default is this."""
        return default if self.scale is None else self.scale


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One row with its number."""

    row: str
    what: str
    value: float
    measure: Literal["ratio", "seconds", "calls"] = "ratio"
    bar: float
    aim: float | None
    is_floor: bool = False
    """True where more is better."""
    missed: tuple[str, ...] = ()
    """Whatever else the row promises and did not hold."""
    detail: Detail = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """True where the bar and all else that the row promises hold."""
        reached = self.value >= self.bar if self.is_floor else self.value <= self.bar
        return reached and not self.missed

    def to_json(self) -> Detail:
        """The row as it is printed."""
        aim = None if self.aim is None else round(self.aim, 4)
        known: Detail = {
            "row": self.row, "what": self.what, self.measure: round(self.value, 4),
            "bar": round(self.bar, 4), "aim": aim, "ok": self.ok,
        }  # fmt: skip
        return known | ({"missed": list(self.missed)} if self.missed else {}) | {"detail": self.detail}

    def to_markdown(self) -> str:
        """The row of a table."""
        sign, unit = ("≥" if self.is_floor else "≤"), {"ratio": "×", "seconds": " s", "calls": ""}[self.measure]
        aim = "" if self.aim is None else f"{sign} {self.aim:.3g}{unit}"
        answer = "yes" if self.ok else "**no**" + "".join(f"; {reason}" for reason in self.missed)
        return f"| {self.row} | {self.what} | {self.value:.3g}{unit} | {sign} {self.bar:.3g}{unit} | {aim} | {answer} |"


@dataclass(frozen=True, kw_only=True, slots=True)
class Skipped:
    """A row that cannot be measured yet, and why."""

    row: str
    reason: str
    ok: bool = True

    def to_json(self) -> Detail:
        """The row as it is printed."""
        return {"row": self.row, "skipped": self.reason}

    def to_markdown(self) -> str:
        """The row of a table."""
        return f"| {self.row} | not measured: {self.reason} | | | | |"


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """A row that broke: its own results contradict each other, or it could not run."""

    row: str
    error: str
    ok: bool = False

    def to_json(self) -> Detail:
        """The row as it is printed."""
        return {"row": self.row, "ok": False, "error": self.error}

    def to_markdown(self) -> str:
        """The row of a table."""
        return f"| {self.row} | failed: {self.error} | | | | **no** |"


Row = Measured | Skipped | Failed
