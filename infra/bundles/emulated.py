"""python -m infra.bundles.emulated: import each arm64 bundle alone on a machine that is not arm64, by Debian's Python under QEMU.

Nothing is installed and nobody must be root: Debian's packages are unpacked below build/arm64. The bundles are built for the Python
that Debian has, so it is the libraries of that version that are tried; on an arm64 machine `make bundle` tries those that are deployed.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.bundles import __main__ as bundles
from infra.bundles.needs import ROOT, this_machine
from trimtab.errors import Broken, TrimtabError, Upstream

HOME = ROOT / "build" / "arm64"
DEBIAN_NAMES = {"x86_64": "amd64", "aarch64": "arm64"}


def main(home: Path = HOME) -> int:
    """Exit 0 = all were built, and each can be imported."""
    try:
        version, python = prepared(home)
    except TrimtabError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    which = ["--cloud", "aws", "--architecture", "arm64", "--python", version]
    return bundles.main([*which, "--interpreter", str(python), "--out", str(home / "dist")])


def prepared(home: Path) -> tuple[str, Path]:
    """The version of Debian's Python for arm64, and a program that runs it here. Raises Upstream, Broken."""
    qemu = _unpacked(home / "qemu", DEBIAN_NAMES[this_machine()], "qemu-user-static") / "usr/bin/qemu-aarch64-static"
    root = _unpacked(home / "debian", "arm64", "python3", "libstdc++6")
    found = sorted((root / "usr/bin").glob("python3.*[0-9]"))
    if not qemu.is_file() or len(found) != 1:
        raise Broken(f"{home}: no qemu-aarch64-static, or not one Python, in Debian's packages; remove the folder and try again")
    python = home / found[0].name
    python.write_text(f'#!/bin/sh\nexec "{qemu}" -L "{root}" "{found[0]}" "$@"\n')
    python.chmod(0o755)
    return found[0].name.removeprefix("python"), python


def _unpacked(folder: Path, architecture: str, *packages: str) -> Path:
    """Packages of Debian with all that they depend on, for that architecture, unpacked and not installed; once."""
    root = folder / "root"
    if root.is_dir():
        return root
    for each in ("state/lists/partial", "cache/archives/partial", "unpacked"):
        (folder / each).mkdir(parents=True, exist_ok=True)
    (folder / "state/status").touch()
    options = {
        "Dir::State": folder / "state", "Dir::State::status": folder / "state/status", "Dir::Cache": folder / "cache",
        "APT::Architecture": architecture, "APT::Architectures": architecture, "APT::Sandbox::User": "root", "Debug::NoLocking": "true",
    }  # fmt: skip
    apt = ["apt-get", "-qq", *(part for name, value in options.items() for part in ("-o", f"{name}={value}"))]
    _run([*apt, "update"])
    _run([*apt, "install", "--download-only", "--yes", "--no-install-recommends", *packages])
    for archive in sorted((folder / "cache/archives").glob("*.deb")):
        _run(["dpkg-deb", "--extract", str(archive), str(folder / "unpacked")])
    # Last, so that a folder of this name is always whole.
    return (folder / "unpacked").rename(root)


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Upstream(f"{command[0]}: not there; Debian's packages are fetched with it") from None
    if done.returncode:
        raise Upstream(f"{command[0]} {command[-1]}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")


if __name__ == "__main__":
    sys.exit(main())
