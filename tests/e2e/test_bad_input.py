"""Bad input at the command line: one line that names file, row or key, the promised exit code, nothing half-written."""

import csv
import gzip
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from trimtab.tables import USAGE

ROOT = Path(__file__).parents[2]
FILLED = ("collected_at", "day", "cluster_slug")
VALUES = {
    "hour": "h", "cluster_uid": "'c1'", "cluster": "'example'", "pool": "'general'", "node": "'n1'", "provider_id": "'i-1'",
    "instance_type": "'m5.large'", "labels": "'{}'", "seconds": "3600", "cpu_capacity": "2000", "memory_capacity": "8000000000",
    "gpu_capacity": "0", "pending": "false",
}  # fmt: skip
SAMPLE = ROOT / "shared" / "trimtab" / "demo" / "data" / "focus_sample_1.0.csv"


def trimtab(*words: str, store: Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TRIMTAB_")}
    environ = clean | {"PYTHONPATH": f"{ROOT / 'shared'}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "trimtab.cli.main", *words, "--store", f"file://{store}"]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=120)


def refusal(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The one line on stderr of a command that failed as it should."""
    assert done.returncode == code, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    return lines[0]


def written(store: Path) -> list[str]:
    """Everything a command left in the lake or the ledger."""
    return sorted(str(path.relative_to(store)) for path in store.rglob("*") if path.is_file() and "scratch" not in path.parts)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def test_a_truncated_export_is_named_and_leaves_nothing(store: Path, tmp_path: Path) -> None:
    """Half a gzip decompresses to plausible rows; its total would be wrong."""
    whole = gzip.compress(SAMPLE.read_bytes())
    file = tmp_path / "half.csv.gz"
    file.write_bytes(whole[: len(whole) // 2])

    line = refusal(trimtab("ingest", str(file), store=store), 2)

    assert "half.csv.gz" in line
    assert written(store) == []


def test_an_unknown_column_set_names_what_is_missing(store: Path, tmp_path: Path) -> None:
    """A file that is no bill must not become an empty one."""
    file = tmp_path / "people.csv"
    file.write_text("name,age\nx,1\n")

    line = refusal(trimtab("ingest", str(file), store=store), 2)

    assert "people.csv" in line
    assert "BilledCost" in line
    assert written(store) == []


def test_a_number_that_is_none_names_its_row(store: Path, tmp_path: Path) -> None:
    """NaN in one row would poison every sum above it."""
    with SAMPLE.open(newline="", encoding="utf-8-sig") as opened:
        rows = list(csv.DictReader(opened))[:20]
    rows[2]["BilledCost"] = "NaN"
    file = tmp_path / "nan.csv"
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)

    line = refusal(trimtab("ingest", str(file), store=store), 2)

    assert "nan.csv" in line
    assert "row 3" in line
    assert written(store) == []


def test_a_policy_with_an_unknown_key_names_its_path(store: Path, tmp_path: Path) -> None:
    """A typo in a rule must never be a rule that does not exist."""
    folder = tmp_path / ".trimtab"
    folder.mkdir()
    starter = ROOT / "gitops_templates" / "starter" / ".trimtab"
    for path in starter.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    policy = folder / "policy.yaml"
    policy.write_text(policy.read_text() + "\nautomerge_everything: true\n")

    done = subprocess.run(
        [sys.executable, "-m", "trimtab.cli.main", "policy", "check", str(folder)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": f"{ROOT / 'shared'}{os.pathsep}{ROOT}"}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert "automerge_everything" in refusal(done, 2)


def test_a_port_in_use_is_said_in_one_line(store: Path) -> None:
    """Two pages on one port would show one of them the other's store."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        line = refusal(trimtab("serve", "--port", str(port), store=store), 2)

    assert str(port) in line


def test_a_missing_file_is_bad_input(store: Path) -> None:
    """Typer's own exit code for usage is ours too."""
    assert trimtab("ingest", "/nowhere/bill.csv", store=store).returncode == 2


def test_an_unknown_proposal_is_bad_input(store: Path) -> None:
    """An id that is nobody's must not print an empty proposal."""
    assert "prop-000000000000" in refusal(trimtab("show", "prop-000000000000", store=store), 2)


@pytest.mark.security(1)
def test_deciding_by_name_is_for_a_disk_of_our_own(store: Path) -> None:
    """--as on a shared store would let anybody be the owner."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TRIMTAB_")}
    environ = clean | {"PYTHONPATH": f"{ROOT / 'shared'}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-m", "trimtab.cli.main", "approve", "prop-1", "--as", "platform-owner", "--store", "s3://example-store"],
        cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert "file://" in refusal(done, 1)


@pytest.mark.security(1)
@pytest.mark.parametrize(
    ("command", "instead"),
    [
        (("rollback", "prop-1"), "`/trimtab rollback prop-1 REASON` in Slack"),
        (("freeze", "dev-east/idle-nodes", "--lift"), "`/trimtab lift dev-east/idle-nodes REASON` in Slack"),
        (("freeze", "dev-east/idle-nodes"), "write a freeze into .trimtab/policy.yaml"),
    ],
)
def test_what_is_decided_by_name_elsewhere_says_how(command: tuple[str, ...], instead: str) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TRIMTAB_")}
    environ = clean | {"PYTHONPATH": f"{ROOT / 'shared'}{os.pathsep}{ROOT}"}
    options = ("--as", "platform-owner", "--reason", "why", "--store", "s3://example-store")
    done = subprocess.run(
        [sys.executable, "-m", "trimtab.cli.main", *command, *options],
        cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert instead in refusal(done, 1)


def test_usage_with_missing_hours_is_refused_unless_it_is_said(store: Path, tmp_path: Path) -> None:
    """A gap is unknown, never idle; whoever loads a file by hand is told before it counts."""
    drop = tmp_path / "usage" / "example-c1" / "2026-08-01"
    drop.mkdir(parents=True)
    columns = ", ".join(
        f"{VALUES.get(column.name, 'NULL')}::{column.sql_type} AS {column.name}" for column in USAGE if column.name not in FILLED
    )
    hours = "(TIMESTAMP '2026-08-01 00:00:00'), (TIMESTAMP '2026-08-01 03:00:00')"
    duckdb.sql(f"SELECT {columns} FROM (VALUES {hours}) AS t(h)").write_parquet(str(drop / "usage.parquet"))
    marker = {
        "cluster_uid": "c1",
        "cluster": "example",
        "from": "2026-08-01T00:00:00Z",
        "to": "2026-08-01T04:00:00Z",
        "files": ["usage.parquet"],
    }
    (drop / "_complete.json").write_text(json.dumps(marker))

    line = refusal(trimtab("usage", str(drop), store=store), 2)

    assert "2026-08-01T01:00Z to 2026-08-01T03:00Z" in line
    assert written(store) == []
    assert trimtab("usage", str(drop), "--allow-gaps", store=store).returncode == 0
