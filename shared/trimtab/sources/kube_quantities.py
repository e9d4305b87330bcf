"""Kubernetes quantities ("250m", "1.5Gi", "1e3") as whole units, exactly: a float would lose the last byte of a large volume."""

import re
from decimal import ROUND_CEILING, Decimal

_FORM = re.compile(r"(?P<number>[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30}))(?P<unit>[numkMGTPE]|[KMGTPE]i|[eE][+-]?\d{1,2})?", re.ASCII)
_UNITS = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9),
    "T": Decimal(10**12), "P": Decimal(10**15), "E": Decimal(10**18), "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30),
    "Ti": Decimal(2**40), "Pi": Decimal(2**50), "Ei": Decimal(2**60),
}  # fmt: skip
_LARGEST = 2**63 - 1
"""Kubernetes holds no larger one, nor does the table."""


def whole(text: object, *, scale: int = 1) -> int | None:
    """A quantity times `scale`, rounded up as Kubernetes does; None = it is none that Kubernetes could hold."""
    found = _FORM.fullmatch(str(text)) if isinstance(text, str | int) and not isinstance(text, bool) else None
    if found is None:
        return None
    unit = found["unit"] or ""
    factor = Decimal(1) if not unit else _UNITS[unit] if unit in _UNITS else Decimal(f"1{unit}")
    value = (Decimal(found["number"]) * factor * scale).to_integral_value(ROUND_CEILING)
    return int(value) if 0 <= value <= _LARGEST else None


def of_resource(resource: str, text: object) -> int | None:
    """What is asked of a resource: millicores of CPU, else bytes or pieces."""
    return whole(text, scale=1000 if resource == "cpu" else 1)


def exported_name(resource: str) -> str:
    """A resource as kube-state-metrics names it: nvidia.com/gpu → nvidia_com_gpu."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", resource)


__all__ = ["exported_name", "of_resource", "whole"]
