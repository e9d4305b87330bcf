"""The frame that every use case runs in, and the one way to change a stream."""

from pathlib import Path

import pytest

from tests.flow.flow_world import make_world, shrink
from tests.judgement import NOW
from trimtab.errors import BadInput, Broken, Refused, TrimtabError, Upstream
from trimtab.flow.codec import load
from trimtab.flow.correlation import begun_by
from trimtab.flow.life import ATTEMPTS, Journal, Life, Moved, until_settled
from trimtab.flow.wake import Wake, check_route, function_of, serve, tick_key
from trimtab.lifecycle import Event, State
from trimtab.ports import Ports

KEY = "inbox/decide/prop-1.0.x"


def failing(error: TrimtabError) -> object:
    def use_case(_wake: Wake, _ports: Ports, _now: object) -> str:
        raise error

    return use_case


@pytest.mark.parametrize("error", [BadInput("row 7: no number"), Refused("not today"), Broken("a hash does not match")])
def test_what_no_retry_makes_better_is_finished_with_its_reason(tmp_path: Path, error: TrimtabError) -> None:
    """A queue that delivers it for ever helps nobody."""
    world = make_world(tmp_path)

    outcome = serve(failing(error), Wake(key=KEY, body=b"{}"), world.ports, NOW)  # type: ignore[arg-type]

    assert outcome == f"refused: {error}"
    assert world.ports.inbox.is_done(KEY)
    assert ("wake.refused", {"key": KEY, "input": str(error), "function": "merge", "correlation": begun_by(KEY)}) in world.log.said


def test_a_failure_outside_escapes_and_leaves_the_item_waiting(tmp_path: Path) -> None:
    world = make_world(tmp_path)

    with pytest.raises(Upstream):
        serve(failing(Upstream("no answer")), Wake(key=KEY, body=b"{}"), world.ports, NOW)  # type: ignore[arg-type]

    assert world.ports.inbox.pending() == [KEY]


def test_what_was_done_is_not_done_again(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    served: list[str] = []

    def use_case(wake: Wake, _ports: Ports, _now: object) -> str:
        served.append(wake.key)
        return "done"

    outcomes = [serve(use_case, Wake(key=KEY, body=b"{}"), world.ports, NOW) for _ in range(2)]

    assert (outcomes, served) == (["done", "done before"], [KEY])


def test_one_item_that_fails_again_keeps_no_other_from_being_served_again(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    for name in ("a", "b", "c"):
        world.ports.inbox.put(f"inbox/decide/{name}", b"{}")
    world.ports.inbox.put("inbox/propose/another", b"{}")

    def use_case(wake: Wake, _ports: Ports, _now: object) -> str:
        if wake.key.endswith("/b"):
            raise Upstream("no answer")
        return "done"

    with pytest.raises(Upstream, match="inbox/decide/b: no answer"):
        serve(use_case, Wake(key="inbox/again/merge/2026-11-18T10Z", body=b"{}"), world.ports, NOW)

    assert set(world.ports.inbox.pending()) == {"inbox/decide/b", "inbox/propose/another", "inbox/again/merge/2026-11-18T10Z"}


@pytest.mark.parametrize(
    ("key", "function"),
    [("inbox/slack/x", "merge"), ("inbox/clock/learn/x", "learn"), ("inbox/again/ingest/x", "ingest"), (tick_key("verify", NOW), "verify")],
)
def test_an_inbox_key_says_whose_it_is(key: str, function: str) -> None:
    assert function_of(key) == function


@pytest.mark.parametrize("key", ["inbox/nobody/x", "slack/x", "inbox/slack", ""])
def test_a_key_of_nobody_is_bad_input(key: str) -> None:
    with pytest.raises(BadInput, match="no function serves"):
        function_of(key)


def test_another_functions_request_is_refused_before_it_is_marked_done() -> None:
    """Whoever can name an object in an export's bucket could else make a reject disappear."""
    with pytest.raises(BadInput, match="inbox/slack/x: not for ingest"):
        check_route(Wake(key="inbox/slack/x"), "ingest")


# ── a stream ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_two_writers_of_one_stream_cannot_both_win(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.propose(shrink())
    proposal = world.life().planned().id
    one, other = (Journal.open(world.ports, proposal, name, NOW) for name in ("merge", "verify"))
    one.note("first", "")

    with pytest.raises(Moved):
        other.note("second", "")

    assert world.kinds()[-1] == "first"


def test_a_use_case_starts_over_from_the_head_and_gives_up_in_the_end() -> None:
    tries: list[int] = []

    def step() -> str:
        tries.append(1)
        raise Moved("somebody was first")

    with pytest.raises(Moved, match="gave up after"):
        until_settled(step)

    assert len(tries) == ATTEMPTS


def test_an_impossible_move_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.propose(shrink())
    journal = Journal.open(world.ports, world.life().planned().id, "merge", NOW)
    before = world.kinds()

    with pytest.raises(Refused, match="merging cannot happen to a proposal that is awaiting-approval"):
        journal.move(Event.MERGING, "")

    assert world.kinds() == before


def test_a_state_that_nobody_knows_is_broken_and_names_its_place() -> None:
    """Fail closed: an entry of a newer version, or a tampered one, is not guessed at."""
    with pytest.raises(Broken, match=r"streams/x/1: state"):
        load(Life, {"state": "half-merged"}, "streams/x/1")


def test_a_life_survives_the_ledger_unchanged(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.propose(shrink())
    world.click("approve")
    life = world.life()

    assert life.planned().edit.content.startswith(b"name: dev-east")
    assert (life.state, life.approvals[0].binding.head) == (State.MERGED, world.pull().head)
