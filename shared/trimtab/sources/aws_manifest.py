"""The manifests of AWS's bills: of a Data Export (CUR 2.0, FOCUS), and of a legacy Cost and Usage Report.

AWS writes a manifest after the last file of a run, and the next run writes over it: which run is newer is told by when the store got it.
A legacy report keeps a second copy in the folder of its run (`assemblyId`); the copy above it is the signal, so a run is one wake.
"""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from trimtab.errors import BadInput
from trimtab.records import ExportDrop
from trimtab.settings import Export
from trimtab.sources.json_models import parsed

MANIFEST = "-Manifest.json"
MOST_FILES = 10_000
_MONTH = r"\d{4}-(?:0[1-9]|1[0-2])"
_MONTH_FOLDER = re.compile(rf"/(?:BILLING_PERIOD|billing_period)=({_MONTH})/")
_LEGACY_MONTH_FOLDER = re.compile(r"/(\d{4})(0[1-9]|1[0-2])01-\d{6}01/")
_RUN_COPY = re.compile(r"/\d{8}-\d{8}/[^/]+/[^/]+-Manifest\.json$")

Name = Annotated[str, Field(min_length=1, max_length=200)]
Files = Annotated[tuple[str, ...], Field(min_length=1, max_length=MOST_FILES)]


class _Lenient(BaseModel):
    """What we read of a manifest; AWS may add keys whenever it likes."""

    model_config = ConfigDict(frozen=True)


class _Export(_Lenient):
    executionId: Name  # noqa: N815 -- AWS's own spelling, here and below
    dataFiles: Files  # noqa: N815


class _Period(_Lenient):
    start: Annotated[str, Field(pattern=r"^\d{4}(0[1-9]|1[0-2])01T")]

    @property
    def month(self) -> str:
        return f"{self.start[:4]}-{self.start[4:6]}"


class _Report(_Lenient):
    assemblyId: Name  # noqa: N815
    reportKeys: Files  # noqa: N815
    billingPeriod: _Period  # noqa: N815
    account: str | None = None
    compression: str = ""


def is_manifest(name: str) -> bool:
    """True for the file name of an AWS manifest."""
    return name.endswith(MANIFEST)


def is_run_copy(url: str) -> bool:
    """True for a legacy manifest in the folder of its run: the same one lies above it, and that is the signal."""
    return _RUN_COPY.search(url) is not None


def period_in(path: str) -> str | None:
    """YYYY-MM of the month's folder in a key, where there is one."""
    found = _MONTH_FOLDER.search(path)
    if found:
        return found[1]
    legacy = _LEGACY_MONTH_FOLDER.search(path)
    return f"{legacy[1]}-{legacy[2]}" if legacy else None


def drop_of(body: bytes, url: str, export: Export, modified: datetime) -> ExportDrop:
    """What one run delivered. Raises BadInput where the manifest, its key and its files are not of one month."""
    period, run, files = _legacy(body, url, export) if _is_legacy(body) else _of_export(body, url)
    for place in (url, *files):
        other = period_in(place)
        if other not in {None, period}:
            raise BadInput(f"{url}: file {place!a}: of period {other}, the manifest is of {period}")
    return ExportDrop(
        export=export.name,
        period=period,
        run_id=run,
        submitted_at=modified.astimezone(UTC),
        files=files,
        part=export.part,
        form=export.form,
        billing_account=export.billing_account,
    )


def listed(body: bytes, place: str) -> tuple[str, ...]:
    """The data files, as the manifest names them."""
    return _report(body, place).reportKeys if _is_legacy(body) else parsed(_Export, body, place).dataFiles


def _is_legacy(body: bytes) -> bool:
    return b'"assemblyId"' in body and b'"dataFiles"' not in body


def _of_export(body: bytes, url: str) -> tuple[str, str, tuple[str, ...]]:
    manifest = parsed(_Export, body, url)
    period = period_in(url)
    if period is None:
        raise BadInput(f"{url}: no BILLING_PERIOD=YYYY-MM in the manifest's key; Data Exports writes it there")
    return period, manifest.executionId, manifest.dataFiles


def _legacy(body: bytes, url: str, export: Export) -> tuple[str, str, tuple[str, ...]]:
    """Its files are keys in its own bucket, also where a bucket is a copy of AWS's."""
    manifest = _report(body, url)
    if export.form != "cur":
        raise BadInput(f"{url}: a Cost and Usage Report below export {export.name!a}, whose form is {export.form}; configure it as cur")
    if export.billing_account not in {"*", manifest.account or export.billing_account}:
        raise BadInput(f"{url}: account {manifest.account!a} is not the account of export {export.name!a}")
    scheme, _, rest = url.partition("://")
    bucket = f"{scheme}://{rest.split('/', 1)[0]}" if scheme != "file" else f"file://{_top(url, manifest.reportKeys[0])}"
    return manifest.billingPeriod.month, manifest.assemblyId, tuple(f"{bucket}/{key.lstrip('/')}" for key in manifest.reportKeys)


def _top(url: str, key: str) -> str:
    """The folder that stands for the bucket in a copy on disk: what comes before the key's first folder in the manifest's own path."""
    path = url.removeprefix("file://")
    before, found, _ = path.partition(f"/{key.split('/', 1)[0]}/")
    return before if found else path.rsplit("/", 1)[0]


def _report(body: bytes, url: str) -> _Report:
    manifest = parsed(_Report, body, url)
    zipped = next((key for key in manifest.reportKeys if key.lower().endswith(".zip")), None)
    if manifest.compression.upper() == "ZIP" or zipped:
        raise BadInput(f"{url}: its files are ZIP archives, which are not read; set the report's compression to GZIP or Parquet")
    return manifest
