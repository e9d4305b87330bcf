"""The estate's drops: the bill and the metrics must agree with each other, with the catalog, and with themselves when made again."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from trimtab.demo.estate.bill import DELIVERED, write_exports
from trimtab.demo.estate.charges import COMMITMENT, covered_cost
from trimtab.demo.estate.clusters import CLUSTERS
from trimtab.demo.estate.deployment import settings
from trimtab.demo.estate.model import AS_OF, END, HOURS, START, nodes
from trimtab.demo.estate.prices import hourly_price
from trimtab.demo.estate.usage import COLUMNS, write_usage
from trimtab.settings import Export
from trimtab.sources.drops import parse_completion
from trimtab.sources.usage import parse_marker
from trimtab.tables import FOCUS_MONEY, FOCUS_QUANTITY, FOCUS_TEXT, FOCUS_TIME


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("estate")
    write_exports(path)
    write_usage(path)
    return path


@pytest.fixture(scope="module")
def lake(root: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as session:
        session.execute(
            f"CREATE VIEW bill AS FROM read_csv('{root}/exports/estate/data/*/*.csv.gz', all_varchar = true, hive_partitioning = false)"
        )
        session.execute(f"CREATE VIEW usage AS FROM read_parquet('{root}/usage/*/history/usage.parquet')")
        yield session


def _one(lake: duckdb.DuckDBPyConnection, sql: str) -> tuple[object, ...]:
    row = lake.execute(sql).fetchone()
    assert row is not None
    return tuple(row)


# ── The whole ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_made_twice_it_is_the_same_to_the_byte(root: Path, tmp_path: Path) -> None:
    """Manifests name absolute paths, so they are compared without them."""
    write_exports(tmp_path)
    write_usage(tmp_path)

    assert _fingerprints(tmp_path) == _fingerprints(root)


def _fingerprints(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes().replace(str(root).encode(), b"")).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_it_stays_small(root: Path) -> None:
    assert sum(path.stat().st_size for path in root.rglob("*") if path.is_file()) < 20_000_000


# ── The bill ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_bill_has_every_focus_column(lake: duckdb.DuckDBPyConnection) -> None:
    names = {row[0] for row in lake.execute("SELECT column_name FROM (DESCRIBE bill)").fetchall()}

    assert names == {*FOCUS_TEXT, *FOCUS_MONEY, *FOCUS_QUANTITY, *FOCUS_TIME}


def test_node_rows_are_node_hours_times_the_list_price(lake: duckdb.DuckDBPyConnection) -> None:
    expected = Decimal(0)
    for cluster in CLUSTERS:
        for node in nodes(cluster):
            expected += hourly_price(node) * int((END - node.joined).total_seconds() // 3600)

    listed = _one(lake, "SELECT sum(ListCost::DECIMAL(38,12)) FROM bill WHERE ServiceSubcategory = 'Virtual Machines'")[0]

    assert listed == expected


def test_billed_and_effective_come_to_the_same_over_the_time(lake: duckdb.DuckDBPyConnection) -> None:
    """A commitment moves cost between rows, never out of the bill."""
    billed, effective = _one(lake, "SELECT sum(BilledCost::DECIMAL(38,12)), sum(EffectiveCost::DECIMAL(38,12)) FROM bill")

    assert billed == effective
    assert Decimal(str(billed)) > 50_000


def test_each_hour_of_the_commitment_is_used_or_said_to_be_unused(lake: duckdb.DuckDBPyConnection) -> None:
    hours = lake.execute(
        "SELECT ChargePeriodStart, sum(BilledCost::DECIMAL(38,12)), sum(EffectiveCost::DECIMAL(38,12)) FROM bill "
        "WHERE CommitmentDiscountId IS NOT NULL GROUP BY 1"
    ).fetchall()

    assert len(hours) == HOURS
    assert {(billed, effective) for _, billed, effective in hours} == {(COMMITMENT, COMMITMENT)}
    assert Decimal(0) < covered_cost() < COMMITMENT


def test_covered_rows_are_billed_nothing_and_cost_less_than_list(lake: duckdb.DuckDBPyConnection) -> None:
    rows = _one(
        lake,
        "SELECT count(*), max(BilledCost::DECIMAL(38,12)), bool_and(EffectiveCost::DECIMAL(38,12) < ListCost::DECIMAL(38,12)), "
        "bool_and(PricingCategory = 'Committed') FROM bill WHERE CommitmentDiscountStatus = 'Used'",
    )

    assert rows == (14 * HOURS, Decimal(0), True, True)


def test_the_bill_has_the_rows_that_belong_to_no_pod(lake: duckdb.DuckDBPyConnection) -> None:
    categories = dict(lake.execute("SELECT ChargeCategory, count(*) FROM bill GROUP BY 1").fetchall())
    services = {row[0] for row in lake.execute("SELECT DISTINCT ServiceName FROM bill").fetchall()}

    assert (categories["Tax"], categories["Credit"]) == (3, 1)
    assert {"Amazon Elastic Kubernetes Service", "Elastic Load Balancing", "Amazon Elastic Block Store", "AWS Data Transfer"} <= services
    assert {"AWS Support (Business)", "Kubernetes Engine", "Amazon Virtual Private Cloud"} <= services


def test_each_service_has_one_category_and_subcategory(lake: duckdb.DuckDBPyConnection) -> None:
    """FOCUS: a ServiceName has exactly one of each."""
    rows = lake.execute(
        "SELECT ServiceName FROM bill GROUP BY 1 HAVING count(DISTINCT ServiceCategory || ServiceSubcategory) > 1"
    ).fetchall()

    assert rows == []


def test_each_row_stays_in_its_billing_period(lake: duckdb.DuckDBPyConnection) -> None:
    outside = _one(
        lake,
        "SELECT count(*) FROM bill WHERE ChargePeriodStart < BillingPeriodStart OR ChargePeriodEnd > BillingPeriodEnd "
        "OR ChargePeriodEnd <= ChargePeriodStart",
    )

    assert outside == (0,)


def test_the_completion_signals_are_ones_that_ingest_accepts(root: Path) -> None:
    exports = [Export.model_validate(export) for export in _listed(settings(root)["exports"])]
    signals = [*sorted(root.rglob("*-Manifest.json")), *sorted(root.rglob("_trimtab_complete.json"))]

    drops = [
        parse_completion(
            path.read_bytes(), f"file://{path}", exports, modified=datetime.fromtimestamp(path.stat().st_mtime, UTC), now=AS_OF
        )
        for path in signals
    ]

    assert [(drop.export, drop.period) for drop in drops] == [
        ("estate", "2026-06"), ("estate", "2026-07"), ("estate", "2026-08"), ("focus-sample", "2024-09"), ("focus-sample", "2024-10"),
    ]  # fmt: skip
    assert {drop.submitted_at for drop in drops[:3]} == {DELIVERED}
    assert all(Path(file.removeprefix("file://")).is_file() for drop in drops for file in drop.files)


def test_the_sample_is_whole_and_each_row_lies_under_its_billing_period(root: Path) -> None:
    """One of its thousand rows is billed in the next month; a period with a foreign row in it would be refused."""
    delivered = {path.parent.name: path.read_bytes().splitlines() for path in root.rglob("focus_sample.csv")}

    assert {name: len(lines) - 1 for name, lines in delivered.items()} == {"period=2024-09": 999, "period=2024-10": 1}


def _listed(value: object) -> list[object]:
    assert isinstance(value, list)
    return value


# ── Usage ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_usage_drops_have_the_tables_columns_and_an_accepted_marker(root: Path, lake: duckdb.DuckDBPyConnection) -> None:
    names = tuple(row[0] for row in lake.execute("SELECT column_name FROM (DESCRIBE usage)").fetchall())
    markers = [parse_marker(path.read_bytes(), f"file://{path}") for path in sorted(root.rglob("_complete.json"))]

    assert names == COLUMNS
    assert {(drop.cluster, drop.cluster_uid) for drop in markers} == {(cluster.cluster.name, cluster.cluster.uid) for cluster in CLUSTERS}
    assert {(drop.start, drop.end) for drop in markers} == {(START, datetime(2026, 8, 2, tzinfo=UTC))}


def test_every_measured_node_hour_is_on_the_bill(lake: duckdb.DuckDBPyConnection) -> None:
    """The join that attribution lives on: the bill's ResourceId ends with the node's provider id."""
    missing = _one(
        lake,
        """SELECT count(*) FROM usage LEFT JOIN (SELECT regexp_extract(ResourceId, '[^/]+$') AS id, ChargePeriodStart::TIMESTAMP AS hour
        FROM bill WHERE ServiceSubcategory = 'Virtual Machines') AS billed ON billed.id = usage.provider_id AND billed.hour = usage.hour
        WHERE usage.pod IS NULL AND usage.asset IS NULL AND billed.id IS NULL""",
    )

    assert missing == (0,)


def test_every_volume_and_load_balancer_of_a_namespace_is_on_the_bill(lake: duckdb.DuckDBPyConnection) -> None:
    rows = lake.execute(
        """SELECT asset, count(DISTINCT provider_id), count(DISTINCT billed.id), bool_and(namespace IS NOT NULL AND node IS NULL) FROM usage
        LEFT JOIN (SELECT DISTINCT regexp_extract(ResourceId, '[^/]+$') AS id FROM bill) AS billed ON billed.id = usage.provider_id
        WHERE asset IS NOT NULL GROUP BY 1 ORDER BY 1"""
    ).fetchall()

    assert rows == [("load-balancer", 2, 2, True), ("volume", 16, 16, True)]


def test_the_cut_gpu_is_asked_for_in_slices_and_some_are_free(lake: duckdb.DuckDBPyConnection) -> None:
    row = _one(
        lake,
        "SELECT max(held), min(held), max(of) FROM (SELECT hour, sum(gpu_shares) AS held, max(gpu_shares_of) AS of FROM usage "
        "WHERE pool = 'slices-a100' AND gpu_sharing = 'mig' GROUP BY 1)",
    )

    assert row == (5, 5, 7)


def test_some_namespaces_say_whose_they_are_by_an_annotation(lake: duckdb.DuckDBPyConnection) -> None:
    rows = lake.execute("SELECT DISTINCT cluster, namespace, annotations FROM usage WHERE annotations <> '{}'").fetchall()

    assert sorted(rows) == [("prod-data", "scratch", '{"owner": "data"}'), ("staging-web", "storefront", '{"owner": "web"}')]


def test_a_pool_without_metrics_is_billed_and_never_measured(lake: duckdb.DuckDBPyConnection) -> None:
    measured = _one(lake, "SELECT count(*) FROM usage WHERE cluster = 'staging-web' AND pool = 'jobs'")
    billed = _one(lake, """SELECT count(*) FROM bill WHERE Tags LIKE '%"staging-web"%' AND Tags LIKE '%"pool": "jobs"%'""")

    assert measured == (0,)
    assert billed == (3 * HOURS,)


def test_pods_never_ask_for_more_than_their_node_has(lake: duckdb.DuckDBPyConnection) -> None:
    over = _one(
        lake,
        """SELECT count(*) FROM (SELECT hour, node, sum(cpu_request) AS cpu, sum(memory_request) AS memory, sum(gpu_request) AS gpu,
        max(cpu_capacity) AS has_cpu, max(memory_capacity) AS has_memory, max(gpu_capacity) AS has_gpu
        FROM usage WHERE node IS NOT NULL GROUP BY ALL) WHERE cpu > has_cpu OR memory > has_memory OR gpu > has_gpu""",
    )

    assert over == (0,)


def test_a_waiting_pod_has_a_request_and_no_node(lake: duckdb.DuckDBPyConnection) -> None:
    waiting = _one(
        lake, "SELECT count(*) > 100, bool_and(node IS NULL AND cpu_used IS NULL AND gpu_request = 1000) FROM usage WHERE pending"
    )

    assert waiting == (True, True)


def test_idle_and_warm_gpus_differ_by_their_memory_alone(lake: duckdb.DuckDBPyConnection) -> None:
    rows = lake.execute(
        "SELECT pool, max(gpu_compute_used_max) < 50, max(gpu_memory_used_max) > 2147483648 FROM usage "
        "WHERE pool IN ('gpu-t4', 'serving') GROUP BY 1 ORDER BY 1"
    ).fetchall()

    assert rows == [("gpu-t4", True, False), ("serving", True, True)]


def test_what_the_trace_did_not_record_is_unknown_and_not_zero(lake: duckdb.DuckDBPyConnection) -> None:
    """Pods without GPUs say nothing about GPUs."""
    assert _one(
        lake, "SELECT count(*) FROM usage WHERE gpu_request = 0 AND (gpu_compute_used IS NOT NULL OR gpu_memory_used_max IS NOT NULL)"
    ) == (0,)


def test_the_hand_scaled_nodes_join_late(lake: duckdb.DuckDBPyConnection) -> None:
    counts = lake.execute(
        "SELECT count(*) FROM usage WHERE cluster = 'staging-web' AND pool = 'web' AND pod IS NULL AND hour IN "
        "(TIMESTAMP '2026-07-20 09:00:00', TIMESTAMP '2026-07-20 10:00:00') GROUP BY hour ORDER BY hour"
    ).fetchall()

    assert counts == [(4,), (6,)]


def test_markers_are_plain_json(root: Path) -> None:
    (marker,) = [json.loads(path.read_text()) for path in root.glob("usage/prod-web-*/history/_complete.json")]

    assert set(marker) == {"cluster_uid", "cluster", "from", "to", "files"}
