"""Files that are right each for itself may not be together: what is asked of a whole delivery before any of it is written."""

import hashlib
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Table
from decimal import Decimal
from pathlib import Path

from trimtab.errors import BadInput
from trimtab.ports import Ports, Session
from trimtab.sources import staging
from trimtab.sources.mapping import Mapping, Reading
from trimtab.tables import text_literal

ROUNDING = Decimal("0.000000001")
"""How much each amount may be off where amounts must cancel out: AWS writes ten decimals."""


def check_new(path: Path, file: str, seen: dict[bytes, str]) -> None:
    """Raise BadInput for a file that is in the delivery already, under another name; equal rows are charges, equal files are a mistake."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").digest()
    if digest in seen:
        raise BadInput(f"{seen[digest]}, {file}: the same file under two names; its charges would count twice, so leave one out")
    seen[digest] = file


def left_out(reading: Reading, mapping: Mapping, session: Session) -> Iterator[str]:
    """How many of a file's rows are no charges, where the form has such rows."""
    if mapping.keep == "true":
        return
    ((count,),) = session.rows(staging.left_out_sql(reading, mapping))
    if count:
        yield f"{reading.header.file}: left out {count} {mapping.left_out_rows}"


def check_amounts(stages: str, mappings: Iterable[Mapping], session: Session) -> Iterator[str]:
    """Raise BadInput where costs contradict each other, or do not offset each other as they must; say what is only a rounding."""
    seen = [str(word) for (word,) in session.rows(f"SELECT DISTINCT basis FROM ({stages}) WHERE basis IS NOT NULL ORDER BY 1")]
    for mapping in mappings:
        if words := staging.contradiction(mapping, seen):
            raise BadInput(f"the delivery: {words}")
    for period, currency, rest, count in session.rows(staging.not_cancelled_sql(stages)):
        amount, allowed = Decimal(str(rest)), ROUNDING * int(str(count))
        if abs(amount) > allowed:
            raise BadInput(
                f"{period}: usage under a savings plan and its negations differ by {amount.normalize():f} {currency}: "
                "a part of the bill is missing; deliver it whole"
            )
        yield f"{period}: usage under a savings plan and its negations differ by a rounding of {amount.normalize():f} {currency}"


def check_whole(export: str, rows: Table[str, int], session: Session, ports: Ports) -> None:
    """Raise BadInput where files of one month bring a few rows of another, which would take the place of all that the lake has of it.

    Clouds close a file by the hour and not by the month: late rows of June lie in the first files of July.
    """
    if len(rows) == 1 or ports.lake.version("cost") is None:
        return
    for period, count in rows.items():
        files = ports.lake.files("cost", {"x_Export": export, "x_Period": staging.period_slug(period)})
        before = _count(files, session)
        if count * 2 < before:
            raise BadInput(
                f"{export} {period}: {count} rows in these files would replace {before} in the lake; name all files of {period} as well,"
                " or leave out those with its last rows"
            )


def _count(files: list[str], session: Session) -> int:
    if not files:
        return 0
    ((count,),) = session.rows(f"SELECT count(*) FROM read_parquet([{', '.join(text_literal(file) for file in files)}])")
    return int(str(count))
