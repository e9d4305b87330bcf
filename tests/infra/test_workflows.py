"""What outside users' CI runs is what ours runs, and nothing in it can be swapped under our feet."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def read(path: Path) -> Any:
    return YAML(typ="safe").load(path)


def test_the_continuous_integration_is_our_own_script_on_every_supported_python() -> None:
    (job,) = read(ROOT / ".github/workflows/ci.yml")["jobs"].values()
    oldest = re.search(r'requires-python = ">=(\S+)"', (ROOT / "pyproject.toml").read_text())

    assert job["steps"][-1] == {"run": "bash .ci/run"}
    assert oldest
    assert job["strategy"]["matrix"]["python"][0] == oldest[1]
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_by_its_commit(path: Path) -> None:
    """A tag can be moved; a commit cannot. The version beside it is for whoever updates it."""
    used = re.findall(r"uses: (.*)", path.read_text())

    assert used
    assert [line for line in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_do_nothing_but_what_a_job_asks_for(path: Path) -> None:
    workflow = read(path)

    assert workflow["permissions"] == {}
    assert all("permissions" in job and job["timeout-minutes"] <= 90 for job in workflow["jobs"].values())


def test_an_auditor_of_workflows_finds_nothing() -> None:
    zizmor = str(Path(sys.executable).with_name("zizmor"))
    done = subprocess.run(
        [zizmor, "--offline", "--no-progress", "--persona=pedantic", str(ROOT / ".github/workflows")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
