"""A bill arrived: check every file, normalize it exactly, replace its period in the lake as a whole, or change nothing.

Files are copied to scratch first, and only the copies are looked at; the one effect is the commit at the end.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from trimtab.errors import BadInput
from trimtab.flow.bills_on_disk import chosen, short_names
from trimtab.flow.check_delivery import check_amounts, check_new, check_whole, left_out
from trimtab.flow.ingest_usage import UsageLoaded, ingest_usage
from trimtab.flow.inspect_files import check_rows, header_of, stage
from trimtab.flow.overlap import check_apart
from trimtab.ports import Ports, Session, Superseded, Watched
from trimtab.records import BillForm, ExportDrop, ExportPart, Json
from trimtab.settings import Export
from trimtab.sources import forms, staging
from trimtab.sources.mapping import Mapping, Reading
from trimtab.tables import text_literal
from trimtab.units import MONEY_SCALE, Money

__all__ = ["Loaded", "UsageLoaded", "ingest_export", "ingest_files", "ingest_usage"]

NEWER_THAN_ITS_SIGNAL = timedelta(minutes=1)
"""How much later than its signal a file may seem to be written; stores and copies round their times."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """A period of an export as it is in the lake now."""

    export: str
    period: str
    """YYYY-MM."""
    rows: int
    files: tuple[str, ...]
    billed: tuple[Money, ...]
    """Sum of BilledCost per currency, exact."""
    version: int
    """Of the cost table."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Bill:
    """Files of one export on this disk, and what all their rows must agree with."""

    export: str
    account: str
    period: str | None
    run_id: str
    submitted_at: datetime
    files: tuple[tuple[str, Path], ...]
    """(name for people, copy in scratch)."""
    form: BillForm | None
    """None = each file's header says it."""
    part: ExportPart
    rows: tuple[int, ...] = ()
    """Data rows of each file, where the completion signal says them; () = it does not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Staged:
    paths: tuple[Path, ...]
    warnings: tuple[str, ...]

    @property
    def sql(self) -> str:
        return f"SELECT * FROM read_parquet([{', '.join(text_literal(str(path)) for path in self.paths)}])"


def ingest_export(drop: ExportDrop, ports: Ports, scratch: Path) -> Loaded | Superseded:
    """Replace one period by a complete delivery of its export. Raises BadInput, with nothing changed, where a file or a row is wrong."""
    with _workspace(scratch) as work:
        bill = _Bill(
            export=drop.export,
            account=drop.billing_account,
            period=drop.period,
            run_id=drop.run_id,
            submitted_at=drop.submitted_at,
            files=tuple(_fetch_all(drop, ports, work)),
            form=drop.form,
            part=drop.part,
            rows=drop.rows,
        )
        return _load(bill, ports, work)[drop.period]


def ingest_files(
    paths: Sequence[Path], export: Export, ports: Ports, scratch: Path, now: datetime, submitted_at: datetime, form: BillForm | None = None
) -> dict[str, Loaded | Superseded]:
    """Replace every period that local files (or folders, by their manifest where they have one) hold rows of; period → what came of it.

    All files together are taken for the whole of each of their periods.
    """
    if submitted_at > now:
        raise BadInput(f"submitted at {submitted_at.isoformat()}: that is in the future, and would shut out every run until then")
    found = dict.fromkeys(file for path in paths for file in chosen(path))
    names = short_names(found)
    with _workspace(scratch) as work:
        bill = _Bill(
            export=export.name,
            account=export.billing_account,
            period=None,
            run_id=f"files-{submitted_at:%Y%m%dT%H%M%S}",
            submitted_at=submitted_at,
            files=tuple((names[file], ports.buckets.fetch(str(file), work)) for file in found),
            form=form,
            part=export.part,
        )
        return _load(bill, ports, work)


# ── which files ──────────────────────────────────────────────────────────────────────────────────────────────────────
def _fetch_all(drop: ExportDrop, ports: Ports, work: Path) -> Iterator[tuple[str, Path]]:
    for number, url in enumerate(drop.files):
        ports.progress.step(f"fetching {drop.export} {drop.period}", number, len(drop.files))
        name = url.rsplit("/", 1)[-1]
        local = ports.buckets.fetch(url, work)
        if not drop.sizes:
            # After the copy was made: a file that is written over while it is copied is found as well.
            _check_older(url, drop, ports)
        if drop.sizes and local.stat().st_size != drop.sizes[number]:
            raise BadInput(f"{name}: {local.stat().st_size} bytes, its completion marker says {drop.sizes[number]}; deliver both again")
        yield name, local


def _check_older(url: str, drop: ExportDrop, ports: Ports) -> None:
    """A manifest without sizes comes after its files: one written later belongs to the next delivery, which will say so itself."""
    if ports.buckets.modified(url) > drop.submitted_at + NEWER_THAN_ITS_SIGNAL:
        raise BadInput(f"{url}: written after its manifest: a newer delivery is under way; its own manifest will bring it")


# ── their rows ───────────────────────────────────────────────────────────────────────────────────────────────────────
def _load(bill: _Bill, ports: Ports, work: Path) -> dict[str, Loaded | Superseded]:
    with ports.engine.session() as session:
        session.run(staging.MACROS)
        staged = _stage(bill, ports, session, work)
        # A period that is delivered without a charge has none: what was there before goes.
        found = {str(row[0]) for row in session.rows(f"SELECT DISTINCT period FROM ({staged.sql})")}
        periods = sorted(found | ({bill.period} if bill.period else set()))
        for period in periods:
            check_apart(bill.export, period, staged.sql, session, ports)
        written = {period: _write(bill, staged, period, session, work) for period in periods}
        if bill.period is None:
            check_whole(bill.export, {period: loaded.rows for period, (loaded, _) in written.items()}, session, ports)
    return {period: _replace(bill, period, loaded, path, ports) for period, (loaded, path) in written.items()}


def _stage(bill: _Bill, ports: Ports, session: Session, work: Path) -> _Staged:
    paths: list[Path] = []
    warnings: list[str] = []
    mappings: list[Mapping] = []
    digests: dict[bytes, str] = {}
    for number, (name, local) in enumerate(bill.files):
        ports.progress.step(f"reading {name}", number, len(bill.files))
        header = header_of(local, name, session)
        form = bill.form or forms.form_of(header)
        mapping = forms.mapping_of(form, header, bill.part)
        reading = Reading(header=header, path=str(local), number=number, account=bill.account, period=bill.period)
        path = work / f"staged-{number:05}.parquet"
        with _watched(name, session, ports):
            rows = stage(staging.staging_sql(reading, mapping), path, name, session, may_be_empty=mapping.may_be_empty)
        if rows:
            check_new(local, name, digests)
        if bill.rows:
            check_rows(staging.count_sql(reading), bill.rows[number], name, session)
        warnings.extend(left_out(reading, mapping, session))
        local.unlink()
        paths.append(path)
        mappings.append(mapping)
        if mapping.left_out:
            warnings.append(f"{name}: left out, not FOCUS: {', '.join(mapping.left_out[:10])}")
        warnings.extend(_rounded(path, name, session))
        warnings.extend(_notes(path, name, session))
    staged = _Staged(paths=tuple(paths), warnings=tuple(warnings))
    _check_together(bill, staged, session)
    return replace(staged, warnings=(*staged.warnings, *check_amounts(staged.sql, mappings, session)))


@contextmanager
def _watched(name: str, session: Session, ports: Ports) -> Iterator[None]:
    """Tell how far the engine is in one large file."""
    if not isinstance(session, Watched):
        yield
        return
    with session.watched(lambda percent: ports.progress.step(f"rows of {name}", percent, 100)):
        yield


def _check_together(bill: _Bill, staged: _Staged, session: Session) -> None:
    """Files that are right each for itself may not be together: no charge at all, or two datasets of the same money."""
    if bill.part == "all" and not session.rows(f"SELECT 1 FROM ({staged.sql}) LIMIT 1"):
        raise BadInput(f"{', '.join(name for name, _ in bill.files[:3])}: a header and no rows; deliver it again")
    for first, second in session.rows(staging.twice_sql(staged.sql)):
        raise BadInput(f"{first}, {second}: the same money in two datasets; deliver each to an export of its own (see `part`)")


def _write(bill: _Bill, staged: _Staged, period: str, session: Session, work: Path) -> tuple[Loaded, Path]:
    """The period's cost rows as one file, and what is to be said of them."""
    path = work / f"cost-{period}.parquet"
    rows = session.write(staging.cost_sql(staged.sql, bill.export, period), str(path))
    billed = session.rows(f'SELECT "BillingCurrency", sum("BilledCost") FROM read_parquet({text_literal(str(path))}) GROUP BY 1 ORDER BY 1')
    loaded = Loaded(
        export=bill.export,
        period=period,
        rows=rows,
        files=tuple(name for name, _ in bill.files),
        billed=tuple(Money(Decimal(str(amount)), str(currency)) for currency, amount in billed),
        version=-1,
        warnings=(*staged.warnings, *_unknown_costs(path, session)),
    )
    return loaded, path


def _rounded(path: Path, name: str, session: Session) -> Iterator[str]:
    count = session.rows(f"SELECT count(*) FILTER (WHERE is_rounded) FROM read_parquet({text_literal(str(path))})")[0][0]
    if count:
        yield f"{name}: {count} rows have costs that are binary doubles; what they say beyond {MONEY_SCALE} decimals is rounded away"


def _notes(path: Path, name: str, session: Session) -> Iterator[str]:
    notes = f"SELECT note, count(*) FROM read_parquet({text_literal(str(path))}) WHERE note IS NOT NULL GROUP BY note ORDER BY note"
    for note, count in session.rows(notes):
        yield f"{name}: {count} {note}"


def _unknown_costs(path: Path, session: Session) -> Iterator[str]:
    names = ("ListCost", "ContractedCost")
    counts = ", ".join(f'count(*) - count("{name}")' for name in names)
    for name, count in zip(names, session.rows(f"SELECT {counts} FROM read_parquet({text_literal(str(path))})")[0], strict=True):
        if count:
            yield f"{count} rows have no {name}: unknown, not zero"


def _replace(bill: _Bill, period: str, loaded: Loaded, path: Path, ports: Ports) -> Loaded | Superseded:
    answer = ports.lake.replace(
        "cost",
        {"x_Export": bill.export, "x_Period": staging.period_slug(period)},
        [str(path)],
        application=f"{bill.export}/{staging.period_slug(period)}",
        submitted_at=bill.submitted_at,
        about=_about(bill, loaded),
    )
    if isinstance(answer, Superseded):
        ports.log.info("ingest.superseded", export=bill.export, period=period, run=bill.run_id, newer=answer.newer.isoformat())
        return answer
    ports.log.info("ingest.loaded", export=bill.export, period=period, run=bill.run_id, rows=loaded.rows, version=answer)
    return replace(loaded, version=answer)


def _about(bill: _Bill, loaded: Loaded) -> Json:
    """What the commit says of itself, for people who read the table's history."""
    return {
        "run": bill.run_id,
        "submitted_at": bill.submitted_at.isoformat(),
        "files": list(loaded.files),
        "rows": loaded.rows,
        "billed": {money.currency: str(money.amount) for money in loaded.billed},
    }


@contextmanager
def _workspace(scratch: Path) -> Iterator[Path]:
    scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="ingest-", dir=scratch) as work:
        yield Path(work)
