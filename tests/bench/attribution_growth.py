"""Row `attribution-growth`: ten times the nodes, so ten times the rows of every day, the hard direction for work that goes by day."""

from statistics import median

from tests.bench import month
from tests.bench.attribution_runs import Run, allocate, built
from tests.bench.attribution_scan import largest_within
from tests.bench.results import Measured, Options

BAR = 11.0
MOST_MIB = 2048
FACTOR = 10


def measure(options: Options) -> Measured:
    """A month and a tenth of it, in turns; the commit to the lake and the summaries count too."""
    scale = options.scale or largest_within(options)
    sizes = {"large": month.size_of(scale, options.days), "small": month.size_of(scale / FACTOR, options.days)}
    stores = {name: built(options, each) for name, each in (("large", scale), ("small", scale / FACTOR))}
    runs: dict[str, list[Run]] = {"small": [], "large": []}
    for turn in range(options.repeats):
        for name in ("small", "large"):
            options.tell(f"attribution growth: turn {turn + 1} of {options.repeats}, {name}")
            runs[name].append(allocate(stores[name]))
    took = {name: median(whole(run) for run in found) for name, found in runs.items()}
    total = {name: max(run.told("total_peak_mib") for run in found) for name, found in runs.items()}
    grown = sizes["large"].pod_hours / sizes["small"].pod_hours
    missed = (f"total memory is {total['large']:.0f} MiB, over {MOST_MIB}",) if total["large"] > MOST_MIB else ()
    return Measured(
        row="attribution-growth",
        what="ten times the rows: factor of time; and total memory at most 2 GiB",
        value=took["large"] / took["small"] * FACTOR / grown,
        bar=BAR,
        aim=None,
        missed=missed,
        detail={
            "scale": scale, "rows_factor": round(grown, 2), "repeats": options.repeats,
            "pod_hours": {name: size.pod_hours for name, size in sizes.items()},
            "seconds": {name: round(value, 2) for name, value in took.items()},
            "attribution_peak_mib": {name: round(max(run.peak_mib for run in found)) for name, found in runs.items()},
            "total_peak_mib": {name: round(value) for name, value in total.items()},
        },
    )  # fmt: skip


def whole(run: Run) -> float:
    """Seconds of attribution, commit and summaries."""
    return run.seconds + run.told("commit_seconds") + run.told("summary_seconds")
