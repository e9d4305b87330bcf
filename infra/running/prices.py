"""List prices, each with where and when it was looked up. Nothing else in this package knows a price."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Literal

Cloud = Literal["aws", "google"]
CLOUDS: tuple[Cloud, Cloud] = ("aws", "google")
FOLDER = Path(__file__).parent / "prices"


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """What so many units cost, before taxes, in US dollars."""

    key: str
    service: str
    price: Decimal
    per: Decimal
    """How many units the price is for."""
    unit: str
    source: str
    looked_up: str
    """YYYY-MM-DD."""
    confirmed: bool
    """False = a page says that it is charged, and none that could be read says how much."""
    free: Decimal = Decimal(0)
    """Units a month that this provider gives every account; counted only where the page says so."""
    note: str = ""

    def of(self, quantity: Decimal) -> Decimal:
        """Dollars for so many units."""
        return quantity * self.price / self.per


def prices(cloud: Cloud) -> Mapping[str, Price]:
    """Key → price. Raises KeyError where one lacks a field."""
    found = json.loads((FOLDER / f"{cloud}.json").read_text(), parse_float=Decimal)
    return {key: _price(key, each) for key, each in found["prices"].items()}


def region(cloud: Cloud) -> str:
    """Where these prices hold."""
    return str(json.loads((FOLDER / f"{cloud}.json").read_text())["region"])


def _price(key: str, each: Mapping[str, object]) -> Price:
    return Price(
        key=key, service=str(each["service"]), price=Decimal(str(each["price"])), per=Decimal(str(each["per"])), unit=str(each["unit"]),
        source=str(each["source"]), looked_up=str(each["looked_up"]), confirmed=each["confirmed"] is True,
        free=Decimal(str(each.get("free", "0"))), note=str(each.get("note", "")),
    )  # fmt: skip
