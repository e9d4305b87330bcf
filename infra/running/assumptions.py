"""What cannot be measured, because it is a customer's own: each with a default that the command line changes."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal, InvalidOperation

from trimtab.settings import Settings

DAYS = Decimal("30.4")
"""Days of a month."""
HOURS = Decimal(730)
"""Hours of a month, as the clouds bill it."""


def _said(default: str, about: str) -> Decimal:
    made: Decimal = field(default=Decimal(default), metadata={"about": about})
    return made


@dataclass(frozen=True, kw_only=True, slots=True)
class Assumptions:
    """An estate, and how it is used."""

    pods_per_cluster: Decimal = _said("200", "pods of a cluster")
    drops_per_day: Decimal = _said("24", "usage drops of a cluster a day: a collector brings each hour")
    attributions_per_day: Decimal = _said(
        str(24 // Settings().attribute_hours), "times a day that the clock asks for the month under way (`attribute_hours` of the settings)"
    )
    bills_per_day: Decimal = _said("3", "deliveries of the bill a day; each is attributed too")
    proposals_per_cluster: Decimal = _said("0.5", "pull requests per cluster and month")
    webhooks_per_proposal: Decimal = _said("8", "calls of the forge about one of them")
    clicks_per_proposal: Decimal = _said("1", "clicks in the chat about one of them")
    health_calls_per_cluster: Decimal = _said("10", "calls of Palette about a cluster a month")
    notices: Decimal = _said("20", "budget and anomaly notices a month")
    store_ms: Decimal = _said("15", "milliseconds that a function waits for one request to the store; none overlap here")
    call_ms: Decimal = _said("150", "milliseconds that it waits for one call of a forge, Palette or the chat")
    cold_share: Decimal = _said("0.05", "share of calls that start a new process; what runs once an hour or rarer always does")
    platform_log_bytes: Decimal = _said("400", "bytes that the platform itself logs about a call")
    pollers: Decimal = _said("5", "pollers that Lambda keeps at each queue, each asking every 20 seconds")
    kept_months: Decimal = _said("12", "months that the deployment has run: what is kept for good has grown so long")
    image_gb: Decimal = _said("0.4", "gigabytes of a function's image on Google Cloud; three are kept of each")

    def items(self) -> list[tuple[str, Decimal, str]]:
        """(option, value, what it is)."""
        return [(each.name.replace("_", "-"), getattr(self, each.name), str(each.metadata["about"])) for each in fields(self)]


def _number(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value < 0:
        raise argparse.ArgumentTypeError(f"expected a number of 0 or more, got {text!a}")
    return value


def parsed(arguments: Sequence[str]) -> Assumptions:
    """From a command line: every assumption is an option."""
    parser = argparse.ArgumentParser(prog="python -m infra.running", description="Write docs/running-cost.md from what was measured.")
    for option, value, about in Assumptions().items():
        parser.add_argument(f"--{option}", type=_number, default=value, help=about)
    return Assumptions(**vars(parser.parse_args(arguments)))
