"""A bill becomes lake rows exactly, or nothing changes: real files, the real SQL engine, a real Delta table."""

import csv
import gzip
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from trimtab.adapters.duckdb import DuckDb
from trimtab.adapters.logs import Quiet
from trimtab.adapters.progress import Silent
from trimtab.adapters.store.buckets import StoreBuckets
from trimtab.adapters.store.lake import DeltaLake
from trimtab.errors import BadInput
from trimtab.flow.ingest import Loaded, ingest_export, ingest_files
from trimtab.ports import Ports, Superseded
from trimtab.records import ExportDrop
from trimtab.settings import Export
from trimtab.sources.focus import MANDATORY
from trimtab.tables import scan
from trimtab.units import Money

SAMPLE = Path(str(files("trimtab.demo") / "data" / "focus_sample_1.0.csv"))
NOW = datetime(2026, 8, 3, 12, tzinfo=UTC)
ANY = Export(name="aws", prefix="/unused", billing_account="*")
Row = dict[str, str]


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    """Real adapters on this disk."""
    scratch = tmp_path / "scratch"
    return cast(
        Ports,
        SimpleNamespace(
            buckets=StoreBuckets(),
            engine=DuckDb(directories=(tmp_path,), scratch=scratch, memory_mb=200),
            lake=DeltaLake(f"file://{tmp_path}/lake", scratch),
            log=Quiet(),
            progress=Silent(),
        ),
    )


def row(**changes: str) -> Row:
    """One FOCUS row of July."""
    values = dict.fromkeys(MANDATORY, "x")
    costs = {"BilledCost": "1.5", "EffectiveCost": "1.25", "ListCost": "2", "ContractedCost": "1.5", "PricingQuantity": "1"}
    times = {
        "BillingPeriodStart": "2026-07-01T00:00:00Z",
        "BillingPeriodEnd": "2026-08-01T00:00:00Z",
        "ChargePeriodStart": "2026-07-01T00:00:00Z",
        "ChargePeriodEnd": "2026-07-01T01:00:00Z",
    }
    return {**values, "BillingAccountId": "000123", "BillingCurrency": "USD", **costs, **times, "Tags": "", "ResourceId": "i-1", **changes}


def write_csv(path: Path, *rows: Row, delimiter: str = ",") -> Path:
    """The rows as CSV, compressed where the name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    body = text.getvalue().encode()
    path.write_bytes(gzip.compress(body) if path.suffix == ".gz" else body)
    return path


def drop(*paths: Path, account: str = "000123", at: datetime = NOW, period: str = "2026-07") -> ExportDrop:
    """A delivery of these files."""
    return ExportDrop(
        export="aws",
        period=period,
        run_id="r1",
        submitted_at=at,
        files=tuple(f"file://{path}" for path in paths),
        sizes=tuple(path.stat().st_size for path in paths),
        form="focus",
        billing_account=account,
    )


def stored(ports: Ports, columns: str) -> list[tuple[object, ...]]:
    """What the cost table holds."""
    with ports.engine.session() as session:
        return session.rows(f'SELECT {columns} FROM ({scan("cost", ports.lake.files("cost"))}) ORDER BY "x_SourceFile", "x_SourceRow"')


def by_hand(ports: Ports, tmp_path: Path, *paths: Path, at: datetime = NOW) -> Mapping[str, Loaded | Superseded]:
    return ingest_files(paths, ANY, ports, tmp_path / "scratch", NOW, at)


# ── what is kept ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_real_sample_sums_to_the_last_digit_and_splits_by_period(ports: Ports, tmp_path: Path) -> None:
    """A thousand real rows; what is billed in the lake is what the file says, with Python's own decimal numbers."""
    expected: dict[str, Decimal] = {}
    for line in csv.DictReader(SAMPLE.open(newline="")):
        period = line["BillingPeriodStart"][:7]
        expected[period] = expected.get(period, Decimal(0)) + Decimal(line["BilledCost"])

    loaded = by_hand(ports, tmp_path, SAMPLE)

    assert {period: each.billed for period, each in loaded.items() if isinstance(each, Loaded)} == {
        period: (Money(amount, "USD"),) for period, amount in expected.items()
    }
    assert len(set(stored(ports, '"x_RowId"'))) == 1000
    assert ports.lake.partitions("cost") == [{"x_Export": "aws", "x_Period": "p-2024-09"}, {"x_Export": "aws", "x_Period": "p-2024-10"}]


def test_ids_keep_their_zeros_unknowns_stay_unknown_and_times_are_utc(ports: Ports, tmp_path: Path) -> None:
    line = row(
        SkuId="00042",
        ListCost="NULL",
        ResourceId="",
        ChargePeriodStart="2026-07-01 02:00:00+02:00",
        ChargePeriodEnd="2026-07-01 01:00:00",
        Tags='{"team": "ml"}',
        BilledCost="1E-12",
    )

    loaded = ingest_export(drop(write_csv(tmp_path / "b.csv", line)), ports, tmp_path / "scratch")

    times = '"ChargePeriodStart"::VARCHAR, "ChargePeriodEnd"::VARCHAR'
    columns = f'"BillingAccountId", "SkuId", "ListCost", "ResourceId", {times}, "Tags", "BilledCost"'
    assert stored(ports, columns) == [
        ("000123", "00042", None, None, "2026-07-01 00:00:00", "2026-07-01 01:00:00", '{"team": "ml"}', Decimal("1E-12"))
    ]
    assert isinstance(loaded, Loaded)
    assert loaded.warnings == ("1 rows have no ListCost: unknown, not zero",)


def test_a_parquet_file_of_doubles_zones_and_maps_gives_the_same_rows_as_csv(ports: Ports, tmp_path: Path) -> None:
    line = row(Tags='{"team":"ml"}', BilledCost="0.1", PricingQuantity="0.3", BillingAccountId="123456")
    source = write_csv(tmp_path / "b.csv", line)
    casts = '"BilledCost"::DOUBLE AS "BilledCost", "PricingQuantity"::DOUBLE AS "PricingQuantity", MAP {\'team\': \'ml\'} AS "Tags"'
    times = ", ".join(f'"{name}"::TIMESTAMPTZ AS "{name}"' for name in ("ChargePeriodStart", "ChargePeriodEnd", "BillingPeriodStart"))
    with ports.engine.session() as session:
        read = f"read_csv('{source}', all_varchar = true)"
        session.write(
            f'SELECT * REPLACE ({casts}, {times}, "BillingAccountId"::BIGINT AS "BillingAccountId") FROM {read}',
            str(tmp_path / "b.parquet"),
        )

    ingest_export(drop(source, account="123456"), ports, tmp_path / "scratch")
    from_csv = stored(ports, '* EXCLUDE ("x_SourceFile")')
    ingest_export(drop(tmp_path / "b.parquet", account="123456", at=NOW + timedelta(seconds=1)), ports, tmp_path / "scratch")

    assert stored(ports, '* EXCLUDE ("x_SourceFile")') == from_csv


def test_equal_rows_stay_apart_and_ids_do_not_depend_on_how_a_delivery_is_cut(ports: Ports, tmp_path: Path) -> None:
    """Providers bill the same line twice and mean it; and they cut files anew on every run."""
    whole = write_csv(tmp_path / "whole.csv", row(), row(), row(ResourceId="i-2"))
    cut = (write_csv(tmp_path / "1.csv", row(ResourceId="i-2"), row()), write_csv(tmp_path / "2.csv.gz", row()))

    ingest_export(drop(whole), ports, tmp_path / "scratch")
    ids = {value for (value,) in stored(ports, '"x_RowId"')}
    ingest_export(drop(*cut, at=NOW + timedelta(seconds=1)), ports, tmp_path / "scratch")

    assert len(ids) == 3
    assert {value for (value,) in stored(ports, '"x_RowId"')} == ids
    assert stored(ports, '"x_SourceFile", "x_SourceRow"') == [("1.csv", 1), ("1.csv", 2), ("2.csv.gz", 1)]


def test_foreign_columns_are_left_out_and_said_own_ones_left_out_in_silence(ports: Ports, tmp_path: Path) -> None:
    loaded = ingest_export(drop(write_csv(tmp_path / "b.csv", row(Id="7", x_Team="ml"))), ports, tmp_path / "scratch")

    assert isinstance(loaded, Loaded)
    assert loaded.warnings == ("b.csv: left out, not FOCUS: Id",)


# ── twice, late, out of order ────────────────────────────────────────────────────────────────────────────────────────
def test_the_same_delivery_twice_is_the_same_lake(ports: Ports, tmp_path: Path) -> None:
    delivery = drop(write_csv(tmp_path / "b.csv", row(), row()))

    first = ingest_export(delivery, ports, tmp_path / "scratch")
    again = ingest_export(delivery, ports, tmp_path / "scratch")

    assert isinstance(first, Loaded)
    assert again == Superseded(NOW)
    assert (ports.lake.version("cost"), len(stored(ports, "1"))) == (first.version, 2)


def test_a_restated_month_replaces_the_old_one_and_an_older_one_does_not(ports: Ports, tmp_path: Path) -> None:
    ingest_export(drop(write_csv(tmp_path / "a.csv", row(), row())), ports, tmp_path / "scratch")
    ingest_export(drop(write_csv(tmp_path / "b.csv", row(BilledCost="-3")), at=NOW + timedelta(hours=1)), ports, tmp_path / "scratch")
    late = ingest_export(drop(write_csv(tmp_path / "c.csv", row()), at=NOW - timedelta(hours=1)), ports, tmp_path / "scratch")

    assert stored(ports, '"BilledCost"') == [(Decimal(-3),)]
    assert late == Superseded(NOW + timedelta(hours=1))


def test_a_file_written_after_its_manifest_waits_for_its_own(ports: Ports, tmp_path: Path) -> None:
    """A manifest has no sizes; without this, half of a delivery could be the next one's."""
    path = write_csv(tmp_path / "b.csv", row())
    early = replace(drop(path, at=datetime.now(UTC) - timedelta(hours=1)), sizes=())

    with pytest.raises(BadInput, match="a newer delivery is under way"):
        ingest_export(early, ports, tmp_path / "scratch")


def test_a_run_from_the_future_is_refused(ports: Ports, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="in the future"):
        by_hand(ports, tmp_path, SAMPLE, at=NOW + timedelta(seconds=1))


# ── what is refused, whole ───────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"BilledCost": "0.1234567890123"}, "BilledCost: '0.1234567890123' is not a number of at most 26 digits before and 12 after"),
        ({"BilledCost": "1e-13"}, "BilledCost: '1e-13'"),
        ({"EffectiveCost": "NaN"}, "EffectiveCost: 'NaN'"),
        ({"EffectiveCost": "inf"}, "EffectiveCost: 'inf'"),
        ({"ListCost": "1e400"}, "ListCost: '1e400'"),
        ({"ListCost": "1_000"}, "ListCost: '1_000'"),
        ({"ListCost": " 1"}, "ListCost: ' 1'"),
        ({"ListCost": "1,5"}, "ListCost: '1,5'"),
        ({"ListCost": "$1"}, "ListCost: '$1'"),
        ({"BilledCost": ""}, "BilledCost: it is empty"),
        ({"BillingCurrency": "NULL"}, "BillingCurrency: it is empty"),
        ({"PricingQuantity": "many"}, "PricingQuantity: 'many' is not a number"),
        ({"ChargePeriodStart": "01/07/2026"}, "ChargePeriodStart: '01/07/2026' is not a time"),
        ({"ChargePeriodStart": "2026-02-30T00:00:00Z"}, "ChargePeriodStart: '2026-02-30T00:00:00Z' is not a time"),
        ({"ChargePeriodEnd": "2026-06-30T00:00:00Z"}, "ChargePeriodEnd: it lies before ChargePeriodStart"),
        ({"Tags": "team=ml"}, "Tags: 'team=ml' is not a JSON object"),
        ({"Tags": "two\nlines"}, "Tags: 'two lines' is not a JSON object"),
        ({"Tags": "[1]"}, "Tags: '[1]' is not a JSON object"),
        ({"BillingAccountId": "123"}, "BillingAccountId: '123' is not the account of this export"),
        ({"BillingPeriodStart": "2026-06-01T00:00:00Z"}, "BillingPeriodStart: '2026-06-01T00:00:00Z' is not of 2026-07"),
        ({"ResourceId": "x" * 70_000}, "ResourceId: it is longer than 65536 bytes"),
    ],
)
def test_one_row_that_cannot_be_read_exactly_refuses_the_delivery(
    ports: Ports, tmp_path: Path, changes: dict[str, str], message: str
) -> None:
    good, bad = write_csv(tmp_path / "a.csv", row()), write_csv(tmp_path / "b.csv.gz", row(), row(**changes), row())

    with pytest.raises(BadInput) as refused:
        ingest_export(drop(good, bad), ports, tmp_path / "scratch")

    assert str(refused.value).startswith(f"b.csv.gz: row 2: {message}")
    assert ports.lake.version("cost") is None


def truncated(path: Path) -> None:
    body = gzip.compress(path.read_bytes())
    path.with_suffix(".csv.gz").write_bytes(body[: len(body) // 2])


def bomb(path: Path) -> None:
    path.with_suffix(".csv.gz").write_bytes(gzip.compress(path.read_bytes() + b"\n" * (40 << 20)))


HARM: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "truncated gz": (truncated, "b.csv.gz", "ends in the middle"),
    "gz bomb": (bomb, "b.csv.gz", "more than 100 times"),
    "wrong delimiter": (lambda path: write_csv(path, row(), delimiter=";"), "b.csv", "delimiter is not a comma"),
    "zero bytes": (lambda path: path.write_bytes(b""), "b.csv", "zero bytes"),
    "header only": (lambda path: path.write_text(path.read_text().splitlines()[0] + "\n"), "b.csv", "a header and no rows"),
    "short row": (lambda path: path.write_text(path.read_text() + "1,2\n"), "b.csv", "line 3: not a row of this CSV: it has 2 columns"),
    "open quote": (lambda path: path.write_text(path.read_text() + '"1,2\n'), "b.csv", "a quote is never closed"),
    "not UTF-8": (lambda path: path.write_bytes(path.read_bytes().replace(b"i-1", b"\xe9")), "b.csv", "it is not UTF-8"),
    "no Parquet": (
        lambda path: path.with_suffix(".parquet").write_bytes(b"PAR1 and nothing else"),
        "b.parquet",
        "not a Parquet file|Invalid",
    ),
}


@pytest.mark.parametrize("harm", HARM)
def test_a_file_that_is_not_whole_is_refused_by_name_and_nothing_is_written(ports: Ports, tmp_path: Path, harm: str) -> None:
    make, name, message = HARM[harm]
    make(write_csv(tmp_path / "b.csv", row()))

    with pytest.raises(BadInput, match=message) as refused:
        ingest_export(drop(write_csv(tmp_path / "a.csv", row()), tmp_path / name), ports, tmp_path / "scratch")

    assert str(refused.value).startswith(name)
    assert "\n" not in str(refused.value)
    assert ports.lake.version("cost") is None
    assert [path for path in (tmp_path / "scratch").iterdir() if path.name.startswith("ingest-")] == []


@pytest.mark.security(27)
@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT 1 AS a FROM range(200_000_000)", "more than 100 times"),
        (f"SELECT {', '.join(f'1 AS c{number}' for number in range(1100))}", "1100 columns"),
        ("SELECT 1 AS a", "no FOCUS 1.0 or 1.2 file"),
        (f"SELECT {', '.join(f'[1] AS {chr(34)}{name}{chr(34)}' for name in MANDATORY)}", "FOCUS has a single value there"),
    ],
)
def test_a_parquet_bomb_and_a_foreign_parquet_file_are_refused(ports: Ports, tmp_path: Path, sql: str, message: str) -> None:
    with ports.engine.session() as session:
        session.write(sql, str(tmp_path / "b.parquet"))

    with pytest.raises(BadInput, match=message):
        ingest_export(drop(tmp_path / "b.parquet"), ports, tmp_path / "scratch")

    assert ports.lake.version("cost") is None


def test_a_file_of_another_size_than_its_marker_says_is_refused(ports: Ports, tmp_path: Path) -> None:
    delivery = drop(write_csv(tmp_path / "b.csv", row()))
    write_csv(tmp_path / "b.csv", row(), row())

    with pytest.raises(BadInput, match="its completion marker says"):
        ingest_export(delivery, ports, tmp_path / "scratch")


# ── files by hand ────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_folder_goes_by_its_manifest(ports: Ports, tmp_path: Path) -> None:
    """An old chunk that still lies there is not part of the month."""
    data = tmp_path / "copy" / "data" / "BILLING_PERIOD=2026-07"
    write_csv(data / "focus-00001.csv.gz", row())
    write_csv(data / "focus-00002.csv.gz", row(BilledCost="999"))
    manifest = tmp_path / "copy" / "metadata" / "BILLING_PERIOD=2026-07" / "focus-Manifest.json"
    manifest.parent.mkdir(parents=True)
    listed = ["s3://acme/exports/focus/data/BILLING_PERIOD=2026-07/focus-00001.csv.gz"]
    manifest.write_text(json.dumps({"executionId": "e", "dataFiles": listed}))

    loaded = by_hand(ports, tmp_path, tmp_path / "copy")["2026-07"]

    assert isinstance(loaded, Loaded)
    assert (loaded.billed, loaded.files) == ((Money(Decimal("1.5"), "USD"),), ("focus-00001.csv.gz",))
    manifest.write_text(json.dumps({"executionId": "e", "dataFiles": [listed[0].replace("00001", "00003")]}))
    with pytest.raises(BadInput, match=r"it lists 'focus-00003\.csv\.gz', which is not in"):
        by_hand(ports, tmp_path, tmp_path / "copy")


def test_two_deliveries_of_one_month_in_a_folder_are_refused(ports: Ports, tmp_path: Path) -> None:
    for execution in ("e1", "e2"):
        manifest = tmp_path / "copy" / "metadata" / "BILLING_PERIOD=2026-07" / execution / "focus-Manifest.json"
        manifest.parent.mkdir(parents=True)
        manifest.write_text("{}")

    with pytest.raises(BadInput, match="more than one delivery of 2026-07"):
        by_hand(ports, tmp_path, tmp_path / "copy")


def test_a_folder_without_a_manifest_is_all_its_bills_and_one_without_bills_is_refused(ports: Ports, tmp_path: Path) -> None:
    write_csv(tmp_path / "bills" / "a.csv", row())
    write_csv(tmp_path / "bills" / "more" / "a.csv", row(BillingPeriodStart="2026-06-01T00:00:00Z"))
    (tmp_path / "bills" / "notes.txt").write_text("x")
    (tmp_path / "empty").mkdir()

    assert list(by_hand(ports, tmp_path, tmp_path / "bills", tmp_path / "bills" / "a.csv")) == ["2026-06", "2026-07"]
    assert stored(ports, '"x_SourceFile"') == [("bills/a.csv",), ("more/a.csv",)]
    with pytest.raises(BadInput, match=r"no manifest and no \.csv"):
        by_hand(ports, tmp_path, tmp_path / "empty")
