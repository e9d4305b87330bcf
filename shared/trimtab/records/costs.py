"""Cost: deliveries, sums that tie to the bill, the outlook, notices, and what a change saved."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from trimtab.records.names import BillForm, ExportPart, Measure, ProposalId
from trimtab.units import Money


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """One series of a range query."""

    labels: Mapping[str, str]
    points: tuple[tuple[int, float], ...]
    """(seconds since 1970, value), oldest first; what is not measured has no point."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportDrop:
    """A complete delivery of one billing export for one period: what its completion signal says."""

    export: str
    """Slug of the configured export."""
    period: str
    """YYYY-MM."""
    run_id: str
    submitted_at: datetime
    files: tuple[str, ...]
    """Object URLs, all under the export's own prefix."""
    sizes: tuple[int, ...] = ()
    """Bytes of each file, where the signal says them; () = it does not."""
    rows: tuple[int, ...] = ()
    """Data rows of each file, where the signal says them; () = it does not."""
    part: ExportPart = "all"
    form: BillForm | None
    """None = each file's header says it."""
    billing_account: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Reconciliation:
    """Promise 1 as numbers: the four parts of one currency, and the bill they must equal."""

    currency: str
    measure: Measure
    billed: Decimal
    allocated: Decimal
    idle: Decimal
    unallocated: Decimal
    not_kubernetes: Decimal

    @property
    def difference(self) -> Decimal:
        """Parts minus bill; anything but zero is a bug and closes nothing."""
        return self.allocated + self.idle + self.unallocated + self.not_kubernetes - self.billed

    @property
    def unallocated_share(self) -> Decimal | None:
        """Of what was billed, 0 to 1; None = nothing was, or more came back than was paid."""
        return self.unallocated / self.billed if self.billed > 0 else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """What a month will have cost when it is over; what is known of it is exact, the rest is estimated."""

    month: str
    """YYYY-MM."""
    as_of: date
    """The last day that counted as known."""
    since: date
    """First day of the month that is in the total: later than the 1st only where the series began later."""
    spent: Decimal
    """The month's known days."""
    total: Decimal
    low: Decimal
    high: Decimal
    level: float
    """How often the total should fall between low and high, 0 to 1."""
    method: str
    estimated_days: int
    missing_days: int
    """Of the estimated days, those that are over and have no value: unknown, not zero."""
    trials: int
    """How often every method was tried on this series' own past."""
    errors: tuple[tuple[str, float], ...]
    """Method → mean absolute error of a day in those trials, as a share of a usual day; best first."""
    coverage: float | None
    """How often the interval held in those trials; None = too few to say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NoForecast:
    """An expected "no": why nothing is said about a month."""

    month: str
    as_of: date
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Contribution:
    """One part's share of a day's surprise; None = it has too short a past to say what was expected of it."""

    name: str
    change: Decimal | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Anomaly:
    """A day that cost what no such weekday did before."""

    day: date
    since: date
    """First day of the run of unusual days that this one belongs to: one surprise is told once."""
    expected: Decimal
    actual: Decimal
    score: float
    """How many usual deviations apart they are; negative = less than expected."""
    contributions: tuple[Contribution, ...] = ()
    """Largest first, unknown ones last."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetNotice:
    """A cloud says that a budget passed, or is forecast to pass, a threshold."""

    source: Literal["aws", "gcp", "azure", "trimtab"]
    """trimtab = our own anomaly detection."""
    budget: str
    """Stable id where the source has one, else its name."""
    name: str
    period: str
    """Start of the budget's interval as the source says it; "" where it says none."""
    kind: Literal["actual", "forecast", "anomaly"]
    """An anomaly's `budget` is its stable id, its `budgeted` what was expected."""
    threshold: Decimal | None
    """Share of the budget, 0.9 = 90 %; None = a heartbeat, or the source did not say it in a form we can read."""
    amount: Decimal | None
    budgeted: Decimal | None
    currency: str | None
    raw: str
    is_heartbeat: bool = False
    """True = the source reports regularly and no threshold is crossed: nothing to tell."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a merged change really did, against what it promised."""

    proposal: ProposalId
    is_applied: bool
    is_healthy: bool | None
    """None = the metrics cannot say; never taken for health."""
    promised: Money
    measured: Money | None
    days: int
    notes: tuple[str, ...] = ()
    members: tuple["Outcome", ...] = ()
    """Of each change, in the proposal's own order, where several came together; () = there was one."""
