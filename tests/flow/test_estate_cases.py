"""What the rightsizer says of the estate's pools: each pool is there for one answer, and a change of data must not lose it."""

import pytest

from tests.estate_lake import estate_usage
from trimtab.adapters.catalog import BundledCatalog
from trimtab.analysis.demand import Demand
from trimtab.analysis.rightsize import Answer, analyze
from trimtab.demo.estate.clusters import CLUSTERS
from trimtab.demo.estate.model import AS_OF, END, START, EstateCluster, EstatePool
from trimtab.records import EvidenceFloor, Finding, Refusal


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Answer, ...]]:
    usage = estate_usage(tmp_path_factory.mktemp("cases"))
    return {
        f"{cluster.cluster.name}/{pool.pool.name}": _answers(cluster, pool, usage.demand(cluster.cluster.uid, pool.pool.name, START, END))
        for cluster in CLUSTERS
        for pool in cluster.pools
    }


def _answers(cluster: EstateCluster, pool: EstatePool, demand: Demand | None) -> tuple[Answer, ...]:
    return analyze(
        pool=pool.pool, cluster=cluster.cluster, demand=demand, catalog=BundledCatalog(), effective_rate=None, now=AS_OF,
        floor=EvidenceFloor(), is_nonproduction=cluster.cluster.project != "production",
    )  # fmt: skip


def _only(answers: tuple[Answer, ...]) -> Finding:
    (finding,) = (answer for answer in answers if isinstance(answer, Finding))
    return finding


def _findings(answers: tuple[Answer, ...]) -> list[tuple[str, tuple[tuple[str, str, str], ...]]]:
    return [
        (answer.rule, tuple((change.field, change.old, change.new) for change in answer.changes))
        for answer in answers
        if isinstance(answer, Finding)
    ]


def _refusals(answers: tuple[Answer, ...]) -> set[str]:
    return {answer.rule for answer in answers if isinstance(answer, Refusal)}


def test_the_oversized_development_pool_shrinks(answers: dict[str, tuple[Answer, ...]]) -> None:
    assert _findings(answers["dev-sandbox/general"]) == [("node-count-down", (("count", "8", "6"),))]


def test_the_autoscalers_floor_comes_down_with_its_count(answers: dict[str, tuple[Answer, ...]]) -> None:
    """On EKS count must equal min, so both change in one edit."""
    assert _findings(answers["prod-web/platform"]) == [("autoscaler-min-down", (("min", "6", "5"), ("count", "6", "5")))]


def test_the_stateless_batch_pool_may_run_on_spot(answers: dict[str, tuple[Answer, ...]]) -> None:
    assert _findings(answers["prod-web/batch"]) == [("spot", (("capacity_type", "on-demand", "spot"),))]


def test_the_pool_whose_queue_waits_grows_to_what_is_pending_and_says_so(answers: dict[str, tuple[Answer, ...]]) -> None:
    """A queue can wait, so it gets neither a margin nor twice the nodes."""
    assert _findings(answers["prod-data/train-a100"]) == [("node-count-up", (("count", "6", "8"),))]
    lines = _only(answers["prod-data/train-a100"]).evidence.lines
    assert [line for line in lines if "waited for a place" in line and "training/finetune" in line and "up to 2 at once" in line]


def test_the_idle_gpu_pool_gives_what_nobody_asked_for_and_its_holders_are_asked(answers: dict[str, tuple[Answer, ...]]) -> None:
    assert _findings(answers["dev-sandbox/gpu-t4"]) == [("gpu-idle", (("count", "4", "3"),))]
    assert "held-idle" in _refusals(answers["dev-sandbox/gpu-t4"])
    assert _only(answers["dev-sandbox/gpu-t4"]).evidence.lines[0].startswith("At most 2 of its 4 GPUs were asked for")


def test_what_the_collectors_read_of_budgets_and_volumes_is_no_longer_unknown(answers: dict[str, tuple[Answer, ...]]) -> None:
    """The last day has it from nobody: what the drops said the day before still stands."""
    findings = [answer for each in answers.values() for answer in each if isinstance(answer, Finding)]

    assert findings
    assert [unknown for finding in findings for unknown in finding.unknowns if "PodDisruptionBudgets" in unknown] == []
    assert _only(answers["dev-sandbox/general"]).disruption == ()
    assert any("gpu-notebook has a local volume" in line for line in _only(answers["dev-sandbox/gpu-t4"]).disruption)


def test_a_budget_that_lets_nothing_go_stops_the_oversized_pool(answers: dict[str, tuple[Answer, ...]]) -> None:
    """Six nodes for a load of three, and one workload on them that a drain could never move."""
    (no,) = answers["prod-data/workers"]

    assert isinstance(no, Refusal)
    assert (no.rule, "warehouse/warehouse allows no disruption" in no.reason) == ("budget-full", True)


def test_the_warm_inference_pool_is_never_called_idle(answers: dict[str, tuple[Answer, ...]]) -> None:
    assert "warm-idle" in _refusals(answers["prod-ml/serving"])
    assert "held-idle" not in _refusals(answers["prod-ml/serving"])
    assert _findings(answers["prod-ml/serving"]) == []


def test_the_pool_without_metrics_gets_no_advice(answers: dict[str, tuple[Answer, ...]]) -> None:
    assert _refusals(answers["staging-web/jobs"]) == {"metrics-missing"}


@pytest.mark.parametrize(
    "pool", ["prod-web/web", "prod-ml/train-h100", "prod-ml/system", "staging-ml/gpu-l4", "staging-ml/cpu", "dev-sandbox/builders"]
)
def test_a_pool_of_the_right_size_is_kept(answers: dict[str, tuple[Answer, ...]], pool: str) -> None:
    assert _findings(answers[pool]) == []
    assert _refusals(answers[pool]) & {"fits", "fits-tightly"}


def test_the_pool_of_one_cut_gpu_is_not_sized_by_whole_gpus(answers: dict[str, tuple[Answer, ...]]) -> None:
    """Three pods on five slices are less than one GPU; its one node stays."""
    assert _findings(answers["prod-data/slices-a100"]) == []
