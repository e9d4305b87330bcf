"""What a number in a file means, and how a new one is written so that it looks like the old one; exact, or not at all.

Amounts are cores, bytes and pieces. A finding writes its field's own unit ("8" cores, "8192" MiB, "512Mi"), a file whatever it likes.
"""

import re
from collections.abc import Mapping
from decimal import Decimal

from trimtab import quantities
from trimtab.records import FieldUnit, PoolField

_USUAL: Mapping[PoolField, FieldUnit] = {
    "cpu_cores": "cores",
    "memory_mib": "mib",
    "gpu_limit": "pieces",
    "cpu_request": "quantity",
    "cpu_limit": "quantity",
    "memory_request": "quantity",
    "memory_limit": "quantity",
    "gpu_request": "quantity",
}
AMOUNTS = frozenset(_USUAL)
"""Fields that hold an amount, and not a count of nodes or a name."""
_SIZES: Mapping[FieldUnit, Decimal] = {
    "cores": Decimal(1),
    "millicores": Decimal("0.001"),
    "pieces": Decimal(1),
    "bytes": Decimal(1),
    "mib": quantities.UNITS["Mi"],
    "gib": quantities.UNITS["Gi"],
}
_LADDERS = (("Ei", "Pi", "Ti", "Gi", "Mi", "Ki", ""), ("E", "P", "T", "G", "M", "k", ""))
_CPU_LADDER = ("", "m")
_LONGEST = 18
"""Digits of a plain number; more bytes than that no machine has."""


def is_cpu(name: PoolField) -> bool:
    """True for cores, false for bytes and pieces."""
    return name.startswith("cpu_")


def is_gpu(name: PoolField) -> bool:
    """True for whole GPUs."""
    return name.startswith("gpu_")


def unit_of(name: PoolField, units: Mapping[PoolField, FieldUnit]) -> FieldUnit:
    """How a layout's files write the field."""
    return units.get(name, _USUAL[name])


def wanted(name: PoolField, text: str) -> Decimal | None:
    """What a finding, or a person, means: a plain number is in the field's own unit, a quantity is what it says."""
    parts, usual = quantities.split(text), _USUAL[name]
    if parts is None or parts[1] or usual == "quantity":
        return meant(name, text, "quantity")
    amount = parts[0] * _SIZES[usual]
    return amount if amount > 0 and _is_possible(name, amount) else None


def meant(name: PoolField, text: str, unit: FieldUnit) -> Decimal | None:
    """What the file means, above zero; None = it is no such amount, or one that this resource cannot have."""
    if re.match(r"[+-]|0[0-9]", text):
        return None  # 010 is eight to some readers and ten to others
    if unit == "quantity":
        amount = quantities.exact(text)
    else:
        amount = Decimal(text) * _SIZES[unit] if text.isascii() and text.isdigit() and len(text) <= _LONGEST else None
    if amount is None or amount <= 0 or not _is_possible(name, amount):
        return None
    return amount


def is_same(name: PoolField, text: str, units: Mapping[PoolField, FieldUnit], said: str) -> bool:
    """True where a file's text means exactly what a finding says: `8Gi` is 8192 of memory_mib; what is no amount equals nothing."""
    if name not in AMOUNTS:
        return text == said
    amount = meant(name, text, unit_of(name, units))
    return amount is not None and amount == wanted(name, said)


def _is_possible(name: PoolField, amount: Decimal) -> bool:
    """Kubernetes holds no part of a millicore, of a byte, or of a GPU."""
    smallest = amount * 1000 if is_cpu(name) else amount
    return smallest == smallest.to_integral_value()


def written(name: PoolField, amount: Decimal, unit: FieldUnit, like: str) -> str | None:
    """The amount in the unit of the text that stands there now, else in the next smaller one that is exact; None = in none."""
    text = _text(name, amount, unit, like)
    return text if text is not None and meant(name, text, unit) == amount else None


def _text(name: PoolField, amount: Decimal, unit: FieldUnit, like: str) -> str | None:
    if unit != "quantity":
        number = amount / _SIZES[unit]
        return _digits(number) if number == number.to_integral_value() else None
    parts = quantities.split(like)
    if parts is None:
        return None
    decimals = max(0, -int(parts[0].as_tuple().exponent))
    for smaller in _smaller(name, parts[1]):
        number = amount / quantities.UNITS[smaller]
        places = min(decimals, 3) if smaller == parts[1] else 0
        if number == round(number, places) and number * quantities.UNITS[smaller] == amount:
            return _digits(number) + smaller
    return None


def _smaller(name: PoolField, unit: str) -> tuple[str, ...]:
    """The unit itself and those below it."""
    if is_gpu(name):
        return ("",)
    if is_cpu(name):
        return _CPU_LADDER[1:] if unit == "m" else _CPU_LADDER
    return next((ladder[ladder.index(unit) :] for ladder in _LADDERS if unit in ladder), ("",))


def canonical(name: PoolField, amount: Decimal) -> str:
    """The amount as a finding about this field writes it."""
    if name == "memory_mib":
        return _digits(amount / _SIZES["mib"])
    if name in {"cpu_request", "cpu_limit"}:
        return _digits(amount) if amount == amount.to_integral_value() else f"{_digits(amount * 1000)}m"
    if name in {"memory_request", "memory_limit"}:
        return next(_digits(amount / size) + unit for unit, size in _TEXTS if amount % size == 0)
    return _digits(amount)


_TEXTS = tuple((unit, quantities.UNITS[unit]) for unit in ("Gi", "Mi", "Ki", ""))


def _digits(number: Decimal) -> str:
    """Without an exponent, and without zeros behind the point."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
