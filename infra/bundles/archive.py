"""Zips whose bytes depend on what is in them and on nothing else."""

import hashlib
import os
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

_MADE = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can say."""
_READABLE = 0o100644 << 16
_UNIX = 3


def write_zip(path: Path, files: Mapping[str, bytes]) -> None:
    """Sorted, with fixed times and modes; it takes its place once it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    with zipfile.ZipFile(new, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _MADE)
            entry.create_system, entry.external_attr = _UNIX, _READABLE
            entry.compress_type = zipfile.ZIP_STORED if name.endswith(".whl") else zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name])
    new.replace(path)


def write_checksums(folder: Path, zips: Iterable[Path]) -> None:
    """SHA256SUMS, as `sha256sum --check` reads it; the lines of zips that are not there any more go."""
    folder.mkdir(parents=True, exist_ok=True)
    sums = folder / "SHA256SUMS"
    lines = [line.split("  ", 1) for line in sums.read_text().splitlines()] if sums.exists() else []
    known = {name: digest for digest, name in lines} | {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in zips
    }
    sums.write_text("".join(f"{digest}  {name}\n" for name, digest in sorted(known.items()) if (folder / name).is_file()))
