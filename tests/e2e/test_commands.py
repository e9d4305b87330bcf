"""Commands as their users type them: a bill read twice, a corrected bill, an entry point called by hand."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "shared" / "trimtab" / "demo" / "data" / "focus_sample_1.0.csv"


def trimtab(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TRIMTAB_")}
    environ = clean | {"PYTHONPATH": f"{ROOT / 'shared'}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "trimtab.cli.main", *words]
    return subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def bills(tmp_path: Path) -> Path:
    """A folder with the real sample, delivered some time ago."""
    folder = tmp_path / "bills"
    folder.mkdir()
    shutil.copyfile(SAMPLE, folder / "bill.csv")
    for path in (folder / "bill.csv", folder):
        os.utime(path, (1_760_000_000, 1_760_000_000))
    return folder


def test_a_bill_is_read_and_told_and_reading_it_again_changes_nothing(bills: Path, tmp_path: Path) -> None:
    """The default output is for people; the same delivery twice is one delivery."""
    first = trimtab("ingest", str(bills), "--store", f"file://{tmp_path}/store", cwd=tmp_path)
    again = trimtab("ingest", str(bills), "--store", f"file://{tmp_path}/store", cwd=tmp_path)

    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert "999" in first.stdout
    assert "was here before" in again.stdout


def test_a_bill_corrected_in_place_replaces_the_one_before(bills: Path, tmp_path: Path) -> None:
    """An edit changes the file's time and not its folder's; taking the folder's would keep the wrong bill."""
    store = f"file://{tmp_path}/store"
    assert trimtab("ingest", str(bills), "--store", store, cwd=tmp_path).returncode == 0
    lines = (bills / "bill.csv").read_text().splitlines(keepends=True)
    (bills / "bill.csv").write_text("".join(lines[:101]))

    done = trimtab("ingest", str(bills), "--store", store, "--format", "json", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert sum(item["rows"] for item in json.loads(done.stdout).values() if "rows" in item) == 100


def test_an_entry_point_called_by_hand_works_on_the_store_that_was_named(tmp_path: Path) -> None:
    """Another store, the shell's or the default one, would be somebody else's."""
    event = ROOT / "events" / "ingest" / "tick.aws.json"

    done = trimtab("invoke", "ingest", str(event), "--store", f"file://{tmp_path}/named", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "named" / "default" / "done").exists()
    assert not (tmp_path / "trimtab-store").exists()


def test_a_clock_without_a_zone_is_refused(tmp_path: Path) -> None:
    """A time that could be any is none."""
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "settings.json").write_text('{"clock": "2026-08-03T10:00:00"}')

    done = trimtab("status", "--store", f"file://{tmp_path}/store", cwd=tmp_path)

    assert done.returncode == 2
    assert "clock" in done.stderr


def test_a_store_that_is_a_file_is_said_in_one_line(tmp_path: Path) -> None:
    """Not a traceback: the path is what its owner has to correct."""
    (tmp_path / "file").write_text("")

    done = trimtab("status", "--store", f"file://{tmp_path}/file", cwd=tmp_path)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
