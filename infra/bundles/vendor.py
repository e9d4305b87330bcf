"""Distributions as files: installed once per target into `build/`, by hash and as wheels, then thinned as they go into a bundle.

Nothing is run on the way: uv unpacks wheels. What is left out is never read at run time; licences stay.
"""

import gzip
import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from packaging.utils import NormalizedName

from infra.bundles.distributions import Locked
from infra.bundles.elf import without_symbols
from infra.bundles.needs import AWS_SERVICES, Target
from trimtab.errors import Upstream

_LICENCES = ("licen", "copying", "notice", "authors")
_FOLDERS = {"__pycache__", "tests", "test"}
_ENDINGS = {".pyi", ".pyc", ".pxd", ".pyx", ".a", ".c", ".h", ".hpp", ".cpp", ".pth"}
_OF_INSTALLATION = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "WHEEL", "top_level.txt"}
_NEVER_READ: Mapping[str, Sequence[str]] = {
    "anyio": ("anyio/pytest_plugin.py", "anyio/_backends/_trio.py"),
    # What answers HTTP, keeps state and reads secrets of other kinds; we use its events, batches and parameters.
    "aws-lambda-powertools": (
        "aws_lambda_powertools/event_handler/",
        *(
            f"aws_lambda_powertools/utilities/{part}/"
            for part in ("auth_alpha", "circuit_breaker", "feature_flags", "idempotency", "kafka", "parser")
        ),
    ),
    # Descriptions of resources; we use clients alone.
    "boto3": ("boto3/data/", "boto3/examples/"),
    # Certificates that it takes from certifi where that is.
    "botocore": ("botocore/cacert.pem",),
    # Its Python side writes extensions; those that were written need its library alone.
    "cffi": ("cffi/",),
    # Doors to it that look like other libraries.
    "duckdb": ("duckdb/experimental/", "adbc_driver_duckdb/", "_duckdb-stubs/"),
    # Version 1, and a plugin of a type checker.
    "pydantic": ("pydantic/v1/", "pydantic/mypy.py"),
    "python-dateutil": ("dateutil/zoneinfo/dateutil-zoneinfo.tar.gz",),
    # Clients of other kinds than ours, and the name that it had before.
    "slack-sdk": (
        "slack/",
        *(f"slack_sdk/{part}" for part in ("audit_logs/", "oauth/", "rtm", "scim/", "socket_mode/", "web/async_", "web/legacy_")),
    ),
}
_OF_AWS = ("botocore", "data")


def files_of(distribution: Locked, target: Target) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of everything that a bundle needs of a distribution."""
    folder = installed(distribution, target)
    for path in sorted(folder.rglob("*")):
        place = PurePosixPath(path.relative_to(folder).as_posix())
        if path.is_file() and is_kept(distribution.name, place):
            yield _shorter(str(place), path.read_bytes())


def _shorter(place: str, body: bytes) -> tuple[str, bytes]:
    """The same for whoever reads it. botocore takes its descriptions compressed too; what follows the headers of METADATA is a web page."""
    if place.endswith(".dist-info/METADATA"):
        return place, re.split(rb"\r?\n\r?\n", body, maxsplit=1)[0] + b"\n"
    if place == "botocore/data/endpoints.json":
        return f"{place}.gz", gzip.compress(body, mtime=0)
    return place, without_symbols(body) if ".so" in PurePosixPath(place).suffixes else body


def is_kept(name: NormalizedName, place: PurePosixPath) -> bool:
    """False for what nothing reads at run time."""
    if is_licence(place):
        return True
    if place.suffix in _ENDINGS or _FOLDERS & set(place.parts[:-1]) or place.parts[0] == "bin" or place.name.startswith("."):
        return False
    if place.parts[0].endswith(".dist-info"):
        return place.name not in _OF_INSTALLATION and place.parts[1] != "sboms"
    if place.parts[:2] == _OF_AWS and len(place.parts) > 3:
        return place.parts[2] in AWS_SERVICES
    return not str(place).startswith(tuple(_NEVER_READ.get(name, ())))


def is_licence(place: PurePosixPath) -> bool:
    """A text that has to go wherever the code goes."""
    return place.suffix not in {".py", ".so"} and place.name.lower().startswith(_LICENCES)


def installed(distribution: Locked, target: Target) -> Path:
    """The folder with what its wheel holds; the same hashes are installed once."""
    folder = _place("installed", distribution, target)
    with _made(folder) as new:
        if new:
            _uv(new, distribution, target)
    return folder


def wheel(distribution: Locked, target: Target) -> Path:
    """Its wheel as it was published."""
    folder = _place("wheels", distribution, target)
    with _made(folder) as new:
        if new:
            _download(new, distribution, target)
    return next(folder.glob("*.whl"))


def _place(kind: str, distribution: Locked, target: Target) -> Path:
    digest = hashlib.sha256(" ".join(distribution.hashes).encode()).hexdigest()[:12]
    return target.cache / kind / target.name / f"{distribution.name}-{distribution.version}-{digest}"


@contextmanager
def _made(folder: Path) -> Iterator[Path | None]:
    """A new folder that takes its place once it is whole; None = it is there already."""
    if folder.is_dir():
        yield None
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent) as temporary:
        new = Path(temporary) / "whole"
        new.mkdir()
        yield new
        with suppress(OSError):  # somebody else was faster, with the same
            new.rename(folder)


def _uv(folder: Path, distribution: Locked, target: Target) -> None:
    uv = Path(sys.executable).with_name("uv")
    with _requirements(distribution) as listed:
        _run(
            distribution,
            [str(uv), "pip", "install", "--quiet", "--python", sys.executable, "--target", str(folder), "--link-mode", "copy",
             "--python-platform", target.platform, "--python-version", target.python,
             "--no-deps", "--only-binary", ":all:", "--require-hashes", "--requirement", listed],
        )  # fmt: skip


def _download(folder: Path, distribution: Locked, target: Target) -> None:
    glibc = [f"manylinux_2_{minor}_{target.machine}" for minor in range(28, 4, -1)]
    platforms = [*glibc, *(f"manylinux{year}_{target.machine}" for year in ("2014", "2010", "1"))]
    abi = f"cp{target.python.replace('.', '')}"
    with _requirements(distribution) as listed:
        _run(
            distribution,
            [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--dest", str(folder), "--no-deps",
             "--only-binary", ":all:", "--require-hashes", "--python-version", target.python, "--implementation", "cp",
             *(part for one in (abi, "abi3", "none") for part in ("--abi", one)),
             *(part for one in platforms for part in ("--platform", one)), "--requirement", listed],
        )  # fmt: skip


@contextmanager
def _requirements(distribution: Locked) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="bundle-") as folder:
        listed = Path(folder) / "requirements.txt"
        listed.write_text(f"{distribution.requirement()}\n")
        yield str(listed)


def _run(distribution: Locked, command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join(done.stderr.split())[:300]
        raise Upstream(f"{distribution.name} {distribution.version}: its wheel cannot be had: {said}")
