"""An environment of its own for the official FOCUS validator: `python -m tests.focus.environment` makes it, once for each lock file.

The validator needs numpy below 2, which has wheels for Python 3.12 and none for newer ones, so 3.12 is the one that serves. It comes as
a source archive: its build tool is in the lock file too, so that every byte that is installed is known by its hash. `pandasql`, which it
names and never imports, is left out.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCKED = ROOT / "requirements-focus.txt"
HOMES = ROOT / ".venv"
WANTED = (3, 12)
NOT_WHEELS = ("focus-validator",)
NONE_HERE = "SKIPPED: the FOCUS validator is not run: it needs Python 3.12, and there is none on this machine"


def ready() -> Path | None:
    """The environment's Python; None = not made here."""
    python = _home() / "bin" / "python"
    return python if python.exists() else None


def suitable_python() -> str | None:
    """A Python 3.12 on this machine: on PATH, or where pyenv keeps its versions."""
    return next((path for path in _candidates() if _version(path) == WANTED), None)


def make(python: str) -> Path:
    """Build beside the place and move in whole, so that a half-made one is never used."""
    with tempfile.TemporaryDirectory(prefix="focus-", dir=HOMES) as folder:
        made = Path(folder) / "made"
        subprocess.run([python, "-m", "venv", "--without-pip", str(made)], check=True)
        wheels = Path(folder) / "wheels.txt"
        wheels.write_text("".join(_blocks()))
        _install(made, "--only-binary", ":all:", "-r", str(wheels))
        _install(made, "--no-build-isolation", "-r", str(LOCKED))
        if not _home().exists():
            made.rename(_home())
    return _home() / "bin" / "python"


def _home() -> Path:
    return HOMES / f"focus-{hashlib.sha256(LOCKED.read_bytes()).hexdigest()[:12]}"


def _candidates() -> Iterator[str]:
    name = "python" + ".".join(map(str, WANTED))
    yield sys.executable
    yield from (str(Path(folder) / name) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder)
    kept = Path(os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv"))) / "versions"
    yield from (str(path) for path in sorted(kept.glob("*/bin/python")))


def _version(python: str) -> tuple[int, ...] | None:
    """None where it does not run: a shim of a version that is not there."""
    if shutil.which(python) is None:
        return None
    asked = [python, "-c", "import sys, venv; print(*sys.version_info[:2])"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=30)
    return tuple(map(int, done.stdout.split())) if done.returncode == 0 else None


def _blocks() -> Iterator[str]:
    """The lock file without what has no wheel: a requirement begins in the first column, its hashes are indented."""
    kept = True
    for line in LOCKED.read_text().splitlines(keepends=True):
        if not line.startswith(" "):
            kept = not line.startswith(NOT_WHEELS)
        if kept:
            yield line


def _install(home: Path, *how: str) -> None:
    uv: Sequence[str] = (sys.executable, "-m", "uv")
    command = [*uv, "pip", "install", "--quiet", "--python", str(home / "bin" / "python"), "--require-hashes", "--no-deps", *how]
    subprocess.run(command, check=True)


def main() -> int:
    """Make it, or say loudly why not. Whatever needs it and could have it then fails by itself."""
    if ready():
        return 0
    python = suitable_python()
    if python is None:
        print(f"\n*** {NONE_HERE} ***\n", file=sys.stderr)
        return 0
    print(f"making the FOCUS validator's environment with {python} …", file=sys.stderr)
    try:
        make(python)
    except subprocess.CalledProcessError as error:
        print(f"\n*** the FOCUS validator cannot be installed ({error.cmd[0]} ended with {error.returncode}) ***\n", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
