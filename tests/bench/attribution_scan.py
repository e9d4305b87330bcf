"""Row `attribution-vs-scan`: what attribution costs above the least that any engine must do, read the columns and write them."""

from decimal import Decimal

from tests.bench import month
from tests.bench.attribution_runs import Run, allocate, built, scan
from tests.bench.results import Measured, Options
from tests.bench.timing import in_turns, medians

BAR, AIM = 3.0, 2.2
LIMIT_SECONDS = 360
PROBE = 0.05
SIZES = (1.0, 0.5, 0.25, 0.1, 0.05)


def measure(options: Options) -> Measured:
    """A month attributed by day, against its own rows read and written by day, in turns."""
    scale = options.scale or largest_within(options)
    size, store = month.size_of(scale, options.days), built(options, scale)
    ours: list[Run] = []
    floors: list[Run] = []

    def ours_once() -> float:
        ours.append(allocate(store))
        return ours[-1].seconds

    def floor_once() -> float:
        floors.append(scan(store))
        return floors[-1].seconds

    middle = medians(in_turns({"ours": ours_once, "floor": floor_once}, options.repeats))
    return Measured(
        row="attribution-vs-scan",
        what="a month attributed by day, against DuckDB scanning and writing the same columns",
        value=middle["ours"] / middle["floor"],
        bar=BAR,
        aim=AIM,
        missed=contradictions(ours, floors),
        detail={
            "scale": scale, "node_hours": size.node_hours, "pod_hours": size.pod_hours,
            "rows_written": ours[0].rows, "columns": ours[0].columns, "repeats": options.repeats,
            "attribution_seconds": round(middle["ours"], 2), "scan_seconds": round(middle["floor"], 2),
            "commit_seconds": round(ours[-1].told("commit_seconds"), 2), "summary_seconds": round(ours[-1].told("summary_seconds"), 2),
            "attribution_peak_mib": round(max(run.peak_mib for run in ours)), "scan_peak_mib": round(max(run.peak_mib for run in floors)),
        },
    )  # fmt: skip


def contradictions(ours: list[Run], floors: list[Run]) -> tuple[str, ...]:
    """Why the numbers would not count: money lost, other rows on the other side, another answer the second time."""
    reasons = []
    if any(Decimal(difference) for run in ours for difference in run.found["differences"]):
        reasons.append("the parts do not add up to the bill")
    if len({tuple(sorted(run.found["parts"].items())) for run in ours}) != 1:
        reasons.append("the same month was attributed differently twice")
    if {run.rows for run in floors} != {run.rows for run in ours}:
        reasons.append("the scan did not copy the rows that attribution wrote")
    return tuple(reasons)


def largest_within(options: Options) -> float:
    """The largest size whose runs fit the limit on this machine, judged by one small run."""
    store = built(options, PROBE)
    probe, floor = allocate(store), scan(store)
    each = (probe.seconds + probe.told("commit_seconds") + probe.told("summary_seconds") + floor.seconds) / PROBE
    scale = next((size for size in SIZES if each * size * options.repeats <= LIMIT_SECONDS), SIZES[-1])
    options.tell(f"attribution: a full month would take about {each * options.repeats:.0f} s here; measuring at scale {scale}")
    return scale
