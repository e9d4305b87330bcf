"""The manifest of an Azure Cost Management export: what one run wrote, with the counts that prove that it is all there.

Versions 2021-01-01 (counts and blobs alone) and 2024-04-01 (with the export's and the run's own words) are read. Azure writes it after
the last blob; each run has one of its own, in a folder of the run or beside the blobs that it overwrites.
"""

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from trimtab.errors import BadInput
from trimtab.records import ExportDrop
from trimtab.settings import Export
from trimtab.sources.json_models import parsed, utc

MANIFESTS = ("manifest.json", "_manifest.json")
COST_TYPES = frozenset({"focuscost", "actualcost", "amortizedcost", "usage"})
MOST_BLOBS = 10_000
BEHIND = timedelta(days=2)
"""How long before a run was submitted its last day may lie: costs of a day come within one or two."""
_MONTH_FOLDER = re.compile(r"/(\d{4})(\d\d)01-\1\2\d\d/")
_RUN_FOLDER = re.compile(r"/([0-9a-fA-F]{8}-[0-9a-fA-F-]{27})/")
_FRACTION = re.compile(r"(\.\d{6})\d+")


def _moment(value: Any) -> Any:
    """Azure writes ten-millionths of a second, and leaves out the zone of what is UTC."""
    if not isinstance(value, str):
        return value
    text = _FRACTION.sub(r"\1", value).replace("Z", "+00:00")
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("expected a time like 2025-03-21T21:04:06Z") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


Moment = Annotated[datetime, BeforeValidator(_moment)]
Count = Annotated[int, Field(ge=0)]


class _Lenient(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Blob(_Lenient):
    blobName: str  # noqa: N815 -- Azure's own spelling, here and below
    byteCount: Count  # noqa: N815
    dataRowCount: Count | None = None  # noqa: N815


class _Config(_Lenient):
    type: str


class _Run(_Lenient):
    runId: Annotated[str, Field(min_length=1, max_length=200)]  # noqa: N815
    submittedTime: Moment  # noqa: N815
    startDate: Moment  # noqa: N815
    endDate: Moment  # noqa: N815


class _Manifest(_Lenient):
    blobs: Annotated[tuple[_Blob, ...], Field(min_length=1, max_length=MOST_BLOBS)]
    byteCount: Count  # noqa: N815
    blobCount: Count  # noqa: N815
    dataRowCount: Count | None = None  # noqa: N815
    exportConfig: _Config | None = None  # noqa: N815
    runInfo: _Run | None = None  # noqa: N815


def is_manifest(name: str) -> bool:
    """True for the file name of an Azure manifest."""
    return name in MANIFESTS


def drop_of(body: bytes, url: str, export: Export, modified: datetime) -> ExportDrop:
    """What one run delivered. Raises BadInput where a count does not hold, or the run is not of one month from its first day."""
    manifest = _read(body, url)
    if export.form not in {"azure", "focus"}:
        raise BadInput(f"{url}: an Azure manifest below export {export.name!a}, whose form is {export.form}")
    run = manifest.runInfo
    submitted = utc(run.submittedTime if run else modified, url)
    rows = tuple(blob.dataRowCount for blob in manifest.blobs)
    return ExportDrop(
        export=export.name,
        period=_period(run, submitted, url),
        run_id=run.runId if run else _run_folder(url),
        submitted_at=submitted,
        files=tuple(_urls(manifest, url)),
        sizes=tuple(blob.byteCount for blob in manifest.blobs),
        rows=tuple(row for row in rows if row is not None) if None not in rows else (),
        part=export.part,
        form=export.form,
        billing_account=export.billing_account,
    )


def listed(body: bytes, place: str) -> tuple[tuple[str, int], ...]:
    """Name in the container and size of each blob."""
    return tuple((_name(blob), blob.byteCount) for blob in _read(body, place).blobs)


def period_in(path: str) -> str | None:
    """YYYY-MM of the YYYYMMDD-YYYYMMDD folder of a whole month in a key, where there is one."""
    found = _MONTH_FOLDER.search(path)
    return f"{found[1]}-{found[2]}" if found else None


def _read(body: bytes, url: str) -> _Manifest:
    if not body.strip(b" \t\r\n{}"):
        raise BadInput(f"{url}: an empty manifest; it completes nothing")
    manifest = parsed(_Manifest, body, url)
    kind = manifest.exportConfig.type if manifest.exportConfig else "ActualCost"
    if kind.lower() not in COST_TYPES:
        raise BadInput(f"{url}: exportConfig.type: {kind!a} is no bill; export FocusCost, or ActualCost and AmortizedCost")
    _check_counts(manifest, url)
    return manifest


def _check_counts(manifest: _Manifest, url: str) -> None:
    blobs = manifest.blobs
    rows = [blob.dataRowCount for blob in blobs if blob.dataRowCount is not None]
    counts = [
        ("blobCount", manifest.blobCount, len(blobs)),
        ("byteCount", manifest.byteCount, sum(blob.byteCount for blob in blobs)),
        *([("dataRowCount", manifest.dataRowCount, sum(rows))] if manifest.dataRowCount is not None and len(rows) == len(blobs) else []),
    ]
    for name, said, counted in counts:
        if said != counted:
            raise BadInput(f"{url}: {name}: it says {said}, its blobs add up to {counted}; run the export again")


def _period(run: _Run | None, submitted: datetime, url: str) -> str:
    period = period_in(url)
    if run is None:
        if period is None:
            raise BadInput(f"{url}: neither runInfo nor a folder like 20260701-20260731 says which month it is of")
        return period
    start, end = run.startDate, run.endDate
    if start.day != 1 or (start.year, start.month) != (end.year, end.month):
        said = f"{start:%Y-%m-%d} to {end:%Y-%m-%d}"
        raise BadInput(f"{url}: runInfo: {said} is not one month from its first day; a month is replaced whole, so export month to date")
    if end.date() < min(_last_day(start), submitted.date() - BEHIND):
        said = f"{start:%Y-%m-%d} to {end:%Y-%m-%d}, submitted on {submitted:%Y-%m-%d}"
        raise BadInput(f"{url}: runInfo: {said}: later days of the month are missing, and it is replaced whole; export all of it")
    found = f"{start.year:04}-{start.month:02}"
    if period not in {None, found}:
        raise BadInput(f"{url}: runInfo: it is of {found}, its folder of {period}; run the export again")
    return found


def _last_day(start: datetime) -> date:
    return date(start.year, start.month, monthrange(start.year, start.month)[1])


def _run_folder(url: str) -> str:
    found = _RUN_FOLDER.search(url)
    return found[1] if found else url.rsplit("/", 2)[-2]


def _urls(manifest: _Manifest, url: str) -> Iterator[str]:
    """Blobs are named from the container on; a copy of the container elsewhere may have lost its first folders.

    So a blob of the manifest's own folder lies beside it, and any other is looked for from the top of the bucket.
    """
    folder = url.rsplit("/", 1)[0]
    scheme, _, rest = url.partition("://")
    top = f"{scheme}://{rest.split('/', 1)[0]}"
    for blob in manifest.blobs:
        *folders, name = _name(blob).split("/")
        is_beside = not folders or folders[-1] == folder.rsplit("/", 1)[-1]
        yield f"{folder}/{name}" if is_beside else f"{top}/{_name(blob)}"


def _name(blob: _Blob) -> str:
    """Without the blank that Azure's own example begins with."""
    return blob.blobName.strip().lstrip("/")
