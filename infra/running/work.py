"""What was measured, and how much of it a month has: events times work."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import Any

from infra.running.assumptions import DAYS, Assumptions
from trimtab.flow.landed import REPLACED_KEPT

MEASURED = Path(__file__).parent / "measured.json"
TREES = Path(__file__).parents[1] / "terraform"
HALF_A_MONTH = Decimal(15)
"""Days that a month under way has on average."""
OLD_VERSIONS = Decimal(7)
"""Days that a bucket keeps what was removed from the lake; `old_versions` in both Terraform trees."""
KEPT = {"inbox": Decimal(3), "done": Decimal(4), "docs": Decimal(1), "lake": (REPLACED_KEPT.days + OLD_VERSIONS) / DAYS}
"""Folder → months that what is put there stays; everything else stays for good. Of the lake it is what was replaced; see `lasting`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """One call of a function, on average."""

    cpu: Decimal
    """Seconds of processor time."""
    gets: Decimal
    puts: Decimal
    """Puts and lists, which cost the same."""
    calls: Decimal
    """Calls of forges, Palette and the chat."""
    messages: Decimal
    """Messages that it puts for us."""
    log_bytes: Decimal
    peak_mib: Decimal
    stored: Mapping[str, Decimal]
    """Folder → bytes put there."""
    is_extrapolated: bool = False

    @property
    def requests(self) -> Decimal:
        """All requests to the store that are waited for."""
        return self.gets + self.puts


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """An event of a month."""

    function: str
    event: str
    times: Decimal
    work: Work


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """The file as it was written by the measuring step."""

    machine: Mapping[str, str]
    imports: Mapping[str, Decimal]
    """Function → seconds of processor time until its handler is imported, without bytecode."""
    resources: Mapping[str, Mapping[str, int]]
    """Cloud → type → how many there are at the defaults."""
    events: Mapping[str, Mapping[int, Work]]
    """Event → size → work. A size counts clusters, or pods where an event is about pods; 0 = it does not matter."""

    def at(self, event: str, size: Decimal) -> Work:
        """Work at a size: on the line through the two measured sizes nearest to it."""
        points = self.events[event]
        sizes = sorted(points)
        if len(sizes) == 1:
            return points[sizes[0]]
        high = next((place for place in sizes[1:] if place >= size), sizes[-1])
        low = sizes[sizes.index(high) - 1]
        share = (size - low) / (high - low)
        return _between(points[low], points[high], share, is_extrapolated=not sizes[0] <= size <= sizes[-1])


def _between(low: Work, high: Work, share: Decimal, *, is_extrapolated: bool) -> Work:
    def mixed(first: Decimal, second: Decimal) -> Decimal:
        return max(Decimal(0), first + (second - first) * share)

    nothing = Decimal(0)
    return Work(
        cpu=mixed(low.cpu, high.cpu),
        gets=mixed(low.gets, high.gets),
        puts=mixed(low.puts, high.puts),
        calls=mixed(low.calls, high.calls),
        messages=mixed(low.messages, high.messages),
        log_bytes=mixed(low.log_bytes, high.log_bytes),
        peak_mib=mixed(low.peak_mib, high.peak_mib),
        stored={folder: mixed(low.stored.get(folder, nothing), high.stored.get(folder, nothing)) for folder in {*low.stored, *high.stored}},
        is_extrapolated=is_extrapolated,
    )


def measured(path: Path = MEASURED) -> Measured:
    """What the measuring step wrote."""
    found = json.loads(path.read_text(), parse_float=Decimal, parse_int=Decimal)
    return Measured(
        machine=found["machine"],
        imports=found["imports"],
        resources={cloud: {kind: int(count) for kind, count in each.items()} for cloud, each in found["resources"].items()},
        events={event: {int(size): _work(each) for size, each in sizes.items()} for event, sizes in found["events"].items()},
    )


def _work(each: Mapping[str, Any]) -> Work:
    return Work(
        cpu=Decimal(each["cpu"]),
        gets=Decimal(each["gets"]),
        puts=Decimal(each["puts"]),
        calls=Decimal(each["calls"]),
        messages=Decimal(each["messages"]),
        log_bytes=Decimal(each["log_bytes"]),
        peak_mib=Decimal(each["peak_mib"]),
        stored={folder: Decimal(size) for folder, size in each["stored"].items()},
    )


def table(cloud: str) -> Mapping[str, Mapping[str, Any]]:
    """functions.json of a tree: what each function gets."""
    found: Mapping[str, Mapping[str, Any]] = json.loads((TREES / cloud / "functions.json").read_text(), parse_int=Decimal)
    return found


def lasting(load: Load, given: Assumptions) -> Decimal:
    """How many of a month's writes to the lake are there for good: the last of each partition, twice as large as what was measured.

    Usage was measured at noon, with half of its day, and an attribution with half of its month.
    """
    last = {"drop": load.times / given.drops_per_day, "attribute": Decimal(1)}
    return 2 * last.get(load.event, Decimal(0))


def loads(clusters: int, of: Measured, given: Assumptions) -> list[Load]:
    """Everything that happens in a month, in the order of the data's way."""
    count = Decimal(clusters)
    webhooks = count * given.proposals_per_cluster * (given.webhooks_per_proposal + given.clicks_per_proposal)
    health = count * given.health_calls_per_cluster
    drops = count * given.drops_per_day * DAYS
    # A delivery of the bill is read once and attributed once; reading is taken for as much work as attributing.
    attributions = (given.attributions_per_day + 2 * given.bills_per_day) * DAYS
    pods = count * given.pods_per_cluster
    hours = 24 * DAYS
    # The measured month is of few clusters, and each has a file a day that is read once.
    attributing = of.at("ingest attribute", pods)
    attributing = replace(attributing, gets=attributing.gets + count * HALF_A_MONTH)
    batch = Decimal(table("aws")["propose"]["batch"])

    def load(function: str, event: str, times: Decimal, size: Decimal = count) -> Load:
        return Load(function=function, event=event, times=times, work=of.at(f"{function} {event}", size))

    return [
        load("receive", "request", webhooks + health),
        load("collect", "tick", hours),
        load("ingest", "tick", hours),
        load("ingest", "drop", drops, given.pods_per_cluster),
        load("ingest", "again", given.attributions_per_day * DAYS),
        Load(function="ingest", event="attribute", times=attributions, work=attributing),
        load("learn", "tick", DAYS),
        load("alert", "tick", hours),
        load("alert", "message", given.notices + attributions),
        load("propose", "plan", DAYS),
        load("propose", "analyze", DAYS * (count / batch).to_integral_value(ROUND_CEILING)),
        load("propose", "open", DAYS),
        load("merge", "message", webhooks),
        load("verify", "tick", 11 * hours),
        load("verify", "hour", hours),
        load("verify", "message", health),
        load("report", "tick", DAYS / 7),
    ]
