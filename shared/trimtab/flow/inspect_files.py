"""A foreign file, looked at from outside before its rows are read: what ingest of bills and of usage have in common."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trimtab.errors import BadInput
from trimtab.ports import Session
from trimtab.sources.bill_files import (
    Header,
    ParquetShape,
    check_beginning,
    check_gzip,
    check_parquet,
    checked,
    csv_header,
    is_gzip,
    is_parquet,
)
from trimtab.tables import text_literal


def header_of(path: Path, file: str, session: Session) -> Header:
    """The columns of a file that is what its name says, whole, and no bomb. Raises BadInput that names it."""
    with path.open("rb") as stream:
        check_beginning(stream, file)
    if is_parquet(file):
        return _parquet_header(path, file, session)
    if is_gzip(file):
        with path.open("rb") as stream:
            check_gzip(stream, file)
    with path.open("rb") as stream:
        return csv_header(stream, file)


def stage(sql: str, path: Path, file: str, session: Session, *, may_be_empty: bool = False) -> int:
    """Write a file's staged rows, and refuse the file if one of them has a problem, or if there is none; how many."""
    with naming(file):
        rows = session.write(sql, str(path))
    staged = f"FROM read_parquet({text_literal(str(path))})"
    for row, problem in session.rows(f'SELECT "row", problem {staged} WHERE problem IS NOT NULL ORDER BY "row" LIMIT 1'):
        raise BadInput(f"{file}: row {row}: {problem}")
    if not rows and not may_be_empty:
        raise BadInput(f"{file}: a header and no rows; deliver it again, or leave it out")
    return rows


def check_rows(sql: str, expected: int, file: str, session: Session) -> None:
    """Raise BadInput where a file does not have as many data rows as its completion signal says."""
    ((found,),) = session.rows(sql)
    if found != expected:
        raise BadInput(f"{file}: {found} rows, its manifest says {expected}; deliver both again")


@contextmanager
def naming(file: str) -> Iterator[None]:
    """Put the file's name before what is wrong with it."""
    try:
        yield
    except BadInput as error:
        raise type(error)(f"{file}: {error}") from None


def _parquet_header(path: Path, file: str, session: Session) -> Header:
    place = text_literal(str(path))
    with naming(file):
        rows, groups = _numbers(session, f"SELECT num_rows, num_row_groups FROM parquet_file_metadata({place})")
        columns, _ = _numbers(session, f"SELECT count(*), 0 FROM parquet_schema({place}) WHERE coalesce(num_children, 0) = 0")
        size = path.stat().st_size
        shape = ParquetShape(bytes=size, rows=rows, row_groups=groups, columns=columns, uncompressed=0)
        check_parquet(shape, file)
        unpacked, _ = _numbers(session, f"SELECT coalesce(sum(total_uncompressed_size), 0)::BIGINT, 0 FROM parquet_metadata({place})")
        check_parquet(ParquetShape(bytes=size, rows=rows, row_groups=groups, columns=columns, uncompressed=unpacked), file)
        described = session.rows(f"DESCRIBE SELECT * FROM read_parquet({place}, binary_as_string = true, hive_partitioning = false)")
    return checked(Header(file=file, names=tuple(str(row[0]) for row in described), types=tuple(str(row[1]) for row in described)))


def _numbers(session: Session, sql: str) -> tuple[int, int]:
    first, second = session.rows(sql)[0]
    return int(str(first)), int(str(second))
