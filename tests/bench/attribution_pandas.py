"""Row `attribution-vs-pandas`: the same job as data frames, in time and in memory.

An analyst holds the month in one frame; who runs out of memory loops over days. Both are measured: time counts against the faster
one, memory against the month in one frame, and the loop's memory is told beside it.
"""

from math import isclose
from statistics import median

from tests.bench import month
from tests.bench.attribution_runs import Run, allocate, built, pandas
from tests.bench.results import Measured, Options

BAR, AIM = 1 / 3, 1 / 5
SCALE = 0.2
"""A whole month in one frame would take more memory than most laptops have."""
CLOSE = 1e-6


def measure(options: Options) -> Measured:
    """Ours, the month in one frame and the loop over days, in turns."""
    scale = options.size(SCALE)
    store = built(options, scale)
    runs: dict[str, list[Run]] = {"ours": [], "month": [], "days": []}
    for turn in range(options.repeats):
        options.tell(f"attribution against pandas: turn {turn + 1} of {options.repeats}")
        runs["ours"].append(allocate(store))
        runs["month"].append(pandas(store, options.days))
        runs["days"].append(pandas(store, 1))
    took = {name: median(run.seconds for run in found) for name, found in runs.items()}
    held = {name: max(run.peak_mib for run in found) for name, found in runs.items()}
    time, memory = took["ours"] / min(took["month"], took["days"]), held["ours"] / held["month"]
    return Measured(
        row="attribution-vs-pandas",
        what="the same against the same job in pandas (vectorized, float64, same output); the worse of time and memory",
        value=max(time, memory),
        bar=BAR,
        aim=AIM,
        missed=contradictions(runs),
        detail={
            "scale": scale, "pod_hours": month.size_of(scale, options.days).pod_hours, "repeats": options.repeats,
            "time_ratio": round(time, 3), "memory_ratio": round(memory, 3), "memory_ratio_by_day": round(held["ours"] / held["days"], 3),
            "seconds": {name: round(value, 2) for name, value in took.items()},
            "peak_mib": {name: round(value) for name, value in held.items()},
            "note": "memory is that of attribution, before the rows are committed to the lake: pandas commits nothing",
        },
    )  # fmt: skip


def contradictions(runs: dict[str, list[Run]]) -> tuple[str, ...]:
    """Other rows or other sums on the two sides: then it was not the same job."""
    ours = runs["ours"][0]
    reasons = []
    for name in ("month", "days"):
        theirs = runs[name][0]
        if theirs.rows != ours.rows:
            reasons.append(f"pandas ({name}) wrote {theirs.rows} rows, ours are {ours.rows}")
        reasons += [
            f"{part}: {amount} here, {theirs.found['parts'].get(part)} in pandas ({name})"
            for part, amount in ours.found["parts"].items()
            if not isclose(float(amount), theirs.found["parts"].get(part, 0.0), rel_tol=CLOSE, abs_tol=CLOSE)
        ]
    return tuple(reasons)
