"""`trimtab export` as its users type it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "shared" / "trimtab" / "demo" / "data" / "focus_sample_1.0.csv"
CONFIG = ROOT / "shared" / "trimtab" / "demo" / "data" / "gitops" / "trimtab"


def trimtab(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TRIMTAB_")}
    environ = clean | {"PYTHONPATH": f"{ROOT / 'shared'}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "trimtab.cli.main", *words, "--store", f"file://{cwd}/store"]
    return subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False, timeout=120)


def test_a_bill_goes_in_and_comes_out_as_focus_files_to_the_last_digit(tmp_path: Path) -> None:
    """Whole files only: nothing half-written lies beside them, and a second run replaces the first one's."""
    shutil.copyfile(SAMPLE, tmp_path / "bill.csv")
    for words in (("ingest", "bill.csv", "--export", "sample"), ("allocate", "--config", str(CONFIG))):
        done = trimtab(*words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr

    told = [json.loads(trimtab("export", "--format", "json", "--out", "out", cwd=tmp_path).stdout) for _ in range(2)]

    assert told[0] == told[1]
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["sample-2024-09.focus-1.2.parquet", "sample-2024-10.focus-1.2.parquet"]
    assert [row["rows"] for row in told[0]] == [999, 1]
    billed = 'SELECT sum(CAST("BilledCost" AS DECIMAL(38, 12))) FROM'
    sums = [
        duckdb.sql(f"{billed} {source}").fetchall()
        for source in (f"'{tmp_path}/out/*.parquet'", f"read_csv('{SAMPLE}', all_varchar = true)")
    ]
    assert sums[0] == sums[1]


def test_a_period_without_cost_is_said_and_no_folder_is_made(tmp_path: Path) -> None:
    done = trimtab("export", "--period", "2024-09", "--out", "out", cwd=tmp_path)

    assert done.returncode == 2
    assert "nothing is allocated" in done.stderr
    assert not (tmp_path / "out").exists()
