"""One search tells a story: from the event that began it over every step to the pull request, each line and entry has the same id."""

import hashlib
import json
from pathlib import Path

import pytest

from tests.flow.flow_world import REPO, World, make_world, shrink
from tests.flow.test_alert_notices import body, deliver
from tests.judgement import NOW
from trimtab.errors import Upstream
from trimtab.flow.correlation import LARGEST, begun_by
from trimtab.flow.wake import Wake, serve, tick_key
from trimtab.ports import Ports

KEY = "inbox/decide/prop-1.0.x"
TICK = tick_key("propose", NOW)
FOREIGN = "0123456789abcdef"


def stories(world: World, event: str) -> set[object]:
    return {values.get("correlation") for said, values in world.log.said if said == event}


def handed_on(world: World, key: str) -> object:
    return json.loads(world.ports.inbox.read(key) or b"{}").get("correlation")


def served_as(kept: bytes, tmp_path: Path, key: str = KEY) -> object:
    """The id of a wake for which this body lies in the inbox."""
    world = make_world(tmp_path)
    world.ports.inbox.put(key, kept)
    found: list[str] = []

    def use_case(_wake: Wake, ports: Ports, _now: object) -> str:
        found.append(ports.correlation)
        return "done"

    serve(use_case, Wake(key=key), world.ports, NOW)
    return found[0]


# ── the story ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_run_is_one_story_from_the_clock_to_the_pull_request(tmp_path: Path) -> None:
    world = make_world(tmp_path)

    world.propose(shrink())

    run = f"run-{NOW:%Y%m%dt%H%Mz}"
    assert stories(world, "proposal") == {begun_by(TICK)}
    assert handed_on(world, f"inbox/propose/{run}.open") == begun_by(TICK)
    assert {entry.body["correlation"] for entry in world.entries()} == {begun_by(TICK)}
    opened = [values for event, values in world.log.said if event == "proposal" and values["kind"] == "opened"]
    assert [(line["repo"], line["pull_request"], line["proposal"]) for line in opened] == [(REPO, 1, world.life().planned().id)]


def test_a_story_goes_from_a_budget_notice_over_the_run_that_it_wakes(tmp_path: Path) -> None:
    world, notice = make_world(tmp_path), body()
    key = f"inbox/notice/{hashlib.sha256(notice).hexdigest()}"

    deliver(world, notice)

    assert {values["kind"] for event, values in world.log.said if event == "alert"} >= {"told"}
    assert stories(world, "alert") == {begun_by(key)}
    (woken,) = [key for key in world.ports.inbox.kept("propose") if "wake." in key]
    assert handed_on(world, woken) == begun_by(key)
    world.deliver()
    plans = [values for event, values in world.log.said if event == "wake.finished" and str(values["key"]).startswith("inbox/propose/")]
    assert plans
    assert {values["correlation"] for values in plans} == {begun_by(key)}


def test_every_line_of_a_wake_says_which_item_it_serves(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.propose(shrink())
    world.webhook()
    world.click("approve")
    world.tick_verify()

    for event, values in world.log.said:
        assert str(values["key"]).startswith("inbox/"), event
        assert values["function"] in {"propose", "merge", "verify"}, event
        assert len(str(values["correlation"])) == len(begun_by("x")), event


def test_each_decision_is_one_line(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.propose(shrink())
    world.click("approve")
    world.webhook()

    lines = [values["kind"] for event, values in world.log.said if event == "proposal"]

    assert lines == world.kinds()
    assert {"opened", "approved", "merged"} <= set(lines)


def test_a_finding_that_is_not_opened_is_one_line_with_its_rule(tmp_path: Path) -> None:
    world = make_world(tmp_path)

    world.propose(shrink(needs_person="Somebody should look at it."))

    (line,) = [values for event, values in world.log.said if event == "finding.refused"]
    assert (line["rule"], line["correlation"]) == ("needs-person", begun_by(TICK))


def test_a_message_that_comes_twice_and_late_is_of_the_same_story(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.propose(shrink())
    (key,) = [key for key in world.ports.inbox.kept("propose") if key.endswith(".open")]

    world.forget(key)
    world.later(hours=5)
    world.serve(key)

    ends = [values["correlation"] for event, values in world.log.said if event == "wake.finished" and values["key"] == key]
    assert ends == [begun_by(TICK)] * 2


def test_what_is_served_again_stays_in_its_own_story(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    for name in ("a", "b"):
        world.ports.inbox.put(f"inbox/slack/{name}", b"nonsense")
    world.ports.inbox.put(KEY, json.dumps({"correlation": FOREIGN}).encode())

    world.serve("inbox/again/merge/2026-11-18T10Z", b"{}")

    ended = {values["key"]: values["correlation"] for event, values in world.log.said if event == "wake.finished"}
    assert ended["inbox/slack/a"] == begun_by("inbox/slack/a")
    assert ended[KEY] == FOREIGN


def test_a_try_that_fails_says_so_with_the_time_it_took(tmp_path: Path) -> None:
    world = make_world(tmp_path)

    def use_case(_wake: Wake, _ports: Ports, _now: object) -> str:
        raise Upstream("no answer")

    with pytest.raises(Upstream):
        serve(use_case, Wake(key=KEY, body=b"{}"), world.ports, NOW)

    ((event, values),) = world.log.said
    assert (event, values["input"], values["function"]) == ("wake.failed", "no answer", "merge")
    assert isinstance(values["seconds"], float)


# ── nobody is believed ───────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(25)
@pytest.mark.parametrize(
    "kept",
    [
        b"", b"{}", b"null", b"[]", b"\xff\xfe", b'{"correlation": 7}', b'{"correlation": null}', b'{"correlation": ["0123456789abcdef"]}',
        b'{"correlation": "0123456789ABCDEF"}', b'{"correlation": "0123456789abcdef\\n"}', b'{"correlation": "0123456789abcde"}',
        b'{"correlation": "' + b"a" * (LARGEST + 1) + b'"}', b"[" * 50_000,
        json.dumps({"correlation": FOREIGN, "padding": "x" * LARGEST}).encode(),
        json.dumps({"correlation": '{"_aws": {"CloudWatchMetrics": []}}'}).encode(),
    ],
)  # fmt: skip
def test_what_does_not_look_like_an_id_begins_a_story_of_its_own(tmp_path: Path, kept: bytes) -> None:
    assert served_as(kept, tmp_path) == begun_by(KEY)


@pytest.mark.security(25)
@pytest.mark.parametrize("source", ["slack", "github", "gitlab", "palette", "azure", "alertmanager"])
def test_what_a_sender_writes_is_never_taken_for_an_id(tmp_path: Path, source: str) -> None:
    """Their requests begin stories; only messages that our functions left for each other hand one on."""
    key = f"inbox/{source}/{'0' * 64}"

    assert served_as(json.dumps({"correlation": FOREIGN}).encode(), tmp_path, key) == begun_by(key)


@pytest.mark.parametrize("kept", [b"not json", b"[1]", b'{"correlation": "theirs"}', b'{"a": "' + b"x" * LARGEST + b'"}'])
def test_a_message_that_cannot_carry_an_id_is_kept_as_it_is(tmp_path: Path, kept: bytes) -> None:
    world = make_world(tmp_path)

    def use_case(_wake: Wake, ports: Ports, _now: object) -> str:
        ports.inbox.put("inbox/propose/another", kept)
        return "done"

    serve(use_case, Wake(key=KEY, body=b"{}"), world.ports, NOW)

    assert world.ports.inbox.read("inbox/propose/another") == kept
