"""Alertmanager's webhook: a reason to look at what was merged lately. What it says is never a fact, and goes to the log only."""

import json
from typing import NamedTuple

from trimtab.errors import BadInput

MOST_ALERTS = 1000


class Alerts(NamedTuple):
    """One notification of a group of alerts."""

    is_firing: bool
    names: tuple[str, ...]
    """Of the alerts in it, as their labels say; outside text."""


def parse(body: bytes) -> Alerts:
    """A notification of version 4. Raises BadInput, naming the key, for anything else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise BadInput("alertmanager: not JSON") from None
    if not isinstance(value, dict) or value.get("version") != "4":
        raise BadInput("alertmanager: version: expected a notification of version 4")
    status, alerts = value.get("status"), value.get("alerts")
    if not isinstance(status, str) or status not in {"firing", "resolved"}:
        raise BadInput("alertmanager: status: expected firing or resolved")
    if not isinstance(alerts, list) or len(alerts) > MOST_ALERTS or not all(isinstance(alert, dict) for alert in alerts):
        raise BadInput(f"alertmanager: alerts: expected a list of at most {MOST_ALERTS} objects")
    return Alerts(status == "firing", tuple(sorted({_name(alert) for alert in alerts})))


def _name(alert: dict[str, object]) -> str:
    labels = alert.get("labels")
    name = labels.get("alertname") if isinstance(labels, dict) else None
    return str(name)[:100] if isinstance(name, str) else "unnamed"
