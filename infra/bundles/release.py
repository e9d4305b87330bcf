"""python -m infra.bundles.release TAG: what a release offers, in one folder: bundles of each target, bills of materials, checksums.

Refused before anything is built where the tag is not of the version that the code says of itself.
"""

import argparse
import hashlib
import io
import sys
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.bundles.__main__ import main as build
from infra.bundles.needs import FUNCTIONS, ROOT, Cloud
from infra.bundles.papers import SBOM
from trimtab import __version__
from trimtab.errors import BadInput, TrimtabError

TARGETS: Sequence[tuple[Cloud, str]] = (("aws", "x86_64"), ("aws", "arm64"), ("gcp", "x86_64"))
"""Cloud and architecture; Google's functions have one alone."""
SUMS = "SHA256SUMS"


def check_tag(tag: str) -> None:
    """Raises BadInput where somebody would get another version than the tag says."""
    if tag != f"v{__version__}":
        raise BadInput(f"tag {tag!a}: shared/trimtab/__init__.py says {__version__}; tag v{__version__}, or raise the version first")


def release(out: Path) -> tuple[Path, ...]:
    """Build every target and pack it. Raises BadInput where the folder holds something already."""
    if out.exists() and any(out.iterdir()):
        raise BadInput(f"{out}: is not empty, and what lies in it would be released too; remove it")
    bills: dict[str, bytes] = {}
    made = []
    for cloud, architecture in TARGETS:
        folder = ROOT / "build" / "release" / f"{cloud}-{architecture}"
        failed = build(["--cloud", cloud, "--architecture", architecture, "--out", str(folder)])
        if failed:
            raise SystemExit(failed)
        zips = {path.stem: path.read_bytes() for path in sorted((folder / cloud).glob("*.zip"))}
        made.append(pack(zips, cloud, architecture, out))
        bills |= {f"{cloud}-{architecture}/{name}.cdx.json": bill_of(content) for name, content in zips.items()}
    made.append(write_tar(out / f"trimtab-{__version__}-sbom.tar", bills))
    made.append(write_sums(out, made))
    return tuple(made)


def pack(zips: Mapping[str, bytes], cloud: Cloud, architecture: str, out: Path) -> Path:
    """One target's bundles as they lie below dist/. Raises BadInput where one is missing or too many."""
    if set(zips) != set(FUNCTIONS):
        raise BadInput(f"{cloud} {architecture}: bundles of {', '.join(sorted(zips))}; a release has those of {', '.join(FUNCTIONS)}")
    return write_tar(
        out / f"trimtab-{__version__}-{cloud}-{architecture}.tar", {f"{cloud}/{name}.zip": zips[name] for name in sorted(zips)}
    )


def bill_of(bundle: bytes) -> bytes:
    """The bill of materials that a bundle carries."""
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        return archive.read(SBOM)


def write_tar(path: Path, files: Mapping[str, bytes]) -> Path:
    """Bytes that depend on what is in it and on nothing else: sorted, no times, nobody's name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size = len(files[name])
            archive.addfile(entry, io.BytesIO(files[name]))
    return path


def write_sums(out: Path, files: Sequence[Path]) -> Path:
    """SHA256SUMS, as `sha256sum --check` reads it."""
    lines = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(files))
    sums = out / SUMS
    sums.write_text("".join(lines))
    return sums


def main(arguments: Sequence[str]) -> int:
    """Exit 0 = the folder holds a whole release; 2 = the tag or the folder is not right."""
    parser = argparse.ArgumentParser(prog="infra.bundles.release", description="Write a release into a folder.")
    parser.add_argument("tag", help="the tag that it is released under, such as v1.2.3")
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / "release", help="an empty folder to write into")
    asked = parser.parse_args(arguments)
    try:
        check_tag(asked.tag)
        for path in release(asked.out):
            sys.stdout.write(f"{path}\n")
    except TrimtabError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
