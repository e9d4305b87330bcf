"""Laws of every finding: what is asked for always fits, and one step is never a leap."""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.adapters.catalog import BundledCatalog
from trimtab.analysis.assembly import UsageRow, from_rows
from trimtab.analysis.backtest import after_one_step
from trimtab.analysis.rightsize import Answer, analyze
from trimtab.records import Cluster, ClusterUid, EvidenceFloor, Finding, Pool, ProjectUid
from trimtab.units import GIB

NOW = datetime(2026, 7, 31, 3, tzinfo=UTC)
END = NOW.replace(hour=0)
UID = ClusterUid("uid-1")
CATALOG = BundledCatalog()
CLUSTER = Cluster(
    uid=UID, name="one", project_uid=ProjectUid("p"), project="p", cloud="aws", region="us-east-1", state="Running", health="Healthy",
    is_repave_pending=False, tags={}, pools=(),
)  # fmt: skip
DAYS = 15


def answers(count: int, pods: list[int], waiting: int, cpu: int) -> tuple[Answer, ...]:
    rows = [
        UsageRow(
            at=int(END.timestamp()) - 3600 * (DAYS * 24 - hour), workload="w", kind="Deployment", pods=pods[hour % len(pods)],
            pending=min(waiting, pods[hour % len(pods)]), cpu_request=cpu, memory_request=GIB, gpu_request=0, cpu_used=0, memory_used=0,
            gpu_compute_used=0, gpu_memory_used=0,
        )
        for hour in range(DAYS * 24)
    ]  # fmt: skip
    demand = from_rows(rows, start=END - timedelta(days=DAYS), end=END, nodes={row.at: float(count) for row in rows})
    pool = Pool(cluster_uid=UID, name="web", instance_type="m5.2xlarge", count=count)
    return analyze(
        pool=pool,
        cluster=CLUSTER,
        demand=demand,
        catalog=CATALOG,
        effective_rate=Decimal("0.3"),
        now=NOW,
        floor=EvidenceFloor(),
        is_nonproduction=True,
    )


shapes = st.tuples(
    st.integers(1, 30), st.lists(st.integers(0, 60), min_size=1, max_size=24), st.integers(0, 3), st.sampled_from([250, 500, 1900, 3000])
)


def _counted(found: tuple[Answer, ...]) -> Finding | None:
    return next((answer for answer in found if isinstance(answer, Finding) and answer.subject.field == "count"), None)


@given(shapes)
@settings(max_examples=60, deadline=None)
def test_no_finding_goes_below_what_is_asked_for(shape: tuple[int, list[int], int, int]) -> None:
    count, pods, _, cpu = shape

    finding = _counted(answers(*shape))

    if finding is not None and finding.nodes_new < count:
        assert finding.nodes_new >= max(1, math.ceil(max(pods) / (7910 // cpu)))
        assert count - finding.nodes_new <= max(1, count // 4)
        assert finding.saving_list.amount > 0


@given(shapes)
@settings(max_examples=40, deadline=None)
def test_growth_at_most_doubles_and_only_where_pods_waited(shape: tuple[int, list[int], int, int]) -> None:
    count, _, waiting, _ = shape

    finding = _counted(answers(*shape))

    if finding is not None and finding.nodes_new > count:
        assert waiting
        assert finding.nodes_new <= 2 * count


@given(shapes, st.integers(1, 10))
@settings(max_examples=40, deadline=None)
def test_more_demand_never_gives_fewer_nodes(shape: tuple[int, list[int], int, int], more: int) -> None:
    count, pods, waiting, cpu = shape

    less, grown = _counted(answers(*shape)), _counted(answers(count, [number + more for number in pods], waiting, cpu))

    assert (grown.nodes_new if grown else count) >= (less.nodes_new if less else count)


@given(st.integers(1, 1000), st.integers(0, 2000))
def test_a_step_never_removes_the_last_node_or_more_than_a_quarter(nodes: int, wanted: int) -> None:
    target = after_one_step(nodes, wanted)

    assert target >= max(1, nodes - max(1, nodes // 4))
    assert target >= min(wanted, nodes)
