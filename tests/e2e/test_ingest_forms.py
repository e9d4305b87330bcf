"""`trimtab ingest` as its users type it: the header says what a bill is, `--as` overrules it, and what was left out is said."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.cur_bills import line, write_csv

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "tests" / "data" / "billing" / "aws_cur_legacy.csv"


def trimtab(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TRIMTAB_")}
    environ = clean | {"PYTHONPATH": f"{ROOT / 'shared'}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "trimtab.cli.main", *words, "--store", f"file://{cwd}/store"]
    return subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False, timeout=120)


def test_an_aws_report_is_known_by_its_header(tmp_path: Path) -> None:
    done = trimtab("ingest", str(SAMPLE), "--format", "json", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["2023-11"]["rows"] == 291


def test_what_was_left_out_of_a_bill_is_said_to_people(tmp_path: Path) -> None:
    pod = line("Usage", "0", line_item_operation="EKSPod-EC2", split_line_item_parent_resource_id="i-0abc")
    path = write_csv(tmp_path / "bill.csv", [line("Usage", "1"), pod])

    done = trimtab("ingest", str(path), "--as", "cur", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "left out 1 rows of split cost allocation" in done.stderr


def test_a_form_that_a_file_is_not_is_bad_input(tmp_path: Path) -> None:
    wrong, unknown = (trimtab("ingest", str(SAMPLE), "--as", form, cwd=tmp_path) for form in ("focus", "excel"))

    assert (wrong.returncode, unknown.returncode) == (2, 2)
    assert "aws_cur_legacy.csv: no FOCUS 1.0 or 1.2 file" in wrong.stderr
    assert "--as excel: focus, cur, azure, gcp, oci are read" in unknown.stderr
