"""Completion signals of billing exports: the object that says "this delivery is whole", turned into an ExportDrop.

Known are the manifests of AWS and of Azure, and our own marker for what somebody's job writes to a bucket. Whoever
can write one could point anywhere, so every file must lie below the prefix that the deployment's settings give the export.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from trimtab.errors import BadInput
from trimtab.records import ExportDrop
from trimtab.settings import Export
from trimtab.sources import aws_manifest, azure_manifest
from trimtab.sources.json_models import parsed as _parsed
from trimtab.sources.json_models import utc

MARKER = "_trimtab_complete.json"
USAGE_MARKER = "_complete.json"
MOST_FILES = 10_000
CLOCK_SKEW = timedelta(minutes=10)
_PERIOD = r"[0-9]{4}-(?:0[1-9]|1[0-2])"
_SAFE = re.compile(r"[^\x00-\x20\x7f?#%\\]+")


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


def is_export_signal(url: str) -> bool:
    """True for an object that completes a delivery of a billing export."""
    name = url.rsplit("/", 1)[-1]
    is_aws = aws_manifest.is_manifest(name) and not aws_manifest.is_run_copy(url)
    return name == MARKER or is_aws or azure_manifest.is_manifest(name)


def is_usage_signal(url: str) -> bool:
    """True for an object that completes a usage drop."""
    return url.rsplit("/", 1)[-1] == USAGE_MARKER


def parse_completion(body: bytes, url: str, exports: Sequence[Export], *, modified: datetime, now: datetime) -> ExportDrop:
    """The drop that a completion signal speaks for.

    `modified` is when the store got the signal: an AWS manifest does not say itself when its run was. Raises BadInput for a signal
    outside every configured export, for one that names foreign files, and for one from the future, which would shut out later runs.
    """
    export = export_of(url, exports)
    name = url.rsplit("/", 1)[-1]
    if azure_manifest.is_manifest(name):
        drop = azure_manifest.drop_of(body, url, export, modified)
    else:
        drop = _marked(body, url, export) if name == MARKER else aws_manifest.drop_of(body, url, export, modified)
    if drop.submitted_at > now + CLOCK_SKEW:
        raise BadInput(f"{url}: submitted_at {drop.submitted_at.isoformat()} lies in the future; correct the clock of what wrote it")
    if len(set(drop.files)) != len(drop.files):
        raise BadInput(f"{url}: it lists the same file twice; its rows would count twice")
    for file in drop.files:
        check_below(file, export.prefix, url)
    return drop


def period_in(path: str) -> str | None:
    """YYYY-MM of the month's folder in a key, where there is one."""
    return aws_manifest.period_in(path) or azure_manifest.period_in(path)


def listed_files(body: bytes, place: str) -> tuple[str, ...]:
    """What a completion signal on somebody's disk lists, as it names it; for files that are read by hand, without a configured prefix."""
    if azure_manifest.is_manifest(place.rsplit("/", 1)[-1]):
        return tuple(name for name, _ in azure_manifest.listed(body, place))
    if place.endswith(MARKER):
        return tuple(each.name for each in _parsed(_Marker, body, place).files)
    return aws_manifest.listed(body, place)


def listed_sizes(body: bytes, place: str) -> tuple[int, ...]:
    """Bytes of each of the listed files, where the signal says them; () = it does not."""
    if azure_manifest.is_manifest(place.rsplit("/", 1)[-1]):
        return tuple(size for _, size in azure_manifest.listed(body, place))
    return tuple(each.bytes for each in _parsed(_Marker, body, place).files) if place.endswith(MARKER) else ()


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
        submitted_at=utc(marker.submitted_at, url),
        files=tuple(each.name if "://" in each.name else f"{folder}/{each.name}" for each in marker.files),
        sizes=tuple(each.bytes for each in marker.files),
        part=export.part,
        form=export.form,
        billing_account=export.billing_account,
    )
