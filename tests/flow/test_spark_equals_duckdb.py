"""The whole attribution on real executors: every column of every allocated row as DuckDB has it, and what was handed over is finished."""

from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, TypeVar, cast

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from functions.ingest.spark import main
from tests.bills import Estate, Row, estate, governance
from tests.property.test_attribution_laws import allocations, bill_rows, distinct, usage_rows
from tests.spark_cluster import cluster, engine, needs_spark
from trimtab import wiring
from trimtab.demo.estate.bill import write_exports
from trimtab.demo.estate.deployment import settings as estate_settings
from trimtab.demo.estate.usage import write_usage
from trimtab.flow.allocate import allocate
from trimtab.flow.governance import home_governance
from trimtab.flow.ingest import ingest_usage
from trimtab.flow.landed import bill_landed
from trimtab.ports import Ports
from trimtab.records import AllocationRules
from trimtab.settings import Settings
from trimtab.tables import scan

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = needs_spark

Value = TypeVar("Value")
PERIOD = "p-2026-08"
"""The estate's August is two days old: four thousand bill rows, and usage of six clusters."""


@pytest.fixture(scope="module")
def spark() -> "Iterator[SparkSession]":
    with cluster() as session:
        yield session


# ── random estates ───────────────────────────────────────────────────────────────────────────────────────────────────
def drawn(number: int, strategy: st.SearchStrategy[Value]) -> Value:
    """The last of a few values that Hypothesis draws from a seed."""
    found: list[Value] = []

    @seed(number)
    @settings(max_examples=4, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(strategy)
    def keep(value: Value) -> None:
        found.append(value)

    keep()
    return found[-1]


def random_estate(number: int, *, memory_mb: int) -> tuple[Estate, AllocationRules]:
    """Forty bill rows and eight node-hours with their pods: credits, corrections, GPUs, volumes, rows of nobody's."""
    usage = st.lists(usage_rows(), min_size=8, max_size=8).map(distinct)
    cost, used, rules = drawn(number, st.tuples(st.lists(bill_rows(), min_size=40, max_size=40), usage, allocations()))
    print(f"seed {number}: {len(cost)} bill rows, {len(used)} usage rows, {len(rules.shared)} sharing rules, idle {rules.idle}")
    return estate(cost, used, memory_mb=memory_mb), rules


@pytest.mark.parametrize(("number", "memory_mb"), [(1, 512), (3, 0)])
def test_a_random_estate_is_attributed_alike_to_the_last_unit(spark: "SparkSession", tmp_path: Path, number: int, memory_mb: int) -> None:
    """In one step, and day by day: what the first days leave behind in a session, the next ones find."""
    place, rules = random_estate(number, memory_mb=memory_mb)
    options = governance(allocation=rules)
    everything = "SELECT * FROM allocated ORDER BY ALL"

    by_duckdb = place.allocate(options)
    expected: list[Row] = place.rows(everything)
    cast(SimpleNamespace, place.ports).engine = engine(spark, tmp_path)
    by_spark = place.allocate(options)

    assert place.rows(everything) == expected
    assert len(expected) >= 40
    assert replace(by_spark.summary, versions={}) == replace(by_duckdb.summary, versions={})


# ── the estate, handed over ──────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("estate")
    write_exports(root)
    write_usage(root)
    return root


def opened(root: Path, exports: Path, **changes: object) -> Ports:
    """A store of its own over the estate's exports, with the demo's rules."""
    config = str(files("trimtab.demo") / "data" / "gitops" / "trimtab")
    values = estate_settings(exports) | {"store": f"file://{root}", "config_dir": config, **changes}
    settings = Settings.model_validate(values)
    root.mkdir()
    (root / "settings.json").write_text(settings.model_dump_json())
    return wiring.build(settings)


def signal(exports: Path) -> str:
    (manifest,) = exports.glob("exports/estate/metadata/*2026-08*/*-Manifest.json")
    return f"file://{manifest}"


def load_all_usage(ports: Ports, exports: Path) -> None:
    for marker in sorted(exports.glob("usage/*/history/_complete.json")):
        ingest_usage(f"file://{marker}", ports, ports.scratch)


def allocated(ports: Ports) -> list[tuple[object, ...]]:
    with ports.engine.session() as session:
        return session.rows(f"SELECT * FROM ({scan('allocated', ports.lake.files('allocated'))}) ORDER BY ALL")


def test_a_delivery_that_is_too_large_is_finished_by_the_job_with_the_same_rows(
    spark: "SparkSession", exports: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = opened(tmp_path / "small", exports)
    large = opened(tmp_path / "large", exports, spark_above_mb=0, has_spark=True)
    now = wiring.now(small.settings)
    for ports in (small, large):
        load_all_usage(ports, exports)

    assert "4266 rows" in bill_landed(signal(exports), small, small.scratch, now)
    expected = allocate(PERIOD, small, home_governance(small), small.scratch, now)
    assert "left to the Spark job" in bill_landed(signal(exports), large, large.scratch, now)
    assert large.lake.version("cost") is None
    assert main(["--store", large.settings.store]) == 0

    assert f"{expected.exports[0].rows} allocated rows" in capsys.readouterr().out
    assert allocated(large) == allocated(small)
    assert large.documents.find(f"summaries/all/{PERIOD}") == small.documents.find(f"summaries/all/{PERIOD}")
    assert large.inbox.pending("spark") == []
    assert list(large.scratch.glob("spark-*")) == []


def test_a_period_that_nobody_has_a_bill_for_is_said_and_the_job_fails(
    spark: "SparkSession", exports: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ports = opened(tmp_path / "store", exports)

    assert main(["--store", ports.settings.store, "--period", "2020-01"]) == 1

    assert "refused: p-2020-01: no export has a bill for this period" in capsys.readouterr().out
