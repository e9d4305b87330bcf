"""Kubernetes quantities ("250m", "1.5Gi", "1e3"), exactly: a float would lose the last byte of a large volume."""

import re
from decimal import ROUND_CEILING, Decimal

_FORM = re.compile(r"(?P<number>[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30}))(?P<unit>[numkMGTPE]|[KMGTPE]i|[eE][+-]?\d{1,2})?", re.ASCII)
UNITS = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1), "k": Decimal(10**3), "M": Decimal(10**6),
    "G": Decimal(10**9), "T": Decimal(10**12), "P": Decimal(10**15), "E": Decimal(10**18), "Ki": Decimal(2**10), "Mi": Decimal(2**20),
    "Gi": Decimal(2**30), "Ti": Decimal(2**40), "Pi": Decimal(2**50), "Ei": Decimal(2**60),
}  # fmt: skip
_LARGEST = 2**63 - 1
"""Kubernetes holds no larger one."""


def split(text: str) -> tuple[Decimal, str] | None:
    """(number, unit) as written; None = it is no quantity."""
    found = _FORM.fullmatch(text)
    return None if found is None else (Decimal(found["number"]), found["unit"] or "")


def exact(text: str) -> Decimal | None:
    """The amount in cores, bytes or pieces; None = it is none that Kubernetes could hold."""
    parts = split(text)
    if parts is None:
        return None
    number, unit = parts
    value = number * (UNITS[unit] if unit in UNITS else Decimal(f"1{unit}"))
    return value if 0 <= value <= _LARGEST else None


def whole(text: str, *, scale: int = 1) -> int | None:
    """A quantity times `scale`, rounded up as Kubernetes does; None = it is none that Kubernetes could hold."""
    value = exact(text)
    scaled = None if value is None else (value * scale).to_integral_value(ROUND_CEILING)
    return int(scaled) if scaled is not None and scaled <= _LARGEST else None
