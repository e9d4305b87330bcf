"""A bundle by itself: unpacked into a folder, run by an interpreter that sees nothing else. For tests and for measuring."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from infra.bundles.build import WHEELS
from trimtab.errors import Broken

_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"
_TRY = """
import importlib
def nobody(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"): raise RuntimeError(f"{event}{arguments} while importing")
sys.addaudithook(nobody)
for name in sys.argv[2:]: importlib.import_module(name)
places = (*sys.path[-int(sys.argv[1]):], sys.base_prefix)
files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
strange = [file for file in files if file and not file.startswith(places)]
if strange: raise SystemExit(f"from elsewhere: {strange}")
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unpacked:
    """A bundle as it lies on the disk of a function."""

    python: str
    """Path of an interpreter of the version that the bundle is for."""
    folders: tuple[Path, ...]
    """What is on the path beside the standard library, in this order."""

    def try_imports(self, names: Sequence[str]) -> None:
        """Import all of these, with nothing from elsewhere and nobody called. Raises Broken, saying what failed."""
        self.run(_TRY, str(len(self.folders)), *names)

    def command(self, program: str, *arguments: str) -> list[str]:
        """Isolated: no environment, no site-packages, no current folder, and no bytecode kept, because a function's disk is read-only."""
        places = [str(folder) for folder in self.folders]
        return [self.python, "-I", "-S", "-B", "-c", f"import sys; sys.path += {places!r}\n{program}", *arguments]

    def run(self, program: str, *arguments: str, environ: Mapping[str, str] | None = None) -> str:
        """What a program prints. Raises Broken, with the last line that it said, where it fails."""
        done = subprocess.run(self.command(program, *arguments), env=dict(environ or {}), capture_output=True, text=True, check=False)
        if done.returncode:
            raise Broken(done.stderr.strip().rpartition("\n")[2])
        return done.stdout


def unpacked(path: Path, folder: Path, python: str, version: str) -> Unpacked:
    """Unpack a zip; where wheels lie in it, install them beside it as Google's builder does."""
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder / "function")
    function = folder / "function"
    if not (function / WHEELS).is_dir():
        return Unpacked(python=python, folders=(function,))
    subprocess.run(
        [str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet", "--offline", "--python", sys.executable,
         "--no-index", "--find-links", str(function / WHEELS), "--require-hashes", "--only-binary", ":all:", "--link-mode", "copy",
         "--python-platform", "x86_64-manylinux_2_28", "--python-version", version,
         "--target", str(folder / "runtime"), "--requirement", str(function / "requirements.txt")],
        check=True,
    )  # fmt: skip
    return Unpacked(python=python, folders=(folder / "runtime", function))


@cache
def interpreter(version: str) -> str | None:
    """A Python of this version on this machine: this one, on PATH, or where pyenv keeps its versions; None = there is none."""
    return next((path for path in _candidates(version) if _version(path) == version), None)


def _candidates(version: str) -> Iterator[str]:
    yield sys.executable
    yield from (str(Path(folder) / f"python{version}") for folder in os.get_exec_path())
    yield from (str(path) for path in sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python")))


def _version(path: str) -> str:
    command: Sequence[str] = [path, "-c", _VERSION]
    if not Path(path).is_file():
        return ""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
