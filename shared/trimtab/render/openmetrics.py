"""Cost and savings as OpenMetrics text, for whoever already has a Prometheus. Pure: numbers in, text out.

Amounts are exact decimals, as the summaries have them. https://prometheus.io/docs/specs/om/open_metrics_spec/
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """One gauge."""

    about: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    """The last word of its name, where that is a unit."""


FAMILIES: Mapping[str, Family] = {
    "trimtab_allocated_cost": Family(about="Effective cost that a team's workloads were given.", labels=("team", "period", "currency")),
    "trimtab_unallocated_ratio": Family(
        about="Part of the bill that nobody could be given, 0 to 1; effective cost.", labels=("period", "currency"), unit="ratio"
    ),
    "trimtab_attributed_timestamp_seconds": Family(about="When a period was attributed last.", labels=("period",), unit="seconds"),
    "trimtab_open_proposals": Family(about="Proposals that are not decided, merged or closed.", labels=("state",)),
    "trimtab_promised_monthly_savings": Family(about="What merged changes promised to save a month.", labels=("currency",)),
    "trimtab_realized_monthly_savings": Family(about="What of it the bill has shown since.", labels=("currency",)),
    "trimtab_unmeasured_changes": Family(about="Merged changes of which no bill says yet what they save."),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One value of a family; its labels in the family's order."""

    family: str
    value: Decimal | int
    labels: tuple[str, ...] = ()


def openmetrics(samples: Iterable[Sample]) -> str:
    """The text; families without a sample are left out: what is not known is not zero."""
    by_family: dict[str, list[Sample]] = {name: [] for name in FAMILIES}
    for sample in samples:
        by_family[sample.family].append(sample)
    lines = [line for name, found in by_family.items() if found for line in _family(name, found)]
    return "\n".join([*lines, "# EOF", ""])


def _family(name: str, samples: Sequence[Sample]) -> list[str]:
    family = FAMILIES[name]
    unit = [f"# UNIT {name} {family.unit}"] if family.unit else []
    return [f"# TYPE {name} gauge", *unit, f"# HELP {name} {family.about}", *sorted(_line(sample, family) for sample in samples)]


def _line(sample: Sample, family: Family) -> str:
    labels = ",".join(f'{name}="{_quoted(text)}"' for name, text in zip(family.labels, sample.labels, strict=True))
    value = format(Decimal(sample.value), "f")
    return f"{sample.family}{{{labels}}} {value}" if labels else f"{sample.family} {value}"


def _quoted(text: str) -> str:
    """Control characters and half characters as their codes: a scraper may stop reading at one."""
    whole = "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in text)
    return whole.replace("\\", "\\\\").replace('"', '\\"')
