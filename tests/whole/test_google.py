"""The whole thing on Google's shapes: Terraform applied, functions run by the functions framework, `gs://`, Pub/Sub; and its worst day.

It takes minutes, so `make e2e` tells it.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from infra.bundles.alone import interpreter
from tests.forges.github import description
from tests.infra.test_terraform_gcp import FUNCTIONS, TERRAFORM
from tests.whole import clock
from tests.whole.bundles import current_bundles
from tests.whole.deaths import lacking
from tests.whole.doors import OUTSIDE
from tests.whole.estate import APPROVER
from tests.whole.google_pubsub import Message, PubSub, Pushed, Subscription
from tests.whole.google_run import Answer, Installed, Killer, Service
from tests.whole.story import MORNING

ROOT = Path(__file__).parents[2]
SECONDS = 1500
EITHER = re.compile("(`?[a-z]+-owner`?)(?: or |, )(`?[a-z]+-owner`?)")
WHOLE = os.environ.get("TRIMTAB_WHOLE", "")
"""A seed for what goes wrong, where all of it is to be told; "" = only what takes seconds."""


def why_not() -> str:
    """Why it cannot be told here; "" = it can."""
    no_terraform = "" if TERRAFORM else "no terraform on this machine"
    no_python = "" if interpreter("3.12") else "NO PYTHON 3.12 HERE: bundles for Google Cloud cannot be run"
    no_github = "" if description.is_installed() else description.MISSING
    return no_terraform or clock.why_not() or no_python or no_github


is_whole = pytest.mark.skipif(bool(why_not()) or not WHOLE, reason=why_not() or "all of it takes minutes: make e2e tells it")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came of the story, told twice."""
    folder = tmp_path_factory.mktemp("google")
    at = clock.Clock.at(datetime.fromisoformat(MORNING), folder / "clock")
    command = [sys.executable, "-m", "tests.whole.google_story", str(folder), str(current_bundles("gcp", FUNCTIONS)), WHOLE]
    environ = {**os.environ, **at.environ(), "PYTHONPATH": f"{ROOT}:{ROOT / 'shared'}"}
    with (folder / "log").open("w") as log, subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log) as telling:
        try:
            ended = telling.wait(SECONDS)
        finally:
            telling.terminate()
    assert ended == 0, (folder / "log").read_text()[-6000:]
    found: dict[str, Any] = json.loads((folder / "told.json").read_text())
    sys.stdout.write("\n".join((f"seed {found['seed']}", *found["chaos"]["deaths"], "")))
    return found


def alike(end: dict[str, Any]) -> Any:
    """An end without what may differ: who of two is named first goes by random keys, and where two instances served one click at the very
    same moment, its answer may stand there twice."""
    said = end | {"messages": {channel: sorted(set(messages)) for channel, messages in end["messages"].items()}}
    return json.loads(EITHER.sub(lambda found: " or ".join(sorted(found.groups())), json.dumps(said)))


# ── The whole ────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.slow
@is_whole
def test_one_change_is_proposed_approved_merged_and_its_saving_verified(story: dict[str, Any]) -> None:
    proposals = story["calm"]["end"]["proposals"]

    assert {each[1] for each in proposals} == {"verified"}
    assert len([each for each in proposals if f"{APPROVER} in slack" in each]) == 1


@pytest.mark.slow
@is_whole
def test_one_pull_request_one_branch_and_one_card_stand_for_one_change(story: dict[str, Any]) -> None:
    end = story["chaos"]["end"]

    assert len({branch for branch, _ in end["pull requests"]}) == len(end["pull requests"])
    assert set(end["cards"].values()) == {1}


@pytest.mark.slow
@is_whole
def test_every_period_is_allocated_to_the_cent(story: dict[str, Any]) -> None:
    """What was allocated, what was idle and what belongs to nobody are the bill."""
    for period, *lines in story["calm"]["end"]["bill"]:
        assert lines
        assert all(float(line.rsplit(" ", 1)[1]) == 0 for line in lines), period


@pytest.mark.slow
@is_whole
@pytest.mark.parametrize("telling", ["calm", "chaos"])
def test_the_record_holds_and_nothing_waits_or_died_unserved(story: dict[str, Any], telling: str) -> None:
    assert story[telling]["end"]["broken"] == []
    assert story[telling]["end"]["waiting"] == []
    assert story[telling]["dead"] == {}
    assert "streams are consistent" in story[telling]["verified"]


@pytest.mark.slow
@is_whole
@pytest.mark.security(28)
@pytest.mark.parametrize("telling", ["calm", "chaos"])
def test_no_function_asked_for_more_than_its_service_account_may(story: dict[str, Any], telling: str) -> None:
    """Terraform's bindings stand before every call of Cloud Storage, so what is missing would have stopped the story, too."""
    assert story[telling]["refused"] == []


@pytest.mark.slow
@is_whole
def test_killed_in_the_middle_and_delivered_twice_it_comes_to_the_same_end(story: dict[str, Any]) -> None:
    """Each function died, some of its work half done, and every message and webhook came again."""
    assert min(story["chaos"]["killed"].values()) >= 1, story["chaos"]["killed"]

    assert alike(story["chaos"]["end"]) == alike(story["calm"]["end"])


@pytest.mark.slow
@is_whole
def test_functions_die_of_their_calls_to_the_forge_slack_and_palette_too(story: dict[str, Any]) -> None:
    """Before a call is carried out, and after it."""
    deaths = story["chaos"]["deaths"]

    assert lacking(deaths, *OUTSIDE) == []


# ── What it runs on ──────────────────────────────────────────────────────────────────────────────────────────────────
SLOW = """
import subprocess, time
import functions_framework

@functions_framework.cloud_event
def handler(event):
    if event.data["message"]["attributes"]["objectId"] == "slow":
        child = subprocess.Popen(["sleep", "600"])
        open("child", "w").write(str(child.pid))
        time.sleep(600)
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A function that takes a second at most, and would take ten minutes where it is asked to."""
    (tmp_path / "main.py").write_text(SLOW)
    environ = {"PATH": os.environ["PATH"], "FUNCTION_TARGET": "handler", "FUNCTION_SIGNATURE_TYPE": "http", "HOST": "127.0.0.1"}
    installed = Installed(source=tmp_path, python=Path(sys.executable))
    made = Service(name="slow", installed=installed, environ=environ, timeout=1, most=1, log=tmp_path / "log")
    yield made
    made.kill()


def pushed(service: Service, thing: str) -> Answer:
    body = json.dumps({"message": {"messageId": "1", "data": "e30=", "attributes": {"objectId": thing}}, "subscription": "s"}).encode()
    return service.call("POST", "/", {"content-type": "application/json"}, body)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
def test_a_function_that_takes_too_long_is_killed_with_its_children_and_the_next_request_is_served(
    service: Service, tmp_path: Path
) -> None:
    late, next_one = pushed(service, "slow"), pushed(service, "quick")

    assert (late.status, next_one.status) == (504, 200)
    assert not is_alive(int((tmp_path / "child").read_text()))


@pytest.mark.slow
def test_an_instance_that_is_killed_in_the_middle_leaves_its_caller_without_an_answer_once(service: Service) -> None:
    assert pushed(service, "quick").status == 200
    service.timeout = 60
    service.killer = Killer(seed=1, each=1, usual={"slow": 0.5})

    statuses = [pushed(service, "slow").status, pushed(service, "quick").status]

    assert statuses == [503, 200]
    assert (service.killer.killed, len(service.killer.told)) == ({"slow": 1}, 1)


def subscription(**changed: object) -> Subscription:
    """As Terraform's state has it."""
    made: dict[str, Any] = {
        "name": "trimtab-merge-slack", "topic": "google_pubsub_topic/trimtab-inbox", "ack_deadline_seconds": 210,
        "filter": 'hasPrefix(attributes.objectId, "default/inbox/slack/")', "message_transforms": [],
        "push_config": [{"push_endpoint": "https://merge", "oidc_token": [{"service_account_email": "caller"}]}],
        "retry_policy": [{"minimum_backoff": "1s", "maximum_backoff": "2s"}],
        "dead_letter_policy": [{"dead_letter_topic": "google_pubsub_topic/trimtab-merge-dead", "max_delivery_attempts": 5}],
    }  # fmt: skip
    return Subscription.of(made | changed)


DEAD: dict[str, Any] = {"name": "trimtab-merge-dead", "topic": "google_pubsub_topic/trimtab-merge-dead", "filter": None, "push_config": [],
        "retry_policy": [], "dead_letter_policy": []}  # fmt: skip


def brought(statuses: list[int], *things: str) -> tuple[list[str], Mapping[str, list[Message]]]:
    """What was pushed, and what nobody could do, where a function answers so and at last 200."""
    seen: list[str] = []

    def push(_subscription: Subscription, pushed: Pushed) -> int:
        seen.append(json.loads(pushed.body)["message"]["attributes"]["objectId"])
        return statuses.pop(0) if statuses else 200

    pubsub = PubSub([subscription(), subscription(**DEAD)], push)
    for thing in things:
        pubsub.publish("projects/x/topics/trimtab-inbox", "e30=", {"objectId": thing})
    pubsub.settle(20)
    pubsub.end()
    return seen, pubsub.dead()


def test_a_message_is_brought_until_it_is_taken_and_to_nobody_whose_filter_leaves_it_out() -> None:
    seen, dead = brought([500, 503, 429], "default/inbox/slack/a", "default/inbox/github/b")

    assert seen == ["default/inbox/slack/a"] * 4
    assert dead == {}


def test_what_nobody_can_do_is_dead_after_its_deliveries_and_kept() -> None:
    seen, dead = brought([500] * 9, "default/inbox/slack/a")

    assert len(seen) == 5
    assert [message.attributes["objectId"] for message in dead["trimtab-merge-dead"]] == ["default/inbox/slack/a"]


def test_a_doubled_message_is_brought_as_a_push_and_as_a_cloudevent() -> None:
    """Functions take both; a trigger of Eventarc in place of a subscription of ours brings the other."""
    kinds: list[bool] = []

    def push(_subscription: Subscription, pushed: Pushed) -> int:
        kinds.append("ce-type" in pushed.headers)
        return 200

    pubsub = PubSub([subscription()], push, doubled=True)
    pubsub.publish("projects/x/topics/trimtab-inbox", "e30=", {"objectId": "default/inbox/slack/a"})
    pubsub.settle(20)
    pubsub.end()

    assert sorted(kinds) == [False, True]


def test_a_filter_that_this_pubsub_does_not_know_is_refused() -> None:
    """Otherwise a subscription could take less or more here than at Google's."""
    with pytest.raises(ValueError, match="teach it"):
        subscription(filter='attributes.objectId = "x"')
