"""Seal the day, and anchor the seal where Trimtab can only append."""

from datetime import datetime

from trimtab.ports import Ports


def seal_day(ports: Ports, now: datetime) -> None:
    """Seal all stream heads, and keep the newest seal's root outside the store, where the deployment has such a place.

    Raises Broken where what was anchored before is not what the record says now.
    """
    ports.ledger.seal(f"{now:%Y-%m-%d}", now)
    newest = ports.ledger.newest_seal()
    if ports.anchors is not None and newest is not None:
        ports.anchors.keep(*newest, now)
