"""The meters of the functions themselves, as a table: which log line is counted, or measured, under which name.

A cloud makes them of the lines that are written anyway: CloudWatch of a copy in its embedded format, Cloud Logging by filters over the
fields. So no meter says what no line says, and nothing outside this table can become one.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Literal

Unit = Literal["Count", "Seconds", "Percent"]
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
"""What a label may be; whoever could choose others could make thousands of meters, which cost money each."""
OTHER = "other"


@dataclass(frozen=True, kw_only=True, slots=True)
class Meter:
    """One name that graphs and alarms know."""

    name: str
    about: str
    event: str
    """Lines of this event are looked at."""
    when: Mapping[str, str] = field(default_factory=dict)
    """Fields that such a line must have so."""
    value: str = ""
    """The field that is measured; "" = lines are counted."""
    unit: Unit = "Count"
    by: tuple[str, ...] = ()
    """Fields that it is told apart by."""


METERS = (
    Meter(
        name="WakesRefused", about="events that no retry makes better, ended with their reason", event="wake.finished",
        when={"result": "refused"}, by=("function",),
    ),
    Meter(name="WakesFailed", about="tries that failed; the queue delivers again", event="wake.failed", by=("function",)),
    Meter(
        name="WakeSeconds", about="how long an event took that was served to the end; its sample count is how many were",
        event="wake.finished", when={"result": "done"}, value="seconds", unit="Seconds", by=("function",),
    ),
    Meter(
        name="OldestWaitingSeconds", about="age of the oldest inbox item that nobody finished, told by the hourly sweep",
        event="inbox.swept", value="oldest_seconds", unit="Seconds",
    ),
    Meter(name="ProposalsOpened", about="pull requests that were opened", event="proposal", when={"kind": "opened"}),
    Meter(name="ProposalsMerged", about="proposals that were merged, by us or by a person", event="proposal", when={"kind": "merged"}),
    Meter(
        name="ProposalsRefused", about="proposals that everybody had said yes to, and that were not merged", event="proposal",
        when={"kind": "refused"},
    ),
    Meter(name="ProposalsRejected", about="proposals that a person turned down", event="proposal", when={"kind": "rejected"}),
    Meter(name="ProposalsRolledBack", about="merged changes that were undone", event="proposal", when={"kind": "rolled-back"}),
    Meter(name="FindingsRefused", about="findings that a run did not open", event="finding.refused"),
    Meter(name="AlertsTold", about="alerts that reached somebody", event="alert", when={"kind": "told"}),
    Meter(
        name="UnallocatedPercent", about="part of a period's effective cost that nobody could be given", event="period.published",
        value="unallocated_percent", unit="Percent", by=("period", "currency"),
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What one line says of one meter."""

    meter: Meter
    value: float
    labels: Mapping[str, str]


def readings(event: str, values: Mapping[str, object]) -> Iterator[Reading]:
    """What a line says of the meters that are made of it."""
    for meter in METERS:
        if meter.event == event and all(values.get(name) == wanted for name, wanted in meter.when.items()):
            value = values.get(meter.value) if meter.value else 1
            if isinstance(value, int | float) and isfinite(value):
                yield Reading(meter=meter, value=float(value), labels={name: _plain(values.get(name)) for name in meter.by})


def _plain(value: object) -> str:
    return value if isinstance(value, str) and PLAIN.fullmatch(value) else OTHER


def log_filters() -> dict[str, dict[str, object]]:
    """The same for Cloud Logging: name → filter, unit, and what is read out of a line; what infra/terraform/modules/gcp_meters makes."""
    return {meter.name: _filter(meter) for meter in METERS}


def _filter(meter: Meter) -> dict[str, object]:
    asked = {"event": meter.event, **meter.when}
    return {
        "about": meter.about,
        "filter": " AND ".join(f'jsonPayload.{name}="{wanted}"' for name, wanted in asked.items()),
        "value": f"EXTRACT(jsonPayload.{meter.value})" if meter.value else None,
        "unit": {"Count": "1", "Seconds": "s", "Percent": "%"}[meter.unit],
        "labels": {name: f"EXTRACT(jsonPayload.{name})" for name in meter.by},
    }
