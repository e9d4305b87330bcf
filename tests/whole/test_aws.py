"""The whole thing on AWS's shapes: Terraform applied, bundles run by AWS's own runtime client, real queues; and its worst day.

It takes minutes, so `make e2e` tells all of it, and `make test` deploys the one function that usage passes through.
"""

import json
import os
import subprocess
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from infra.bundles.alone import interpreter
from tests.forges.github import description
from tests.infra import terraform
from tests.infra.iam_policies import FUNCTIONS
from tests.whole import clock
from tests.whole.bundles import current_bundles
from tests.whole.deaths import lacking
from tests.whole.doors import OUTSIDE
from tests.whole.estate import APPROVER, CLUSTER, POOL
from tests.whole.repositories import Kind
from tests.whole.story import MORNING

ROOT = Path(__file__).parents[2]
SECONDS = 1500
WHOLE = os.environ.get("TRIMTAB_WHOLE", "")
"""A seed for what goes wrong, where all of it is to be told; "" = only the small one."""


def why_not() -> str:
    """Why it cannot be told here; "" = it can."""
    no_github = "" if description.is_installed() else description.MISSING
    no_python = "" if interpreter("3.12") else "NO PYTHON 3.12 HERE: bundles for AWS cannot be run"
    return terraform.why_not() or clock.why_not() or no_python or no_github


pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not())]
is_whole = pytest.mark.skipif(not WHOLE, reason="all of it takes minutes: make e2e tells it")


def told(folder: Path, functions: list[str], kind: Kind, seed: str) -> dict[str, Any]:
    """What came of the story."""
    bundles = current_bundles("aws", functions)
    at = clock.Clock.at(datetime.fromisoformat(MORNING), folder / "clock")
    command = [sys.executable, "-m", "tests.whole.on_aws", str(folder), str(bundles), kind, seed]
    environ = {**os.environ, **at.environ(), "PYTHONPATH": f"{ROOT}:{ROOT / 'shared'}"}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    found: dict[str, Any] = json.loads((folder / "told.json").read_text())
    return found


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """With GitHub; `test_aws_on_gitlab.py` has the other one, and the same tests."""
    return told(tmp_path_factory.mktemp("aws-github"), list(FUNCTIONS), "github", WHOLE)


# ── The small one ────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.skipif(bool(WHOLE), reason="part of the whole")
def test_usage_that_lands_reaches_the_lake_through_the_function_that_terraform_made(tmp_path: Path) -> None:
    """Bucket, notification, queue, mapping, role, bundle and runtime have to fit together for one drop to be read."""
    small = told(tmp_path, ["ingest"], "github", "small")

    assert small["refused"] == []
    assert [queue for queue in small["queues"] if "ingest" in queue] == []
    assert small["usage"] == [f"usage of {CLUSTER.cluster.name}"]
    assert small["due"] == {
        "verify": "03 05:00", "collect": "03 05:05", "alert": "03 05:10", "ingest": "03 05:25", "learn": "03 05:40", "propose": "03 06:00",
        "report": "03 07:30",
    }  # fmt: skip


# ── The whole ────────────────────────────────────────────────────────────────────────────────────────────────────────
@is_whole
def test_one_change_is_proposed_approved_merged_and_its_saving_verified(story: dict[str, Any]) -> None:
    proposals = story["calm"]["end"]["proposals"]

    assert {state for _, state, *_ in proposals} == {"verified"}
    assert [each for each in proposals if each[2] == POOL and f"{APPROVER} in slack" in each] != []


@is_whole
@pytest.mark.parametrize("telling", ["calm", "chaos"])
def test_one_merged_pull_request_and_one_card_stand_for_the_change(story: dict[str, Any], telling: str) -> None:
    end = story[telling]["end"]

    assert [state for branch, state in end["pull requests"] if POOL in branch] == ["merged"]
    assert end["cards"][POOL] == 1


@is_whole
def test_every_period_is_allocated_to_the_cent(story: dict[str, Any]) -> None:
    """What was allocated, what was idle and what belongs to nobody are the bill."""
    for period, *lines in story["calm"]["end"]["bill"]:
        assert lines
        assert [line for line in lines if Decimal(line.rpartition(" ")[2])] == [], period


@is_whole
@pytest.mark.parametrize("telling", ["calm", "chaos"])
def test_the_record_holds_and_nothing_waits_or_died_unserved(story: dict[str, Any], telling: str) -> None:
    assert story[telling]["end"]["broken"] == []
    assert story[telling]["end"]["waiting"] == []
    assert story[telling]["queues"] == {}
    assert "streams are consistent" in story[telling]["verified"]


@is_whole
@pytest.mark.security(17, 28)
@pytest.mark.parametrize("telling", ["calm", "chaos"])
def test_no_function_asked_for_more_than_its_role_allows(story: dict[str, Any], telling: str) -> None:
    """IAM stands before every call here, the ledger's create-only policy with it: what is missing would have stopped the story, too."""
    assert story[telling]["refused"] == []


@is_whole
def test_killed_in_the_middle_and_delivered_twice_it_comes_to_the_same_end(story: dict[str, Any]) -> None:
    """Each function died, some of its work half done, and every message and webhook came again."""
    calm, chaos = story["calm"]["end"], story["chaos"]["end"]
    differing = {part: (calm[part], chaos[part]) for part in calm if calm[part] != chaos[part]}

    assert differing == {}, "\n".join((f"seed {story['seed']}", *story["chaos"]["deaths"]))


@is_whole
def test_every_function_dies_of_its_calls_to_the_cloud_the_forge_slack_and_palette(story: dict[str, Any]) -> None:
    """Before a call is carried out, and after it."""
    deaths = story["chaos"]["deaths"]

    assert {line.partition(",")[0] for line in deaths} == set(FUNCTIONS)
    assert lacking(deaths, ("AWS",), *OUTSIDE) == []
