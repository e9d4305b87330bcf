"""Laws of quotas: never below what was asked for, waiting never shrinks one, and an unknown is never idle."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.analysis.loads import Window, load_of
from trimtab.analysis.quota_demand import Counted, QuotaDemand
from trimtab.analysis.quotas import analyze_quota
from trimtab.records import Cluster, ClusterUid, EvidenceFloor, Finding, ProjectUid, Quota

UID = ClusterUid("uid-1")
CLUSTER = Cluster(
    uid=UID, name="one", project_uid=ProjectUid("p"), project="p", cloud="aws", region="us-east-1", state="Running", health="Healthy",
    is_repave_pending=False, tags={}, pools=(),
)  # fmt: skip
START = int(datetime(2026, 7, 1, tzinfo=UTC).timestamp())
DAYS = 15
DAILY = st.lists(st.integers(0, 40), min_size=DAYS, max_size=DAYS)
"""GPUs held at each day's busiest hour."""
LIMITS = st.integers(1, 60)
NODES = st.sampled_from([None, 1, 4, 8])


def demand_of(
    daily: Sequence[int], *, waiting: Sequence[int] = (), unknown: Sequence[int] = (), per_node: int | None = None
) -> QuotaDemand:
    asked = np.repeat(np.array(daily, dtype=np.float64), 24) * 1000
    running, waits = asked.copy(), np.zeros(len(asked))
    for day in waiting:
        asked[day * 24 : day * 24 + 5] += 4000
        waits[day * 24 : day * 24 + 5] += 1
    for day in unknown:
        asked[day * 24] = np.nan
    nothing = Counted(asked=waits * 0, held=waits * 0, with_limits=waits * 0, running=waits * 0, largest=0.0)
    return QuotaDemand(
        times=START + 3600 * np.arange(len(asked), dtype=np.int64), seen=np.ones(len(asked), dtype=np.bool_), cpu=nothing, memory=nothing,
        gpu=Counted(asked=asked, held=asked, with_limits=asked, running=running, largest=1000.0), waiting=waits, gpus_per_node=per_node,
    )  # fmt: skip


def target(found: QuotaDemand, limit: int) -> int:
    """GPUs after the answer; as before where it is no."""
    end = datetime.fromtimestamp(int(found.times[-1]) + 3600, UTC)
    window = Window(now=end + timedelta(hours=3), floor=EvidenceFloor(), is_nonproduction=True)
    quota = Quota(cluster_uid=UID, kind="namespace", name="shop", namespaces=("shop",), gpus=limit)
    (answer,) = analyze_quota(quota, found, cluster=CLUSTER, window=window, currency="USD")
    return int(answer.changes[0].new) if isinstance(answer, Finding) else limit


@settings(deadline=None, max_examples=60)
@given(daily=DAILY, limit=LIMITS, per_node=NODES)
def test_a_smaller_quota_holds_all_that_was_ever_asked_for(daily: list[int], limit: int, per_node: int | None) -> None:
    new = target(demand_of(daily, per_node=per_node), limit)

    assert new >= min(limit, max(daily))
    assert new >= 1


@settings(deadline=None, max_examples=60)
@given(daily=DAILY, limit=LIMITS, per_node=NODES)
def test_one_step_is_a_quarter_or_one_unit(daily: list[int], limit: int, per_node: int | None) -> None:
    new = target(demand_of(daily, per_node=per_node), limit)

    assert abs(new - limit) <= max(limit / 4, per_node or 1)


@settings(deadline=None, max_examples=60)
@given(daily=DAILY, limit=LIMITS, waiting=st.lists(st.integers(0, DAYS - 1), max_size=4))
def test_pods_that_wait_never_shrink_a_quota(daily: list[int], limit: int, waiting: list[int]) -> None:
    assert target(demand_of(daily, waiting=waiting), limit) >= min(limit, target(demand_of(daily), limit))


@settings(deadline=None, max_examples=40)
@given(daily=DAILY, limit=LIMITS, unknown=st.lists(st.integers(0, DAYS - 1), max_size=DAYS))
def test_what_is_not_known_is_never_taken_for_less(daily: list[int], limit: int, unknown: list[int]) -> None:
    """The busiest hour may be the one that is missing; where many are missing there is no answer at all."""
    new = target(demand_of(daily, unknown=unknown), limit)

    assert new >= min(limit, max(daily))


@settings(deadline=None, max_examples=60)
@given(daily=DAILY, low=st.floats(0, 1), more=st.floats(0, 1))
def test_a_larger_margin_never_wants_less(daily: list[int], low: float, more: float) -> None:
    load = load_of(START + 3600 * np.arange(24 * DAYS, dtype=np.int64), np.repeat(np.array(daily, dtype=np.float64), 24))

    assert load.wanted(load.fit, low + more) >= load.wanted(load.fit, low)
