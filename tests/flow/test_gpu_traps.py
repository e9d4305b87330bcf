"""The traps of GPU metrics, all the way: the exporter's text, our questions, usage rows, the lake, a pool's demand, the advice."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.gpu_loads import (
    DEFAULT_INSTALL,
    LOADS,
    NEW,
    OLD,
    PUBLISHED,
    RECORDED,
    Exporter,
    Load,
    fill,
    load,
    loads,
    open_metrics,
    usage_row,
)
from tests.gpu_pools import A100_80, SHELF
from tests.usage_lake import START, UID, usage_bench
from trimtab.analysis.demand import Demand
from trimtab.analysis.gpu import FIX_CODE, GpuUse, advice, gpu_use
from trimtab.analysis.gpu_facts import GPUS
from trimtab.analysis.rightsize import Answer, analyze
from trimtab.records import Cluster, EvidenceFloor, Finding, Pool, ProjectUid

DAYS = 14
"""What advice on a non-production pool needs."""
IDLE = {"held-idle", "warm-idle"}
GENERATIONS = {"until 4.8": OLD, "from 4.9": NEW}


def demand_of(tmp_path: Path, found: Load, exporter: Exporter, days: int = 1) -> Demand:
    bench = usage_bench(tmp_path)
    fill(bench, usage_row(open_metrics(found, exporter)), days=days, model=found.card)
    demand = bench.usage.demand(UID, "gpu", START, START + timedelta(days=days))
    assert demand is not None
    return demand


def use_of(tmp_path: Path, found: Load, exporter: Exporter | None = None) -> GpuUse:
    return gpu_use(demand_of(tmp_path, found, exporter or Exporter()), 0.95, GPUS.get(found.model))


def advised(tmp_path: Path, found: Load, exporter: Exporter | None = None) -> tuple[Answer, ...]:
    """What is said of a pool of one such card."""
    pool = Pool(cluster_uid=UID, name="gpu", instance_type=A100_80.name, count=1)
    cluster = Cluster(
        uid=UID, name="one", project_uid=ProjectUid("p"), project="p", cloud="gcp", region="us-central1", state="Running",
        health="Healthy", is_repave_pending=False, tags={}, pools=(pool,),
    )  # fmt: skip
    return analyze(
        pool=pool, cluster=cluster, demand=demand_of(tmp_path, found, exporter or Exporter(), DAYS), catalog=SHELF, effective_rate=None,
        now=START + timedelta(days=DAYS, hours=1), floor=EvidenceFloor(), is_nonproduction=True,
    )  # fmt: skip


@pytest.mark.parametrize("names", GENERATIONS.values(), ids=GENERATIONS)
@pytest.mark.parametrize("found", LOADS, ids=lambda found: f"{found.origin}-{found.name}")
def test_a_known_load_is_told_for_what_it_is(tmp_path: Path, found: Load, names: dict[str, str]) -> None:
    assert use_of(tmp_path, found, Exporter(names=names)).state in found.expected


@pytest.mark.parametrize("found", LOADS, ids=lambda found: f"{found.origin}-{found.name}")
def test_on_a_default_install_a_known_load_is_never_called_idler_than_it_is(tmp_path: Path, found: Load) -> None:
    """No SM activity: "any engine busy" is all there is of compute, and power, bus and tensor cores have to do."""
    state = use_of(tmp_path, found, Exporter(without=DEFAULT_INSTALL)).state

    assert state not in IDLE or state in found.expected


def test_one_tiny_kernel_makes_gpu_util_100_and_the_idle_gpu_is_still_seen(tmp_path: Path) -> None:
    """The classic trap: 97 to 100 % on every dashboard, half a percent of the SMs, and a card that draws what it draws at rest."""
    found = load("tiny-kernel")
    assert min(found.signals["presence"]) > 95

    for without in (frozenset(), DEFAULT_INSTALL):
        folder = tmp_path / str(len(without))
        folder.mkdir()
        use = use_of(folder, found, Exporter(without=without))
        assert (use.state, use.idle) == ("held-idle", ("shop/model",))
        assert "Ask its owners to let them go" in advice(use.works[0])


def test_a_warm_replica_with_full_memory_is_not_called_idle_to_be_removed(tmp_path: Path) -> None:
    """The inverse: SM near zero for weeks, 60 GiB loaded. It waits for somebody."""
    answers = advised(tmp_path, load("weights-idle"))

    assert [answer.rule for answer in answers if not isinstance(answer, Finding)].count("warm-idle") == 1
    assert not {answer.rule for answer in answers} & {"held-idle", "gpu-idle"}
    assert not [answer for answer in answers if isinstance(answer, Finding) and not answer.needs_person]


def test_a_card_that_works_is_not_told_to_go(tmp_path: Path) -> None:
    answers = advised(tmp_path, load("matmul"))

    assert not {answer.rule for answer in answers} & {"held-idle", "gpu-idle", "warm-idle", "gpu-sharing", "gpu-schedule"}


def test_a_starved_card_is_said_to_be_the_programs_doing_first(tmp_path: Path) -> None:
    (work,) = use_of(tmp_path, load("stalled-input")).works

    assert FIX_CODE in advice(work)


def test_gpu_util_alone_is_evidence_of_nothing(tmp_path: Path) -> None:
    only = frozenset(set(OLD) - {"presence", "memory_mib"})

    for name in ("matmul", "weights-idle"):
        folder = tmp_path / name
        folder.mkdir()
        assert use_of(folder, load(name), Exporter(without=only)).state == "unknown"


def test_power_alone_shows_work_and_never_rest(tmp_path: Path) -> None:
    only = frozenset(set(OLD) - {"watts"})
    states = {}
    for name in ("matmul", "weights-idle", "tiny-kernel"):
        folder = tmp_path / name
        folder.mkdir()
        states[name] = use_of(folder, load(name), Exporter(without=only)).state

    assert states == {"matmul": "busy", "weights-idle": "unknown", "tiny-kernel": "unknown"}


def test_a_lake_older_than_the_signals_knows_none_of_them(tmp_path: Path) -> None:
    """Its compute and memory still tell rest from a loaded model."""
    found, bench = load("weights-idle"), usage_bench(tmp_path)
    fill(bench, usage_row(open_metrics(found)), days=1, model=found.card)
    bench.forget("gpu_tensor_used_max", "gpu_dram_used_max", "gpu_power_max", "gpu_fp64_used_max", "gpu_link_used_max", "gpu_model")

    demand = bench.usage.demand(UID, "gpu", START, START + timedelta(days=1))

    assert demand is not None
    assert (demand.gpu_tensor_used, demand.gpu_power, demand.gpu_models) == (None, None, frozenset())
    assert gpu_use(demand, 0.95, GPUS[found.model]).state == "warm-idle"


def test_loads_that_nobody_recorded_say_so() -> None:
    """A fixture that was put together must never pass for a measurement."""
    assert {found.origin for found in PUBLISHED} == {"published"}
    assert {found.origin for found in RECORDED} <= {"recorded"}
    assert {found.name for found in LOADS} == {"weights-idle", "tiny-kernel", "decode", "matmul", "stalled-input"}
    assert loads(Path("nowhere.json")) == ()
