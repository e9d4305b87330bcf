"""A demand trace on disk: what is wrong with it is said by file, row and column, and nothing is guessed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from trimtab.adapters.demand_trace import read_trace
from trimtab.adapters.duckdb import DuckDb
from trimtab.analysis.demand import Demand
from trimtab.errors import BadInput

START = datetime(2026, 6, 1, tzinfo=UTC)
HEAD = "timestamp,pool,workload,replicas,gpu_request"
ROWS = [f"{(START + timedelta(hours=hour)).isoformat()},p,w,4,1" for hour in range(48)]


def read(folder: Path, *rows: str, head: str = HEAD, name: str = "demand.csv") -> dict[str, Demand]:
    (folder / name).write_text("\n".join([head, *rows]) + "\n")
    return read_trace(DuckDb(directories=(folder,), scratch=folder / "scratch"), folder / name)


def with_row(number: int, row: str) -> list[str]:
    return [*ROWS[: number - 1], row, *ROWS[number:]]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    demand = read(tmp_path, *ROWS)["p"]

    assert demand.pods.tolist() == [[4.0] * 48]
    assert demand.gpu_request[0, 0] == 1000
    assert demand.start == START


def test_csv_and_parquet_with_a_byte_order_mark_or_windows_lines_say_the_same(tmp_path: Path) -> None:
    plain = read(tmp_path, *ROWS)["p"]
    engine = DuckDb(directories=(tmp_path,), scratch=tmp_path / "scratch")
    (tmp_path / "windows.csv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join([HEAD, *ROWS, ""]).encode())
    duckdb.sql(f"COPY (SELECT * FROM '{tmp_path}/demand.csv') TO '{tmp_path}/demand.parquet' (FORMAT parquet)")

    for name in ("windows.csv", "demand.parquet"):
        other = read_trace(engine, tmp_path / name)["p"]
        assert other.pods.tolist() == plain.pods.tolist()
        assert other.times.tolist() == plain.times.tolist()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2026-06-01T04:00:00,p,w,nan,1", "demand.csv row 5: replicas: expected a number or nothing, got 'nan'"),
        ("2026-06-01T04:00:00,p,w,inf,1", "demand.csv row 5: replicas: expected 0 to 1,000,000,000, got inf"),
        ("2026-06-01T04:00:00,p,w,-3,1", "demand.csv row 5: replicas: expected 0 to 1,000,000,000, got -3"),
        ("2026-06-01T04:00:00,p,w,lots,1", "demand.csv row 5: replicas: expected a number or nothing, got 'lots'"),
        ("2026-06-01T04:00:00,p,w,1.5,1", "demand.csv row 5: replicas: expected a whole number"),
        ("2026-06-01T04:00:00,p,w,4,1e300", "demand.csv row 5: gpu_request: expected 0 to 1,000,000,000, got 1e+300"),
        ("yesterday,p,w,4,1", "demand.csv row 5: timestamp: expected ISO 8601 or epoch seconds, got 'yesterday'"),
        (",p,w,4,1", "demand.csv row 5: timestamp: expected ISO 8601 or epoch seconds, got ''"),
        ("1780272000000,p,w,4,1", "demand.csv row 5: timestamp: 1.78027e+12 is no time in epoch seconds; are these milliseconds"),
        ("infinity,p,w,4,1", "demand.csv row 5: timestamp: expected ISO 8601 or epoch seconds, got 'infinity'"),
        ("2026-06-01T04:00:00,p", "demand.csv: line 6: not a row of this CSV: it has 2 columns, the header 5"),
        ("2026-06-01T04:00:00,p,w,4,1,9", "demand.csv: line 6: not a row of this CSV: it has 6 columns, the header 5"),
        ("2026-06-01T03:00:00,p,w,4,1", "demand.csv row 5: says again what row 4 says"),
        ("2099-01-01T00:00:00,p,w,4,1", r"row 5: timestamp: nothing between 2026-06-02 23:00 and 2099-01-01 00:00"),
        ("1970-01-01T00:00:00,p,w,4,1", r"row 5: timestamp: nothing between 1970-01-01 00:00 and 2026-06-01 00:00"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(BadInput, match=message.replace("+", r"\+")):
        read(tmp_path, *with_row(5, row))


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("timestamp,workload,gpu_util", "unknown column 'gpu_util'; known are timestamp"),
        ("workload,replicas", "column 'timestamp' is missing"),
        ("timestamp,replicas", "column 'workload' is missing"),
        ("timestamp,workload,replicas,replicas", "column 'replicas' is there twice"),
        (",".join(f"c{number}" for number in range(10_000)), "unknown column 'c0' and 9,999 more"),
        ("timestamp;workload", "unknown column 'timestamp;workload'"),
        ("timestamp,workload", "no rows"),
        ("", "column 'timestamp' is missing"),
    ],
)
def test_a_bad_header_is_named(tmp_path: Path, head: str, message: str) -> None:
    with pytest.raises(BadInput, match=message) as raised:
        read(tmp_path, head=head)

    assert str(raised.value).startswith("demand.csv: ")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("demand.csv", b"", "the file is empty"),
        ("demand.xlsx", b"x", r"a \.csv or \.parquet file"),
        ("demand.parquet", b"PAR1" + bytes(100), "not a Parquet file"),
        ("demand.csv", bytes(range(256)), "unknown column"),
        ("demand.csv", "timestamp,workload\n2026-06-01,é\n".encode("latin-1"), "line 2: not a row of this CSV: it is not UTF-8"),
    ],
)
def test_a_file_that_is_no_trace_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(BadInput, match=message):
        read_trace(DuckDb(directories=(tmp_path,), scratch=tmp_path / "scratch"), tmp_path / name)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"demand\.csv: no such file"):
        read_trace(DuckDb(directories=(tmp_path,), scratch=tmp_path / "scratch"), tmp_path / "demand.csv")


def test_nan_in_parquet_is_no_way_to_say_unknown(tmp_path: Path) -> None:
    """A number that is none comes of a division by zero; an empty cell is how a trace says that nobody knows."""
    duckdb.sql(
        f"COPY (SELECT TIMESTAMP '2026-06-01' AS timestamp, 'w' AS workload, 'nan'::DOUBLE AS cpu_used) "
        f"TO '{tmp_path}/demand.parquet' (FORMAT parquet)"
    )

    with pytest.raises(BadInput, match="row 1: cpu_used: expected a number or nothing"):
        read_trace(DuckDb(directories=(tmp_path,), scratch=tmp_path / "scratch"), tmp_path / "demand.parquet")


def test_equal_pods_without_a_name_are_several_where_no_row_counts_them(tmp_path: Path) -> None:
    rows = [row.replace(",4,1", ",1") for row in ROWS for _ in range(3)]

    assert read(tmp_path, *rows, head="timestamp,pool,workload,gpu_request")["p"].pods[0, 0] == 3


def test_zones_are_heeded(tmp_path: Path) -> None:
    demand = read(tmp_path, "2026-06-01T02:00:00+02:00,w", "2026-06-01T01:00:00Z,w", "2026-06-01 02:00:00,w", head="timestamp,workload")[""]

    assert demand.start == START
    assert len(demand.times) == 3


def test_the_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    one, other = read(tmp_path, *ROWS)["p"], read(tmp_path, *reversed(ROWS))["p"]

    assert one.pods.tolist() == other.pods.tolist()
