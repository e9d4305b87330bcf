"""OpenCost's and Kubecost's `/allocation` and `/assets` answers, checked value by value.

The answer is `{"code": 200, "data": [{name: allocation}, …]}`, one map per step; Kubecost's may have null for an empty step. Numbers are
rounded to 5 decimals by whoever wrote it, and one that could not be worked out is null: unknown here too. Field names as in OpenCost's
core/pkg/opencost/allocation_json.go and asset_json.go.
"""

import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from itertools import pairwise
from typing import Any, NoReturn

from trimtab.errors import BadInput, TooLarge

LIMIT = 256 << 20
"""Bytes of one answer, unpacked."""
IDLE = "__idle__"
COSTS = {
    "cpuCost": "cpuCostAdjustment", "ramCost": "ramCostAdjustment", "gpuCost": "gpuCostAdjustment", "pvCost": "pvCostAdjustment",
    "networkCost": "networkCostAdjustment", "loadBalancerCost": "loadBalancerCostAdjustment",
}  # fmt: skip
"""Cost of each resource, and the field with its correction to the bill."""
ASSETS = ("pvCost", "networkCost", "loadBalancerCost")
"""Those of COSTS that are for no CPU, memory or GPU."""
OTHERS = ("sharedCost", "externalCost")
IDLE_SHARES = ("cpuCostIdle", "gpuCostIdle", "ramCostIdle")
_SPECIAL = re.compile(r"__[a-z-]+__")
_MOST = Decimal(10) ** 18
FIRST_YEAR, LAST_YEAR = 2000, 2200
"""What no time is written as, 0001-01-01, is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Allocation:
    """One entry of an answer: a container, a pod or whatever it was aggregated by, in one step."""

    where: str
    """File, and its name: what an error says."""
    name: str
    start: datetime
    end: datetime
    """When it ran, within its window."""
    window: tuple[datetime, datetime]
    properties: Mapping[str, Any]
    values: Mapping[str, Any]

    @property
    def special(self) -> str | None:
        """`__idle__`, `__unallocated__`, `__unmounted__`: money that belongs to no pod; None = a real one."""
        texts = [*self.name.split("/"), *(value for value in self.properties.values() if isinstance(value, str))]
        return next((text for text in texts if _SPECIAL.fullmatch(text)), None)

    def text(self, key: str) -> str:
        """A property that must be there. Raises BadInput that says how to ask for it."""
        value = self.properties.get(key)
        if not isinstance(value, str) or not value:
            raise BadInput(f"{self.where}: properties.{key} is missing; ask for it without aggregate")
        return value

    def words(self, *keys: str) -> dict[str, str]:
        """Labels or annotations, later ones over earlier ones."""
        found: dict[str, str] = {}
        for key in keys:
            value = self.properties.get(key) or {}
            if not isinstance(value, dict) or not all(isinstance(word, str) for word in value.values()):
                raise BadInput(f"{self.where}: properties.{key}: expected an object of texts")
            found |= value
        return found

    def number(self, key: str) -> Decimal | None:
        """A value of its own; None = it has none, or nobody knew it. Raises BadInput for what is negative or no number."""
        return amount(self.values.get(key), f"{self.where}: {key}")

    def money(self, key: str) -> Decimal:
        """A cost; one that is not there was not charged. Raises BadInput for what is no number; a correction may be negative."""
        return amount(self.values.get(key), f"{self.where}: {key}", may_be_negative=True) or Decimal(0)

    def parts(self, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The entries of `pvs` or `lbAllocations`."""
        value = self.values.get(key) or {}
        if not isinstance(value, dict) or not all(isinstance(part, dict) for part in value.values()):
            raise BadInput(f"{self.where}: {key}: expected an object of objects")
        yield from value.items()


def read_answer(body: bytes, file: str) -> Any:
    """A saved answer as JSON with exact numbers, packed with gzip or not. Raises BadInput, or TooLarge above LIMIT."""
    text = _unpacked(body, file)

    def refuse(constant: str) -> NoReturn:
        raise BadInput(f"{file}: {constant} is no number that JSON knows")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice = next(name for number, (name, _) in enumerate(pairs) if name in dict(pairs[:number]))
            raise BadInput(f"{file}: {twice[:100]!a} stands twice in one object; all but the last would be lost")
        return found

    try:
        document = json.loads(text, parse_float=Decimal, parse_constant=refuse, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{file}: not JSON: {str(error)[:100]}") from None
    code = document.get("code", 200) if isinstance(document, dict) else 200
    if code != 200:
        raise BadInput(f"{file}: it is an answer with code {str(code)[:10]}, not one with data: {str(document.get('message'))[:100]}")
    return document


def is_answer(document: Any) -> bool:
    """Whether it has the form of an answer at all."""
    return isinstance(document, dict) and isinstance(document.get("data"), list | dict)


def allocations(document: Any, file: str) -> list[Allocation]:
    """Every entry of every step, in order. Raises BadInput that names file and allocation."""
    return [_allocation(name, value, file) for name, value in _entries(document, file)]


def refuse_repeats(every: Iterable[Allocation]) -> None:
    """Raise BadInput where the same allocation is said twice for the same time: its cost and time would count twice.

    Steps of one thing may not overlap either: a day's file beside files of its hours says every hour twice.
    """
    ordered = sorted(every, key=lambda each: (each.name, each.window))
    for before, after in pairwise(ordered):
        if before.name == after.name and after.window[0] < before.window[1]:
            raise BadInput(f"{after.where}: said twice for {after.window[0]:%Y-%m-%dT%H:%MZ}; its cost and time would count twice")


def nodes(document: Any, file: str) -> list[Allocation]:
    """The nodes among the assets."""
    return [_allocation(name, value, file, "asset") for name, value in _entries(document, file) if value.get("type") == "Node"]


def amount(value: Any, where: str, *, may_be_negative: bool = False) -> Decimal | None:
    """A number that is finite and, unless said otherwise, not negative. Raises BadInput."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise BadInput(f"{where}: expected a number, got {str(value)[:40]!a}")
    number = Decimal(value)
    if not number.is_finite() or abs(number) > _MOST:
        raise BadInput(f"{where}: {str(value)[:40]} is no usable number")
    if number < 0 and not may_be_negative:
        raise BadInput(f"{where}: it is negative: {str(value)[:40]}")
    return number


def time_of(value: Any, where: str) -> datetime:
    """A time with its zone, as UTC. Raises BadInput."""
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise BadInput(f"{where}: expected a time such as 2026-07-01T00:00:00Z, got {str(value)[:40]!a}") from None
    if at.tzinfo is None:
        raise BadInput(f"{where}: {value} has no time zone")
    if not FIRST_YEAR <= at.year < LAST_YEAR:
        raise BadInput(f"{where}: {value} is no time of a cluster")
    return at.astimezone(UTC)


def _unpacked(body: bytes, file: str) -> bytes:
    if body[:2] == b"\x1f\x8b":
        try:
            with gzip.GzipFile(fileobj=BytesIO(body)) as packed:
                body = packed.read(LIMIT + 1)
        except (OSError, EOFError, zlib.error):
            raise BadInput(f"{file}: it is cut off, or no gzip file") from None
    if len(body) > LIMIT:
        raise TooLarge(f"{file}: larger than {LIMIT >> 20} MiB; ask for fewer hours at a time")
    return body


def _entries(document: Any, file: str) -> Iterator[tuple[str, dict[str, Any]]]:
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, list | dict):
        raise BadInput(f'{file}: expected an answer of /allocation or /assets, {{"code": 200, "data": …}}')
    for number, step in enumerate(data if isinstance(data, list) else [data]):
        if step is None:
            continue
        if not isinstance(step, dict):
            raise BadInput(f"{file}: data[{number}]: expected an object of allocations by name")
        for name, value in step.items():
            if not isinstance(value, dict):
                raise BadInput(f"{file}: data[{number}]: {name[:100]!a}: expected an object")
            yield name, value


def _allocation(name: str, value: dict[str, Any], file: str, kind: str = "allocation") -> Allocation:
    where = f"{file}: {kind} {''.join(letter if letter.isprintable() else '?' for letter in name[:200])}"
    properties, window = value.get("properties"), value.get("window")
    if not isinstance(properties, dict):
        raise BadInput(f"{where}: properties is missing")
    if not isinstance(window, dict):
        raise BadInput(f"{where}: window is missing")
    opens, closes = time_of(window.get("start"), f"{where}: window.start"), time_of(window.get("end"), f"{where}: window.end")
    start, end = time_of(value.get("start", window["start"]), f"{where}: start"), time_of(value.get("end", window["end"]), f"{where}: end")
    if not opens < closes or not opens <= start <= end <= closes:
        raise BadInput(f"{where}: from {start:%Y-%m-%dT%H:%MZ} to {end:%Y-%m-%dT%H:%MZ} is not within its window")
    amount(value.get("minutes"), f"{where}: minutes")
    return Allocation(where=where, name=name, start=start, end=end, window=(opens, closes), properties=properties, values=value)


__all__ = [
    "ASSETS", "COSTS", "IDLE", "IDLE_SHARES", "OTHERS", "Allocation", "allocations", "amount", "is_answer", "nodes", "read_answer",
    "refuse_repeats", "time_of",
]  # fmt: skip
