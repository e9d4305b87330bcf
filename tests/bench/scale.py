"""Row `propose-1000-clusters`: one run over many clusters by its three steps, each invocation inside what the function is deployed with.

Two clusters fail: Palette is broken for one, and nobody delivers the message of another. The end of the run must name both. A tenth of
the clusters is run beside it, so that growth is a ratio of one machine and one hour.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.bench import scale_estate as estate
from tests.bench.results import Measured, Options, Row, Skipped
from tests.bench.scale_world import FUNCTION, Scale, estate_of
from tests.forges.github import description
from trimtab.flow.runs import ANSWERED_WITHIN

CLUSTERS = 1000
FEWEST = 4
GROWTH = 11.0
"""Ten times the clusters may be so many times the work."""
STORE, PALETTE, FORGE = 0.030, 0.100, 0.300
"""Seconds that one request takes where there is a network: everything here answers on loopback."""
CALLS_AN_HOUR, WRITES_A_MINUTE = 5000, 80
"""What GitHub lets one installation do: requests in an hour, and things made in a minute."""
PLANNED, ANALYZED, OPENED = "plan", "analyze", "open"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One step of a run: all of its invocations."""

    name: str
    invocations: tuple[dict[str, Any], ...]
    palette: int
    forge: int
    writes: int

    @property
    def messages(self) -> int:
        """Delivered."""
        return sum(int(each["messages"]) for each in self.invocations)

    @property
    def seconds(self) -> float:
        """All of them, one after the other."""
        return sum(float(each["seconds"]) for each in self.invocations)

    @property
    def busy(self) -> float:
        """Seconds that a processor worked for all of them; what else the machine did is not in it."""
        return sum(float(each["busy"]) for each in self.invocations)

    @property
    def longest(self) -> float:
        """Of one invocation, here."""
        return max(float(each["seconds"]) for each in self.invocations)

    @property
    def longest_with_network(self) -> float:
        """Of one invocation, with its store requests one after the other over a network, and its share of all others."""
        others = (self.palette * PALETTE + self.forge * FORGE) / len(self.invocations)
        alone = (float(each["seconds"]) + STORE * sum(Counter[str](each["store"]).values()) for each in self.invocations)
        return max(alone) + others

    @property
    def with_network(self) -> float:
        """All of them over a network, one after the other."""
        return self.seconds + sum(self.store.values()) * STORE + self.palette * PALETTE + self.forge * FORGE

    @property
    def peak_mib(self) -> float:
        """The most memory that the process ever had."""
        return max(float(each["peak_mib"]) for each in self.invocations)

    @property
    def store(self) -> Counter[str]:
        """Requests by kind."""
        return sum((Counter[str](each["store"]) for each in self.invocations), Counter[str]())


@dataclass(frozen=True, kw_only=True, slots=True)
class Ran:
    """One run over so many clusters."""

    clusters: int
    steps: tuple[Step, ...]
    named: frozenset[str]
    """Clusters that its end says were not analyzed."""
    lost: frozenset[str]
    """Those that had to be."""
    opened: int

    @property
    def answered(self) -> int:
        """Clusters that were analyzed."""
        return self.clusters - len(self.lost)

    def step(self, name: str) -> Step:
        """The step of that name."""
        return next(step for step in self.steps if step.name == name)


def measure(options: Options) -> Row:
    """The row; without GitHub's published description there is no forge to count calls at."""
    if not description.is_installed():
        return Skipped(row="propose-1000-clusters", reason=description.MISSING)
    many = max(2 * FEWEST, round(CLUSTERS * options.size(0.05)))
    few = max(FEWEST, many // 10)
    return row_of(run_over(few, options), run_over(many, options))


def row_of(few: Ran, many: Ran) -> Measured:
    """What was measured, against what the function may take."""
    slowest = max(many.steps, key=lambda step: step.longest_with_network)
    return Measured(
        row="propose-1000-clusters",
        what=f"one run of `propose` over {many.clusters} clusters: its longest invocation, with a network, against its timeout",
        value=slowest.longest_with_network,
        measure="seconds",
        bar=float(FUNCTION["timeout_s"]),
        aim=None,
        missed=tuple(missed(few, many)),
        detail={
            "clusters": many.clusters, "longest step": slowest.name, "opened": many.opened, "named in the end": len(many.named),
            **{step.name: in_words(step) for step in many.steps},
            "growth": {name: round(ratio, 1) for name, ratio in growth(few, many).items()},
        },
    )  # fmt: skip


def in_words(step: Step) -> dict[str, object]:
    """A step's numbers."""
    return {
        "invocations": len(step.invocations), "messages": step.messages, "longest": round(step.longest, 1),
        "longest with a network": round(step.longest_with_network, 1), "processor seconds": round(step.busy, 1),
        "peak MiB": round(step.peak_mib),
        "store requests": sum(step.store.values()), "Palette requests": step.palette, "forge requests": step.forge,
    }  # fmt: skip


def growth(few: Ran, many: Ran) -> dict[str, float]:
    """How many times the work of a tenth of the clusters it is; what every run does once counts on both sides."""
    scale = 10 * few.answered / many.answered
    pairs = {
        "processor seconds": (sum(step.busy for step in few.steps), sum(step.busy for step in many.steps)),
        "store requests": (sum(sum(step.store.values()) for step in few.steps), sum(sum(step.store.values()) for step in many.steps)),
        "Palette requests": (sum(step.palette for step in few.steps), sum(step.palette for step in many.steps)),
        "forge requests": (sum(step.forge for step in few.steps), sum(step.forge for step in many.steps)),
    }
    return {name: scale * more / less for name, (less, more) in pairs.items()}


def missed(few: Ran, many: Ran) -> list[str]:
    """Every limit that is passed, by name."""
    told = [
        f"{step.name}: {step.peak_mib:.0f} MiB, it has {FUNCTION['memory_mb']}"
        for step in many.steps
        if step.peak_mib > FUNCTION["memory_mb"]
    ]
    told += [
        f"{name}: {ratio:.1f} times the work for ten times the clusters" for name, ratio in growth(few, many).items() if ratio > GROWTH
    ]
    if many.named != many.lost:
        told.append(f"named in the end: {sorted(many.named)}, lost: {sorted(many.lost)}")
    if not many.opened:
        told.append("nothing was opened")
    whole = many.step(ANALYZED).with_network
    if whole > ANSWERED_WITHIN.total_seconds():
        told.append(f"all clusters together take {whole:.0f} s to analyze, and a run waits for {ANSWERED_WITHIN.total_seconds():.0f} s")
    calls, writes = sum(step.forge for step in many.steps), sum(step.writes for step in many.steps)
    if calls > CALLS_AN_HOUR or writes > WRITES_A_MINUTE:
        told.append(f"{calls} requests to the forge, {writes} of them make something")
    return told


def run_over(clusters: int, options: Options) -> Ran:
    """One run, from the clock's tick to its end."""
    with estate_of(clusters, options.scratch / f"estate-{clusters}") as scale:
        steps = [_step(scale, PLANNED, ["tick"], options)]
        broken, silent = estate.Number(1), estate.Number(2)
        scale.break_cluster(broken.uid)
        waiting = [key for key in scale.waiting("analyze") if not key.endswith(silent.uid)]
        steps.append(_step(scale, ANALYZED, waiting, options))
        # Hours later what failed is delivered again, and it is too late for it: the run ends.
        late = estate.NOW + ANSWERED_WITHIN + timedelta(minutes=1)
        scale.invoke([key for key in waiting if key.endswith(broken.uid)], late)
        parts = []
        while keys := scale.waiting("open"):
            parts.append(_step(scale, OPENED, keys, options, late))
        steps.append(_together(parts))
        refusals = (scale.state.documents.find(f"runs/{RUN}/refused") or {}).get("refusals")
        named = [row["cluster_uid"] for row in refusals if row["rule"] == "not-analyzed"] if isinstance(refusals, list) else []
        opened = len(scale.github.pull_requests())
        return Ran(clusters=clusters, steps=tuple(steps), named=frozenset(named), lost=frozenset({broken.uid, silent.uid}), opened=opened)


RUN = f"run-{estate.NOW:%Y%m%dt%H%Mz}"


def _step(scale: Scale, name: str, keys: list[str], options: Options, at: datetime = estate.NOW) -> Step:
    palette, forge = sum(scale.palette_requests().values()), len(scale.github.requests)
    invocations = scale.invoke(keys, at)
    asked = scale.github.requests[forge:]
    step = Step(
        name=name,
        invocations=tuple(invocations),
        palette=sum(scale.palette_requests().values()) - palette,
        forge=len(asked),
        writes=sum(request.is_write for request in asked),
    )
    options.tell(f"{name}: {in_words(step)}")
    return step


def _together(parts: list[Step]) -> Step:
    """The parts of an opening as one step."""
    return Step(
        name=OPENED,
        invocations=tuple(each for part in parts for each in part.invocations),
        palette=sum(part.palette for part in parts),
        forge=sum(part.forge for part in parts),
        writes=sum(part.writes for part in parts),
    )
