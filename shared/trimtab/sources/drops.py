"""Completion signals of billing exports: the object that says "this delivery is whole", turned into an ExportDrop.

Two are known: the manifest of an AWS Data Export, and our own marker for exports that somebody's job writes to a bucket. Whoever
can write one could point anywhere, so every file must lie below the prefix that the deployment's settings give the export.
"""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trimtab.errors import BadInput
from trimtab.records import ExportDrop
from trimtab.settings import Export

MARKER = "_trimtab_complete.json"
MANIFEST = "-Manifest.json"
USAGE_MARKER = "_complete.json"
MOST_FILES = 10_000
CLOCK_SKEW = timedelta(minutes=10)
_PERIOD = r"\d{4}-(?:0[1-9]|1[0-2])"
_MANIFEST_PERIOD = re.compile(rf"/(?:BILLING_PERIOD|billing_period)=({_PERIOD})/")
_SAFE = re.compile(r"[^\x00-\x20\x7f?#%\\]+")


Model = TypeVar("Model", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _MarkedFile(_Strict):
    name: str
    """Relative to the marker's folder, or a full URL."""
    bytes: Annotated[int, Field(ge=0)]


class _Marker(_Strict):
    export: str
    period: Annotated[str, Field(pattern=rf"^{_PERIOD}$")]
    run_id: Annotated[str, Field(min_length=1, max_length=200)]
    submitted_at: datetime
    files: Annotated[tuple[_MarkedFile, ...], Field(min_length=1, max_length=MOST_FILES)]


class _Manifest(BaseModel):
    """What we read of an AWS manifest; AWS may add keys whenever it likes."""

    model_config = ConfigDict(frozen=True)

    executionId: Annotated[str, Field(min_length=1, max_length=200)]  # noqa: N815 -- AWS's own spelling
    dataFiles: Annotated[tuple[str, ...], Field(min_length=1, max_length=MOST_FILES)]  # noqa: N815


def is_export_signal(url: str) -> bool:
    """True for an object that completes a delivery of a billing export."""
    name = url.rsplit("/", 1)[-1]
    return name == MARKER or name.endswith(MANIFEST)


def is_usage_signal(url: str) -> bool:
    """True for an object that completes a usage drop."""
    return url.rsplit("/", 1)[-1] == USAGE_MARKER


def parse_completion(body: bytes, url: str, exports: Sequence[Export], *, modified: datetime, now: datetime) -> ExportDrop:
    """The drop that a completion signal speaks for.

    `modified` is when the store got the signal: an AWS manifest does not say itself when its run was. Raises BadInput for a signal
    outside every configured export, for one that names foreign files, and for one from the future, which would shut out later runs.
    """
    export = export_of(url, exports)
    drop = _marked(body, url, export) if url.rsplit("/", 1)[-1] == MARKER else _manifested(body, url, export, modified)
    if drop.submitted_at > now + CLOCK_SKEW:
        raise BadInput(f"{url}: submitted_at {drop.submitted_at.isoformat()} lies in the future; correct the clock of what wrote it")
    if len(set(drop.files)) != len(drop.files):
        raise BadInput(f"{url}: it lists the same file twice; its rows would count twice")
    for file in drop.files:
        check_below(file, export.prefix, url)
    return drop


def period_in(path: str) -> str | None:
    """YYYY-MM of the BILLING_PERIOD= folder in a key, where there is one."""
    found = _MANIFEST_PERIOD.search(path)
    return found[1] if found else None


def listed_files(body: bytes, place: str) -> tuple[str, ...]:
    """What a completion signal on somebody's disk lists, as it names it; for files that are read by hand, without a configured prefix."""
    if place.endswith(MARKER):
        return tuple(each.name for each in _parsed(_Marker, body, place).files)
    return _parsed(_Manifest, body, place).dataFiles


def export_of(url: str, exports: Sequence[Export]) -> Export:
    """The configured export whose prefix covers a URL; of nested ones the inner."""
    covering = [export for export in exports if as_url(url).startswith(_folder(export.prefix))]
    if not covering:
        raise BadInput(f"{url}: below no configured export; add it to settings.exports, or deliver it below its prefix")
    return max(covering, key=lambda export: len(export.prefix))


def check_below(url: str, prefix: str, place: str) -> None:
    """Raise BadInput where a listed file is not plainly below its export's prefix."""
    path = as_url(url).split("://", 1)[-1]
    if not _SAFE.fullmatch(url) or any(part in {"", ".", ".."} for part in path.removeprefix("/").split("/")):
        raise BadInput(f"{place}: file {url!a}: no plain object name; '..', '%', '?', '#' and blanks are refused")
    if not as_url(url).startswith(_folder(prefix)):
        raise BadInput(f"{place}: file {url!a}: it is not below {prefix}, where this export's files are")


def as_url(location: str) -> str:
    """A URL, also for a plain path."""
    return location if "://" in location else f"file://{location}"


def _folder(prefix: str) -> str:
    return f"{as_url(prefix).rstrip('/')}/"


def _marked(body: bytes, url: str, export: Export) -> ExportDrop:
    marker = _parsed(_Marker, body, url)
    if marker.export != export.name:
        raise BadInput(f"{url}: export: {marker.export!a} delivers below the prefix of {export.name!a}")
    if marker.submitted_at.tzinfo is None:
        raise BadInput(f"{url}: submitted_at: a time zone is missing; end it with Z")
    folder = url.rsplit("/", 1)[0]
    return ExportDrop(
        export=export.name,
        period=marker.period,
        run_id=marker.run_id,
        submitted_at=marker.submitted_at.astimezone(UTC),
        files=tuple(each.name if "://" in each.name else f"{folder}/{each.name}" for each in marker.files),
        sizes=tuple(each.bytes for each in marker.files),
        form=export.form,
        billing_account=export.billing_account,
    )


def _manifested(body: bytes, url: str, export: Export, modified: datetime) -> ExportDrop:
    if b'"reportKeys"' in body and b'"dataFiles"' not in body:
        raise BadInput(f"{url}: a manifest of the old Cost and Usage Report; configure a Data Export of the FOCUS table instead")
    manifest = _parsed(_Manifest, body, url)
    period = _MANIFEST_PERIOD.search(url)
    if period is None:
        raise BadInput(f"{url}: no BILLING_PERIOD=YYYY-MM in the manifest's key; Data Exports writes it there")
    for file in manifest.dataFiles:
        other = _MANIFEST_PERIOD.search(file)
        if other and other[1] != period[1]:
            raise BadInput(f"{url}: file {file!a}: of period {other[1]}, the manifest is of {period[1]}")
    return ExportDrop(
        export=export.name,
        period=period[1],
        run_id=manifest.executionId,
        submitted_at=modified.astimezone(UTC),
        files=manifest.dataFiles,
        form=export.form,
        billing_account=export.billing_account,
    )


def _parsed(model: type[Model], body: bytes, url: str) -> Model:
    try:
        value: Any = json.loads(body)
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"{url}: {path}: {first['msg']}") from None
    except ValueError as error:
        raise BadInput(f"{url}: not JSON: {error}") from None
