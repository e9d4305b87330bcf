"""What stands in the place of an amount once cost leaves the deployment: a share, two digits, or nothing. Pure; it works on finished words.

Words of every kind leave: pull requests, cards, alerts, notes, and in them sentences that others' modules made. So a mask reads them as
they will be read, and takes every number that stands beside a currency, by its code or by its sign.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Literal, cast

from trimtab.records import AccessRules, Json

Mode = Literal["none", "shares", "rounded", "hidden"]

_NUMBER = r"\d(?:[\d,'\u00a0\u202f]*\d)?(?:\.\d+)?(?:[eE][+-]?\d+)?"
_CODE = (
    "AED|AFN|ALL|AMD|ANG|AOA|ARS|AUD|AWG|AZN|BAM|BBD|BDT|BGN|BHD|BIF|BMD|BND|BOB|BOV|BRL|BSD|BTN|BWP|BYN|BZD|CAD|CDF|CHE|CHF|CHW|CLF|CLP|"
    "CNY|COP|COU|CRC|CUP|CVE|CZK|DJF|DKK|DOP|DZD|EGP|ERN|ETB|EUR|FJD|FKP|GBP|GEL|GHS|GIP|GMD|GNF|GTQ|GYD|HKD|HNL|HRK|HTG|HUF|IDR|ILS|INR|"
    "IQD|IRR|ISK|JMD|JOD|JPY|KES|KGS|KHR|KMF|KPW|KRW|KWD|KYD|KZT|LAK|LBP|LKR|LRD|LSL|LYD|MAD|MDL|MGA|MKD|MMK|MNT|MOP|MRU|MUR|MVR|MWK|MXN|"
    "MXV|MYR|MZN|NAD|NGN|NIO|NOK|NPR|NZD|OMR|PAB|PEN|PGK|PHP|PKR|PLN|PYG|QAR|RON|RSD|RUB|RWF|SAR|SBD|SCR|SDG|SEK|SGD|SHP|SLE|SLL|SOS|SRD|"
    "SSP|STN|SYP|SZL|THB|TJS|TMT|TND|TOP|TRY|TTD|TWD|TZS|UAH|UGX|USD|USN|UYI|UYU|UZS|VED|VES|VND|VUV|WST|XAF|XCD|XCG|XDR|XOF|XPF|YER|ZAR|"
    "ZMW|ZWG|ZWL"
)
"""ISO 4217: what a bill's currency can be, those that ended lately too."""
_SIGNS: Mapping[str, str] = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}
_AMOUNT = re.compile(
    rf"(?<![\w.])(?P<before>{_NUMBER})(?P<gap>[ \u00a0]?)(?P<after>{_CODE})(?![A-Za-z])"
    rf"|(?<![A-Za-z])(?P<code>{_CODE})[ \u00a0]?(?P<coded>{_NUMBER})(?![\w])"
    rf"|(?P<sign>[$€£¥])[ \u00a0]?(?P<signed>{_NUMBER})"
    rf"|(?P<fact>\bsaving\.[a-z]+ is -?)(?P<bare>{_NUMBER})"
)  # fmt: skip
_HIDDEN = "(amount hidden)"
_DIGITS = 2
_MOST_DIGITS = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Mask:
    """How amounts are shown to whoever reads one place."""

    mode: Mode = "none"
    wholes: Mapping[str, Decimal] = field(default_factory=dict)
    """Currency → what a share is a share of: a month's whole effective cost."""

    @property
    def mark(self) -> str:
        """For comparing texts: another mask, another text; "" where nothing is masked."""
        return "" if self.mode == "none" else self.mode


def mask_of(rules: AccessRules, *, is_public: bool | None, wholes: Mapping[str, Decimal] | None = None) -> Mask:
    """The mask for one place. `is_public`: anybody can read it; None = not known, which counts as yes."""
    if is_public is not False and not rules.public_repos:
        return Mask(mode="hidden")
    return Mask(mode=rules.mask, wholes=wholes or {})


def shows_amounts(text: str) -> bool:
    """True where a mask would have something to do."""
    return _AMOUNT.search(text) is not None


def masked(text: str, mask: Mask) -> str:
    """The text with every amount as the mask shows it."""
    if mask.mode == "none":
        return text
    return _AMOUNT.sub(lambda found: _shown(found, mask), text)


def masked_json(value: Sequence[Json], mask: Mask) -> list[Json]:
    """Blocks of a card with every text in them masked; what a button carries stays as it is."""
    return [cast("Json", _each(block, mask)) for block in value]


def _each(value: object, mask: Mask) -> object:
    if isinstance(value, str):
        return masked(value, mask)
    if isinstance(value, Mapping):
        return {name: inner if name in _NOT_READ else _each(inner, mask) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_each(inner, mask) for inner in value]
    return value


_NOT_READ = frozenset({"value", "action_id", "block_id", "type", "url"})
"""Keys of a block that nobody is shown: ids, and what a button sends back to us."""


def _shown(found: re.Match[str], mask: Mask) -> str:
    if found["fact"]:
        # A policy's fact has no unit beside it, so nothing can stand in its place.
        return found["fact"] + _HIDDEN
    number = found["before"] or found["coded"] or found["signed"]
    currency = found["after"] or found["code"] or _SIGNS[found["sign"]]
    try:
        amount = Decimal(re.sub(r"[,'\u00a0\u202f]", "", number))
    except InvalidOperation:
        return _HIDDEN
    if abs(amount.adjusted()) > _MOST_DIGITS:
        # No bill says that; a foreign name may, and its zeros would fill the memory.
        return _HIDDEN
    if mask.mode == "rounded":
        return f"{_rounded(amount)} {currency}"
    whole = mask.wholes.get(currency)
    if mask.mode == "shares" and whole is not None and whole > 0:
        return f"{_share(amount / whole)} of the bill"
    return _HIDDEN


def _rounded(amount: Decimal) -> str:
    """Two digits that say the size, and no more: 1,241 is 1,200, and 0.0371 is 0.037."""
    if not amount:
        return "0"
    rounded = round(amount, _DIGITS - 1 - amount.adjusted())
    return f"{rounded:,.0f}" if rounded == rounded.to_integral_value() else f"{rounded.normalize():f}"


def _share(share: Decimal) -> str:
    """Two digits of a percentage."""
    percent = 100 * share
    return "0%" if not percent else "under 0.1%" if percent < Decimal("0.1") else f"{_rounded(percent)}%"
