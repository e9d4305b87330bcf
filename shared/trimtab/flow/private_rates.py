"""The rates of private capacity: those of `.trimtab/allocation.yaml`, and after them what the tenant set in Palette.

A period is attributed anew for weeks, and Palette may be away for an hour of them: what it last said is kept, so that nobody's bill
changes because a server was restarted.
"""

from dataclasses import dataclass
from datetime import datetime

from trimtab.errors import BadInput, Refused, Upstream
from trimtab.flow.codec import dump, load
from trimtab.ports import Ports
from trimtab.records import Governance, PrivateRate

KEPT = "palette/private-rates"


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """What Palette said, and when."""

    at: datetime
    rates: tuple[PrivateRate, ...]


def private_rates(ports: Ports, governance: Governance, now: datetime) -> tuple[PrivateRate, ...]:
    """The file's rates first: the first that matches a cluster prices it. Palette states no currency, so its are the configuration's."""
    return (*governance.allocation.rates, *_of_palette(ports, governance.currency, now))


def _of_palette(ports: Ports, currency: str, now: datetime) -> tuple[PrivateRate, ...]:
    if not ports.settings.palette_url:
        return ()
    try:
        rates = ports.palette.private_rates(currency)
    except (BadInput, Refused, Upstream) as error:
        kept = ports.documents.find(KEPT)
        said = load(Kept, kept, KEPT) if kept else None
        ports.log.warning("rates.kept", input=f"{error}; the rates of {said.at:%Y-%m-%d %H:%M} UTC are used" if said else str(error))
        return said.rates if said else ()
    if rates or ports.documents.find(KEPT):
        ports.documents.publish(KEPT, dump(Kept(at=now, rates=rates)))
    return rates
