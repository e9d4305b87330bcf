"""Whole-number units and money; the only places where one unit becomes another are the functions here."""

from dataclasses import dataclass
from decimal import Decimal
from typing import NewType

Millicores = NewType("Millicores", int)
"""Thousandths of a CPU core."""
Bytes = NewType("Bytes", int)
MilliGpus = NewType("MilliGpus", int)
"""Thousandths of one whole GPU."""

GIB = 1 << 30
HOURS_PER_MONTH = Decimal(730)
"""The month that clouds quote prices for: 365 days × 24 h / 12."""

MONEY_SCALE = 12
"""Digits after the point that money keeps inside; a bill with more is refused, never rounded."""


def gib(amount: Decimal | float | str) -> Bytes:
    """GiB to bytes, rounded to the nearest byte."""
    return Bytes(int((Decimal(str(amount)) * GIB).to_integral_value()))


def cores(amount: Decimal | float | str) -> Millicores:
    """Cores to millicores, rounded to the nearest."""
    return Millicores(int((Decimal(str(amount)) * 1000).to_integral_value()))


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount in one currency; adding two currencies is an error, never a guess."""

    amount: Decimal
    currency: str

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount - self._same(other), self.currency)

    def __mul__(self, factor: Decimal | int) -> "Money":
        return Money(self.amount * factor, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount, self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.amount < self._same(other)

    def __str__(self) -> str:
        return f"{self.amount:,.2f} {self.currency}"

    def _same(self, other: "Money") -> Decimal:
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not add up: convert with a dated rate first")
        return other.amount
