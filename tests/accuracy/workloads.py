"""Requests compared: what each formula would have asked for on the older part of the past, held against the newer part.

The peers' formulas are theirs as published, on the same hourly maxima: KRR's `simple` (CPU: 95th percentile; memory: the highest value
and 15 %) and the Vertical Pod Autoscaler's target (90th percentile of a histogram whose weights halve every 24 hours, for memory of daily
peaks, and 15 %). https://github.com/robusta-dev/krr https://github.com/kubernetes/autoscaler
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

from trimtab.analysis.demand import Floats, Ints
from trimtab.analysis.loads import Load, load_of
from trimtab.analysis.requests import CPU_CEILING, LARGEST_CUT, MEMORY_MARGIN, cpu_wanted, memory_wanted
from trimtab.analysis.sizing import newest

TRACE = Path(__file__).parent / "traces" / "bitbrains_fifty_machines_hourly.parquet"
HALF_LIFE_HOURS = 24
GROWTH = 1.05
Formula = Callable[[Load], float]


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestRow:
    """One formula over all pods of one resource."""

    formula: str
    pods: int
    saving: float
    """Share of what is asked for now, over the judged part."""
    violations: float
    """Per 1,000 pod-hours of the judged part."""
    hit: int
    """Pods with at least one."""


def krr_cpu(load: Load) -> float:
    """95th percentile of the fit."""
    return float(np.quantile(load.values[load.fit], 0.95))


def krr_memory(load: Load) -> float:
    """The highest value of the fit and 15 %."""
    return load.highest(load.fit) * 1.15


def vpa_cpu(load: Load) -> float:
    """Target of the recommender; the least is 25 millicores."""
    return max(25.0, _decayed(load.times[load.fit], load.values[load.fit], 10.0) * 1.15)


def vpa_memory(load: Load) -> float:
    """The same over the peaks of the newest eight days; the least is 250 MB."""
    recent = newest(load.fit, load.times, 8)
    day = load.times[recent] // 86400
    days = np.unique(day)
    peaks = np.array([load.values[recent][day == one].max() for one in days])
    return max(250e6, _decayed(days * 86400, peaks, 10e6) * 1.15)


def _decayed(times: Ints, values: Floats, first: float) -> float:
    """Upper end of the bucket in which the 90th weighted percentile falls; buckets grow by 5 %."""
    weights = np.power(2.0, (times - times[-1]) / 3600 / HALF_LIFE_HOURS)
    bucket = np.ceil(np.log(np.maximum(values, first) / first * (GROWTH - 1) + 1) / np.log(GROWTH)).astype(np.int64)
    order = np.argsort(bucket, kind="stable")
    total = np.cumsum(weights[order])
    at = int(bucket[order][np.searchsorted(total, 0.9 * total[-1])])
    return float(first * (GROWTH**at - 1) / (GROWTH - 1))


def ours_cpu(load: Load) -> float:
    """What the evidence asks for, in as many steps as it takes."""
    return cpu_wanted(load, load.fit)


def ours_memory(load: Load) -> float:
    """The same for memory."""
    return memory_wanted(load, load.fit)


CPU_FORMULAS: Mapping[str, Formula] = {"KRR simple (P95)": krr_cpu, "VPA target": vpa_cpu, "trimtab": ours_cpu}


def rows(pods: Sequence[tuple[float, Load]], formulas: Mapping[str, Formula], ceiling: float) -> list[RequestRow]:
    """Every formula and what is asked for now; `pods` are (request now, load). No formula may ask for more than now."""
    found = [_row("asked for now", pods, [request for request, _ in pods], ceiling)]
    for name, formula in formulas.items():
        found.append(_row(name, pods, [min(request, formula(load)) for request, load in pods], ceiling))
    step = [max(min(request, ours), request * (1 - LARGEST_CUT)) for (request, load), ours in zip(pods, _last(pods, formulas), strict=True)]
    return [*found, _row("trimtab, one step", pods, step, ceiling)]


def _last(pods: Sequence[tuple[float, Load]], formulas: Mapping[str, Formula]) -> list[float]:
    return [formulas["trimtab"](load) for _, load in pods]


def _row(name: str, pods: Sequence[tuple[float, Load]], requests: Sequence[float], ceiling: float) -> RequestRow:
    missed = [load.above(ceiling * request, load.judge) for (_, load), request in zip(pods, requests, strict=True)]
    judged = [int(load.judge.sum()) for _, load in pods]
    before = sum(request * hours for (request, _), hours in zip(pods, judged, strict=True))
    after = sum(request * hours for request, hours in zip(requests, judged, strict=True))
    return RequestRow(
        formula=name, pods=len(pods), saving=1 - after / before, violations=1000 * sum(missed) / sum(judged), hit=sum(n > 0 for n in missed)
    )


def machines() -> list[tuple[float, Load]]:
    """The fifty virtual machines as pods of one workload each: (millicores provisioned, hourly maxima)."""
    found = duckdb.execute(
        "SELECT workload, CAST(epoch(timestamp) AS BIGINT), cpu_request * 1000.0, cpu_used * 1000.0 FROM read_parquet($1) ORDER BY 1, 2",
        [str(TRACE)],
    ).fetchnumpy()
    names = found["workload"]
    pods = []
    for name in np.unique(np.asarray(names, dtype=str)):
        mine = np.asarray(names, dtype=str) == name
        times = np.asarray(found[list(found)[1]])[mine].astype(np.int64)
        request, used = (np.asarray(found[list(found)[place]])[mine].astype(np.float64) for place in (2, 3))
        pods.append((float(request[-1]), load_of(times, used)))
    return pods


def section() -> str:
    """The page's part on requests."""
    pods = machines()
    load = pods[0][1]
    lines = [
        "## Requests of workloads",
        "",
        f"Fifty bitbrains machines as pods, hourly maxima of CPU: fitted on {load.fitted_days} days, judged on the {load.judged_days}",
        f"after them (`tests/accuracy/workloads.py`). An hour is violated where the pod used more than {CPU_CEILING:.0%} of its request.",
        "The peers' formulas are applied as published, on the same maxima, and none may ask for more than is asked for now. *One step* is",
        "what one proposal changes: never more than half.",
        "",
        "| formula | pods | CPU asked for less | violated per 1,000 pod-hours | pods ever violated |",
        "|---|---:|---:|---:|---:|",
        *(_line(row) for row in rows(pods, CPU_FORMULAS, CPU_CEILING)),
        "",
        f"Memory is not in this trace: there Trimtab asks for the highest value ever and {MEMORY_MARGIN:.0%}, for growth and for the",
        "volatility of the daily peaks, which is never less than KRR's.",
    ]
    return "\n".join(lines) + "\n"


def _line(row: RequestRow) -> str:
    return f"| {row.formula} | {row.pods} | {row.saving:.1%} | {row.violations:.2f} | {row.hit} |"


if __name__ == "__main__":
    print(section())
