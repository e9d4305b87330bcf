"""How the sizing policies do on real traces: fitted on the first days of each, judged on the days after, nothing in both."""

import csv
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from trimtab.adapters.demand_trace import read_trace
from trimtab.adapters.duckdb import DuckDb
from trimtab.analysis.backtest import OURS, Backtest, Replay, backtest, bound, total
from trimtab.analysis.demand import Demand

TRACES = Path(__file__).parent / "traces"
HELIOS, BITBRAINS, QUOTAS = "helios_eight_teams_hourly.parquet", "bitbrains_fifty_machines_hourly.parquet", "helios_quotas.csv"
SPLITS = (None, 10, 14, 17, 20, 24)
"""Days to fit on; None = two thirds. The rules were made on the first and are held to all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Traces:
    """Demand per trace, and what each has now; a machine's own size is what it asks for."""

    demands: Mapping[str, Demand]
    quotas: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """All traces at one split."""

    fit_days: int | None
    parts: Mapping[str, Backtest]

    @property
    def together(self) -> Mapping[str, Replay]:
        """Policy → all traces added up."""
        return total(self.parts)

    @property
    def of_hindsight(self) -> float:
        """Our saving as a share of the best one that was only known afterwards."""
        return self.together[OURS].saving / self.together["hindsight"].saving


def traces() -> Traces:
    """Both sets, as demand traces in the project."""
    with tempfile.TemporaryDirectory() as scratch:
        engine = DuckDb(directories=(TRACES.resolve(),), scratch=Path(scratch))
        demands = {**read_trace(engine, TRACES.resolve() / HELIOS), **read_trace(engine, TRACES.resolve() / BITBRAINS)}
    with (TRACES / QUOTAS).open() as file:
        quotas = {row["pool"]: int(row["nodes"]) for row in csv.DictReader(file)}
    return Traces(demands=demands, quotas=quotas)


def run(found: Traces, fit_days: int | None = None, names: Iterable[str] | None = None) -> Run:
    """Every trace that is longer than the fit."""
    chosen = {name: found.demands[name] for name in (names or found.demands)}
    return Run(
        fit_days=fit_days,
        parts={
            name: backtest(demand, nodes=found.quotas.get(name), fit_days=fit_days)
            for name, demand in chosen.items()
            if fit_days is None or fit_days < int(demand.days)
        },
    )


def ours(part: Backtest) -> Replay:
    """Our own row."""
    return next(one for one in part.policies if one.policy == OURS)


def excess(part: Backtest) -> float:
    """Share of the judged steps that our size missed and the current one did not."""
    return (ours(part).missed_steps - part.current.missed_steps) / max(1, part.current.judged_steps)


def is_beaten(rows: Mapping[str, Replay]) -> str:
    """The first policy that misses no more and saves more, or misses less and saves as much; "" = none does."""
    mine = rows[OURS]
    for name, other in rows.items():
        if name in {OURS, "hindsight"}:
            continue
        missed, best = other.violations_per_1000_node_hours, mine.violations_per_1000_node_hours
        if (missed <= best and other.saving > mine.saving) or (missed < best and other.saving >= mine.saving):
            return name
    return ""


def section(found: Traces) -> str:
    """The page's part on sizing."""
    runs = [run(found, fit_days) for fit_days in SPLITS]
    first = runs[0]
    lines = [
        "## Sizing policies",
        "",
        "Eight teams' GPU queues (Helios, Earth cluster, May 2020; capacity = the team's quota in GPUs, demand = running + pending,",
        "so that the quota does not hide what waited) and fifty virtual machines (GWA-T-12 Bitbrains, August 2013; capacity =",
        "provisioned cores, demand = cores in use), as hourly maxima, in units of one GPU or one core",
        "(`tests/accuracy/convert_traces.py`). A size is fitted on the first part of each trace and judged on the rest; no hour is in",
        "both. `trimtab` is the target that the evidence asks for; one change goes a quarter of the way at most, and the next one waits",
        "for its proof. Violations are hours in which the size was too small, per 1,000 node-hours of that size. *Hindsight* is, per",
        "trace, the least constant size that misses no more judged hours than the current one: nobody could know it. What the policies",
        "are is written in `shared/trimtab/analysis/policies.py`; for one trace by hand:",
        f"`trimtab backtest tests/accuracy/traces/{HELIOS} --pool vcJkd --nodes 16`.",
        "",
        f"### All {len(first.parts)} traces, fitted on two thirds",
        "",
        *_table(first.together),
        "",
        f"Our saving is {first.of_hindsight:.0%} of hindsight's. Teams whose demand was over their quota already are kept, because work",
        "that waits may be meant to wait; machines that were cut off at their size grow by at most a quarter where that cures it.",
        "",
        "### By set",
        "",
        *_by_set(found),
        "### Other splits",
        "",
        "| fitted days | traces | capacity now | ours | saving | hindsight | ours of hindsight | violations now | ours | beaten by |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---|",
        *(_split(one) for one in runs),
        "",
        "### Shrunk traces that missed more than before",
        "",
        "The stated bound: n fitted days promise at most 3/n of the time (rule of three, 95 %), and the answer tells it per 1,000",
        "node-hours too. A machine that starts new work after weeks of idling cannot be foreseen; where the target would have missed",
        "judged hours, `trimtab backtest` decides for the first step, a quarter, if that missed none.",
        "",
        "| fitted days | trace | now | ours | share of judged hours missed beyond today's | bound |",
        "|---|---|---:|---:|---:|---:|",
        *(line for one in runs for line in _worse(one)),
    ]
    return "\n".join(lines) + "\n"


def _table(rows: Mapping[str, Replay]) -> list[str]:
    return [
        "| policy | capacity | slack | saving | violations per 1,000 node-hours | hours too small |",
        "|---|---:|---:|---:|---:|---:|",
        *(f"| {name} | {one.nodes:,} | {one.slack:.1%} | {one.saving:.1%} | {_missed(one)} |" for name, one in rows.items()),
    ]


def _missed(one: Replay) -> str:
    return f"{one.violations_per_1000_node_hours:.2f} | {one.missed_steps:,}"


def _by_set(found: Traces) -> list[str]:
    teams = run(found, names=found.quotas)
    machines = run(found, names=[name for name in found.demands if name not in found.quotas])
    lines = []
    for title, one in (("GPU queues", teams), ("Machines", machines)):
        lines += [f"{title} ({len(one.parts)}), ours {one.of_hindsight:.0%} of hindsight:", "", *_table(one.together), ""]
    return lines


def _split(one: Run) -> str:
    rows = one.together
    now, mine, best = rows["current"], rows[OURS], rows["hindsight"]
    missed = f"{now.violations_per_1000_node_hours:.2f} | {mine.violations_per_1000_node_hours:.2f}"
    return (
        f"| {one.fit_days or 'two thirds'} | {len(one.parts)} | {now.nodes} | {mine.nodes} | {mine.saving:.1%} | {best.saving:.1%} "
        f"| {one.of_hindsight:.0%} | {missed} | {is_beaten(rows) or 'none'} |"
    )


def _worse(one: Run) -> list[str]:
    return [
        f"| {one.fit_days or 'two thirds'} | {name} | {_sizes(part)} | {excess(part):.1%} | {bound(part.fitted_days):.1%} |"
        for name, part in one.parts.items()
        if ours(part).nodes < part.current.nodes and excess(part) > 0
    ]


def _sizes(part: Backtest) -> str:
    return f"{part.current.nodes} | {ours(part).nodes}"
