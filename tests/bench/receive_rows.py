"""Rows `receive-cold` and `receive-rps`: what verifying and keeping a request costs above a handler that only keeps it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.clicks import clicks, kept, store_of
from tests.bench.results import Measured, Options
from tests.bench.runtimes import RUNTIMES, WARM_UP, Answered, Drive
from tests.bench.timing import in_turns, medians

REQUESTS = 1000


@dataclass(slots=True)
class Side:
    """One handler, started afresh on a new store each time it is measured."""

    drive: Drive
    handler: str
    folder: Path
    requests: int
    stores: list[Path] = field(default_factory=list)

    def once(self, take: Callable[[Answered], float]) -> float:
        """One process: the number that `take` picks from it."""
        store = store_of(self.folder / f"{len(self.stores):03}")
        self.stores.append(store)
        return take(self.drive(self.handler, store, clicks(self.requests)))

    def lost(self) -> int:
        """Requests that were answered and not kept."""
        return sum(self.requests - kept(store) for store in self.stores)


def cold(options: Options) -> Measured:
    """Fresh process to first 200, per cloud."""
    # What is short scatters: three repeats are nine turns.
    turns = options.repeats * options.repeats
    found = {cloud: _sides(options, "cold", cloud, 1, turns, lambda answered: answered.first) for cloud in RUNTIMES}
    ratios = {cloud: took["ours"] / took["hello"] for cloud, (took, _) in found.items()}
    return Measured(
        row="receive-cold",
        what="fresh process to the first 200 of receive, against a hello that does the same one put; the worse of the two clouds",
        value=max(ratios.values()),
        bar=1.5,
        aim=1.1,
        missed=tuple(reason for _, reasons in found.values() for reason in reasons),
        detail={
            "turns": turns,
            "ratios": {cloud: round(ratio, 3) for cloud, ratio in ratios.items()},
            "milliseconds": {cloud: {side: round(1000 * took[side], 1) for side in took} for cloud, (took, _) in found.items()},
            "runtimes": "awslambdaric against a local runtime API; functions-framework with gunicorn on a local port",
        },
    )


def rate(options: Options) -> Measured:
    """Answers per second, one request after the other on one connection, per cloud."""
    requests = WARM_UP + max(10, round(REQUESTS * options.size()))
    turns = options.repeats * options.repeats
    found = {cloud: _sides(options, "rps", cloud, requests, turns, lambda answered: answered.rate) for cloud in RUNTIMES}
    ratios = {cloud: took["ours"] / took["hello"] for cloud, (took, _) in found.items()}
    return Measured(
        row="receive-rps",
        what="answers per second of receive on file://, against that hello; the worse of the two clouds",
        value=min(ratios.values()),
        bar=0.8,
        aim=0.95,
        is_floor=True,
        missed=tuple(reason for _, reasons in found.values() for reason in reasons),
        detail={
            "requests": requests - WARM_UP,
            "turns": turns,
            "how": "sequential, one connection, every body different, after a warm-up",
            "ratios": {cloud: round(ratio, 3) for cloud, ratio in ratios.items()},
            "answers_per_second": {cloud: {side: round(took[side]) for side in took} for cloud, (took, _) in found.items()},
        },
    )


def _sides(
    options: Options, name: str, cloud: str, requests: int, turns: int, take: Callable[[Answered], float]
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Median of ours and of the hello, and what either side answered without keeping it."""
    options.tell(f"receive-{name}: {cloud}, {turns} turns of {requests} requests")
    drive, ours, hello = RUNTIMES[cloud]
    sides = {
        side: Side(drive, handler, options.scratch / f"receive-{name}" / cloud / side, requests)
        for side, handler in (("ours", ours), ("hello", hello))
    }
    found = medians(in_turns({key: lambda side=side: side.once(take) for key, side in sides.items()}, turns))  # type: ignore[misc]
    lost = tuple(f"{cloud} {key}: {side.lost()} answered requests were not kept" for key, side in sides.items() if side.lost())
    return found, lost
