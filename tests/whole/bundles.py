"""The bundles that a story is told with: those of `make bundle`, made anew where they are older than anything that could be in them."""

import fcntl
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from infra.bundles.needs import Cloud

ROOT = Path(__file__).parents[2]
SOURCES = ("shared", "functions", "gitops_templates/wording", "infra/bundles")


def current_bundles(cloud: Cloud, functions: Iterable[str]) -> Path:
    """The folder of a cloud's zips; at least these functions' are up to date. Two that ask at once take turns."""
    folder = ROOT / "dist" / cloud
    folder.mkdir(parents=True, exist_ok=True)
    with (ROOT / "dist" / ".lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        _make_current(cloud, folder, functions)
    return folder


def _make_current(cloud: Cloud, folder: Path, functions: Iterable[str]) -> None:
    newest = max(path.stat().st_mtime for source in SOURCES for path in (ROOT / source).rglob("*") if path.suffix not in {".pyc", ""})
    newest = max(newest, (ROOT / "requirements.lock").stat().st_mtime)
    old = [name for name in functions if not (zipped := folder / f"{name}.zip").exists() or zipped.stat().st_mtime < newest]
    if old:
        subprocess.run([sys.executable, "-m", "infra.bundles", "--cloud", cloud, *old], cwd=ROOT, check=True)
