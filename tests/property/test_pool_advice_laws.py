"""Laws of advice on pools: what it would have missed it never chooses, and knowing less never makes it bolder."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pool_cases import CLUSTER, Shelf, kind, usage
from trimtab.analysis.assembly import UsageRow, from_rows
from trimtab.analysis.demand import Demand
from trimtab.analysis.packing import NodesNeeded, items_of, node_of
from trimtab.analysis.rightsize import Answer, analyze
from trimtab.records import EvidenceFloor, Finding, Pool
from trimtab.units import GIB

END = datetime(2026, 7, 15, tzinfo=UTC)
DAYS = 14
HOURS = DAYS * 24
SHELF = Shelf(
    (
        kind("m5.xlarge", 4000, price="0.20"),
        kind("m5.2xlarge", 8000, price="0.40", spot="0.16", bucket=0),
        kind("m5.4xlarge", 16000, price="0.78"),
        kind("c6i.2xlarge", 8000, price="0.31", memory=16),
        kind("m6a.xlarge", 4000, price="0.11"),
        kind("r6i.xlarge", 4000, price="0.15", memory=32),
        kind("t3.2xlarge", 8000, price="0.05"),
    )
)


@dataclass(frozen=True)
class Story:
    """A pool and what ran on it: pods per hour of each of two workloads, over and over."""

    count: int
    web: tuple[int, ...]
    jobs: tuple[int, ...]
    cpu: int
    memory: int
    used: int
    """Percent of what is asked for that is used."""
    waiting: int
    is_nonproduction: bool


stories = st.builds(
    Story,
    count=st.integers(1, 24),
    web=st.lists(st.integers(0, 20), min_size=1, max_size=12).map(tuple),
    jobs=st.lists(st.integers(0, 6), min_size=1, max_size=5).map(tuple),
    cpu=st.sampled_from([250, 900, 1900, 3500]),
    memory=st.sampled_from([1, 3, 7, 14]),
    used=st.integers(0, 100),
    waiting=st.sampled_from([0, 0, 0, 2]),
    is_nonproduction=st.booleans(),
)


def rows_of(story: Story) -> list[UsageRow]:
    found = []
    for hour in range(HOURS):
        at = int(END.timestamp()) - 3600 * (HOURS - hour)
        for name, kind_of, counts, size in (
            ("shop/web", "Deployment", story.web, story.cpu),
            ("shop/jobs", "Job", story.jobs, 2 * story.cpu),
        ):
            pods = counts[hour % len(counts)]
            asked = {"cpu_request": size, "memory_request": story.memory * GIB}
            used = {"cpu_used": pods * size * story.used / 100, "memory_used": pods * story.memory * GIB * story.used / 100}
            found.append(usage(at, workload=name, kind=kind_of, pods=pods, pending=min(pods, story.waiting), **asked, **used))
    return found


def demand_of(story: Story, rows: list[UsageRow] | None = None) -> Demand:
    given_rows = rows if rows is not None else rows_of(story)
    nodes = {row.at: float(story.count) for row in given_rows}
    found = from_rows(given_rows, start=END - timedelta(days=DAYS), end=END, nodes=nodes)
    assert found is not None
    return found


def answers(story: Story, demand: Demand | None = None) -> tuple[Answer, ...]:
    pool = Pool(cluster_uid=CLUSTER.uid, name="web", instance_type="m5.2xlarge", count=story.count)
    return analyze(
        pool=pool, cluster=CLUSTER, demand=demand or demand_of(story), catalog=SHELF, effective_rate=None, now=END + timedelta(hours=3),
        floor=EvidenceFloor(days_production=DAYS), is_nonproduction=story.is_nonproduction,
    )  # fmt: skip


def found_in(story: Story, demand: Demand | None = None) -> list[Finding]:
    return [answer for answer in answers(story, demand) if isinstance(answer, Finding)]


def counted(story: Story, demand: Demand | None = None) -> int:
    """Nodes that the count lever leaves."""
    return next((finding.nodes_new for finding in found_in(story, demand) if finding.subject.field == "count"), story.count)


@given(stories)
@settings(max_examples=60, deadline=None)
def test_what_takes_away_would_have_carried_every_step(story: Story) -> None:
    demand = demand_of(story)
    types = {kind.name: kind for kind in SHELF.types}

    for finding in found_in(story, demand):
        if finding.saving_list.amount <= 0 or finding.rule == "spot-share":
            continue
        needed = NodesNeeded(items_of(demand), node_of(types[finding.instance_type], demand.overhead))
        spare = 0 if story.is_nonproduction or not demand.runs.any() or finding.subject.field == "capacity_type" else 1
        assert needed.maximum(np.ones(len(needed.steps), dtype=np.bool_)) + spare <= max(finding.nodes_new, 1)
        assert finding.evidence.violations_new == 0


@given(stories)
@settings(max_examples=60, deadline=None)
def test_nothing_saves_more_than_the_pool_costs(story: Story) -> None:
    cost = 730 * story.count * 0.40

    for finding in found_in(story):
        assert float(finding.saving_list.amount) <= cost + 1e-9


@given(stories)
@settings(max_examples=60, deadline=None)
def test_one_edit_is_one_step(story: Story) -> None:
    for finding in found_in(story):
        if finding.needs_person or finding.saving_list.amount <= 0:
            continue
        if finding.subject.field == "count":
            assert story.count - finding.nodes_new <= max(1, story.count // 4)
        if finding.subject.field == "instance_type":
            assert finding.changes[0].new == "m5.xlarge", "one size down in its own family"
            assert finding.nodes_new >= story.count


@given(stories, st.integers(1, 5))
@settings(max_examples=50, deadline=None)
def test_more_of_everything_never_leaves_fewer_nodes(story: Story, more: int) -> None:
    grown = replace(story, web=tuple(pods + more for pods in story.web))

    assert counted(grown) >= counted(story)


@given(stories, st.sampled_from(["cpu_request", "memory_request", "cpu_used", "memory_used", "pending"]))
@settings(max_examples=80, deadline=None)
def test_a_column_that_is_missing_never_makes_advice_bolder(story: Story, name: str) -> None:
    """What pods use is at most what they ask for here, as it is where they have limits."""
    whole = demand_of(story)
    rows = [row._replace(**{name: None}) for row in rows_of(story)]  # type: ignore[arg-type]
    less = demand_of(story, rows)

    assert counted(story, less) >= min(counted(story, whole), story.count)
    bolder = {finding.rule for finding in found_in(story, less)} - {finding.rule for finding in found_in(story, whole)}
    assert not {rule for rule in bolder if rule.startswith(("spot", "instance-type"))}


@given(stories, st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_the_order_of_pods_is_irrelevant(story: Story, random: object) -> None:
    rows = rows_of(story)
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert answers(story, demand_of(story, rows)) == answers(story, demand_of(story, shuffled))


@given(stories)
@settings(max_examples=30, deadline=None)
def test_a_burstable_type_is_never_the_answer(story: Story) -> None:
    assert not [finding for finding in found_in(story) if finding.instance_type.startswith("t3")]
