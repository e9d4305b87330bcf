"""A bill arrived: check every file, normalize it exactly, replace its period in the lake as a whole, or change nothing.

Files are copied to scratch first, and only the copies are looked at; the one effect is the commit at the end.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from trimtab.errors import BadInput
from trimtab.flow.ingest_usage import UsageLoaded, ingest_usage
from trimtab.flow.inspect_files import header_of, stage
from trimtab.ports import Ports, Session, Superseded
from trimtab.records import ExportDrop, Json
from trimtab.settings import Export
from trimtab.sources import drops, focus
from trimtab.sources.bill_files import EXTENSIONS
from trimtab.tables import text_literal
from trimtab.units import Money

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
        )
        return _load(bill, ports, work)[drop.period]


def ingest_files(
    paths: Sequence[Path], export: Export, ports: Ports, scratch: Path, now: datetime, submitted_at: datetime
) -> dict[str, Loaded | Superseded]:
    """Replace every period that local files (or folders, by their manifest where they have one) hold rows of; period → what came of it.

    All files together are taken for the whole of each of their periods.
    """
    if submitted_at > now:
        raise BadInput(f"submitted at {submitted_at.isoformat()}: that is in the future, and would shut out every run until then")
    found = dict.fromkeys(file for path in paths for file in _chosen(path))
    names = _short_names(found)
    with _workspace(scratch) as work:
        bill = _Bill(
            export=export.name,
            account=export.billing_account,
            period=None,
            run_id=f"files-{submitted_at:%Y%m%dT%H%M%S}",
            submitted_at=submitted_at,
            files=tuple((names[file], ports.buckets.fetch(str(file), work)) for file in found),
        )
        return _load(bill, ports, work)


# ── which files ──────────────────────────────────────────────────────────────────────────────────────────────────────
def _fetch_all(drop: ExportDrop, ports: Ports, work: Path) -> Iterator[tuple[str, Path]]:
    for number, url in enumerate(drop.files):
        ports.progress.step(f"fetching {drop.export} {drop.period}", number, len(drop.files))
        name = url.rsplit("/", 1)[-1]
        if not drop.sizes:
            _check_older(url, drop, ports)
        local = ports.buckets.fetch(url, work)
        if drop.sizes and local.stat().st_size != drop.sizes[number]:
            raise BadInput(f"{name}: {local.stat().st_size} bytes, its completion marker says {drop.sizes[number]}; deliver both again")
        yield name, local


def _check_older(url: str, drop: ExportDrop, ports: Ports) -> None:
    """A manifest without sizes comes after its files: one written later belongs to the next delivery, which will say so itself."""
    if ports.buckets.modified(url) > drop.submitted_at + NEWER_THAN_ITS_SIGNAL:
        raise BadInput(f"{url}: written after its manifest: a newer delivery is under way; its own manifest will bring it")


def _chosen(path: Path) -> list[Path]:
    """The files that a path stands for."""
    path = path.absolute()
    if not path.is_dir():
        return _by_signal(path, path.parent.parent) if drops.is_export_signal(path.name) else [path]
    below = sorted(file for file in path.rglob("*") if file.is_file() and not file.is_symlink())
    signals = [file for file in below if drops.is_export_signal(file.name)]
    _check_one_per_period(signals, path)
    chosen = [file for signal in signals for file in _by_signal(signal, path)] if signals else [f for f in below if _is_bill(f)]
    if not chosen:
        raise BadInput(f"{path}: no manifest and no {', '.join(EXTENSIONS)} file in this folder")
    return chosen


def _is_bill(file: Path) -> bool:
    return file.name.lower().endswith(EXTENSIONS)


def _check_one_per_period(signals: Sequence[Path], folder: Path) -> None:
    # A "create new" export keeps every delivery of a month side by side: read together, the month would count many times.
    periods = [drops.period_in(file.as_posix()) for file in signals]
    for period in periods:
        if periods.count(period) > 1:
            raise BadInput(f"{folder}: more than one delivery of {period or 'an unnamed period'}; name the folder of the one to read")


def _by_signal(signal: Path, folder: Path) -> list[Path]:
    return [_on_disk(listed, signal, folder) for listed in drops.listed_files(signal.read_bytes(), signal.as_posix())]


def _on_disk(listed: str, signal: Path, folder: Path) -> Path:
    """Where a file that a manifest names by its URL lies in a copy of the export: the longest tail of the key that exists."""
    parts = [part for part in listed.split("://", 1)[-1].split("/") if part not in {"", ".", ".."}]
    tails = ["/".join(parts[start:]) for start in range(len(parts))]
    for candidate in (root / tail for tail in tails for root in (folder, signal.parent)):
        if candidate.is_file() and not candidate.is_symlink():
            return candidate
    raise BadInput(f"{signal}: it lists {parts[-1] if parts else listed!a}, which is not in {folder}; copy the whole delivery")


def _short_names(files: Iterable[Path]) -> dict[Path, str]:
    """File name, with as many folders before it as keep the names apart."""
    every = list(files)
    names = [file.name for file in every]
    return {file: file.name if names.count(file.name) == 1 else "/".join(file.parts[-2:]) for file in every}


# ── their rows ───────────────────────────────────────────────────────────────────────────────────────────────────────
def _load(bill: _Bill, ports: Ports, work: Path) -> dict[str, Loaded | Superseded]:
    with ports.engine.session() as session:
        session.run(focus.MACROS)
        staged = _stage(bill, ports, session, work)
        periods = [str(row[0]) for row in session.rows(f"SELECT DISTINCT period FROM ({staged.sql}) ORDER BY period")]
        written = {period: _write(bill, staged, period, session, work) for period in periods}
    return {period: _replace(bill, period, loaded, path, ports) for period, (loaded, path) in written.items()}


def _stage(bill: _Bill, ports: Ports, session: Session, work: Path) -> _Staged:
    paths: list[Path] = []
    warnings: list[str] = []
    for number, (name, local) in enumerate(bill.files):
        ports.progress.step(f"reading {name}", number, len(bill.files))
        header = header_of(local, name, session)
        reading = focus.Reading(header=header, path=str(local), number=number, account=bill.account, period=bill.period)
        path = work / f"staged-{number:05}.parquet"
        stage(focus.staging_sql(reading), path, name, session)
        local.unlink()
        paths.append(path)
        if left_out := focus.foreign(header):
            warnings.append(f"{name}: left out, not FOCUS: {', '.join(left_out[:10])}")
    return _Staged(paths=tuple(paths), warnings=tuple(warnings))


def _write(bill: _Bill, staged: _Staged, period: str, session: Session, work: Path) -> tuple[Loaded, Path]:
    """The period's cost rows as one file, and what is to be said of them."""
    path = work / f"cost-{period}.parquet"
    rows = session.write(focus.cost_sql(staged.sql, bill.export, period), str(path))
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


def _unknown_costs(path: Path, session: Session) -> Iterator[str]:
    names = ("ListCost", "ContractedCost")
    counts = ", ".join(f'count(*) - count("{name}")' for name in names)
    for name, count in zip(names, session.rows(f"SELECT {counts} FROM read_parquet({text_literal(str(path))})")[0], strict=True):
        if count:
            yield f"{count} rows have no {name}: unknown, not zero"


def _replace(bill: _Bill, period: str, loaded: Loaded, path: Path, ports: Ports) -> Loaded | Superseded:
    answer = ports.lake.replace(
        "cost",
        {"x_Export": bill.export, "x_Period": focus.period_slug(period)},
        [str(path)],
        application=f"{bill.export}/{focus.period_slug(period)}",
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
