"""Twenty receives, five merges, six ingests in the same moment: nothing is lost, nothing happens twice."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from tests.flow.at_once import at_once, drop, loaded, stored
from tests.flow.flow_world import ONE, REPO, TWO, World, make_world, shrink
from trimtab.adapters.memory import MemoryChat
from trimtab.errors import Upstream
from trimtab.flow.answers import nonce_of
from trimtab.flow.ingest_usage import ATTEMPTS
from trimtab.flow.life import Moved
from trimtab.flow.merge import merge
from trimtab.flow.receive import ReceivePorts, Reply, receive
from trimtab.flow.verify import verify
from trimtab.flow.wake import Wake, tick_key
from trimtab.lifecycle import State
from trimtab.ports import MessageRef
from trimtab.sources.senders import inbox_key

RECEIVES, MERGES, INGESTS = 20, 5, 6
"""As many as the deployment lets run at once; of `ingest`, three times that."""


# ── receive ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_every_request_that_twenty_receives_accepted_is_recorded_once(tmp_path: Path) -> None:
    """Each comes twice in the same moment, as from a forge that hears no answer."""
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    requests = [world.press("reject", f"U0PERSON{n}") for n in range(RECEIVES // 2)]
    ports = ReceivePorts(world.ports.inbox, world.ports.settings)

    replies = at_once([partial(receive, request, ports, world.now) for request in (*requests, *requests)])

    assert {cast("Reply", reply).status for reply in replies} == {200}
    assert sorted(world.ports.inbox.pending("slack")) == sorted(inbox_key(request) for request in requests)


# ── merge ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_five_merges_of_one_click_merge_once(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    key = world.receive(world.press("approve"))

    at_once([partial(tried, world, key) for _ in range(MERGES)])
    world.deliver()

    assert (world.life().state, world.merges()) == (State.MERGED, 1)
    assert world.kinds().count("merged") == 1
    assert world.ports.ledger.verify() == []
    assert world.ports.inbox.pending() == []


def test_five_decisions_at_once_end_in_one(tmp_path: Path) -> None:
    """Two say yes, two say no, and a webhook comes: whoever was first counts, and every message is answered."""
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    keys = [world.receive(world.press(action, user)) for action in ("approve", "reject") for user in ("U0PLATFORM", "U0ML")]
    keys.append(world.receive(world.forge_call("edited")))

    at_once([partial(tried, world, key) for key in keys])
    world.deliver()

    assert world.life().state in (State.MERGED, State.REJECTED)
    assert world.merges() == (world.life().state is State.MERGED)
    assert world.ports.ledger.verify() == []
    assert len(world.forge.desk(REPO).numbers()) == 1


@dataclass
class Twin:
    """A chat in which, just before its first message is posted, another instance that got the same request does all of its own work."""

    chat: MemoryChat
    meanwhile: Callable[[], object]
    is_second: bool = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.chat, name)

    def post(self, *arguments: Any) -> MessageRef:
        if not self.is_second:
            self.is_second = True
            self.meanwhile()
        return self.chat.post(*arguments)


@pytest.mark.parametrize("action", ["approve", "reject", "evidence"])
def test_a_click_that_two_instances_serve_in_the_same_moment_is_answered_once(tmp_path: Path, action: str) -> None:
    """Slack has no post that is sent once however often it is asked for; and a second answer reads like a second decision."""
    world = make_world(tmp_path, TWO)
    world.propose(shrink())
    key = world.receive(world.press(action))
    before, kinds = len(world.chat.messages), len(world.kinds())
    chat = Twin(world.chat, lambda: merge(Wake(key=key), world.ports, world.now))

    merge(Wake(key=key), replace(world.ports, chat=chat), world.now)

    assert chat.is_second
    answers = [message for message in world.chat.messages[before:] if message.nonce == nonce_of(key)]
    assert len(answers) == 1
    assert (len(world.kinds()) > kinds) == (action != "evidence")
    assert merge(Wake(key=key), world.ports, world.now) == "answered before"


def test_a_command_that_two_instances_serve_in_the_same_moment_is_answered_once(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    fields = b"command=%2Ftrimtab&text=status&user_id=U0PLATFORM&channel_id=C0CLOSED&trigger_id=1"
    key = world.receive(world.slack(fields))
    world.chat.closed = frozenset({"C0CLOSED"})
    chat = Twin(world.chat, lambda: merge(Wake(key=key), world.ports, world.now))

    merge(Wake(key=key), replace(world.ports, chat=chat), world.now)

    assert [(message.ref.channel, message.nonce) for message in world.chat.messages] == [("D0PLATFORM", nonce_of(key))]


def test_an_answer_stands_though_nobody_can_look_whether_it_is_the_only_one(tmp_path: Path) -> None:
    """It was said; the request would otherwise be served again for nothing but that."""
    world = make_world(tmp_path, TWO)
    world.propose(shrink())
    key = world.receive(world.press("approve"))

    @dataclass
    class Tired(MemoryChat):
        said: bool = False

        def post(self, *arguments: Any) -> MessageRef:
            self.said = self.said or arguments[3] == nonce_of(key)
            return super().post(*arguments)

        def find(self, *arguments: Any) -> MessageRef | None:
            if self.said:
                raise Upstream("Slack: too many calls")
            return super().find(*arguments)

    chat = Tired(messages=world.chat.messages)

    assert merge(Wake(key=key), replace(world.ports, chat=chat), world.now).startswith("Your approve is recorded")
    assert [event for event, _ in world.log.said if event == "answer.not-looked-for"] == ["answer.not-looked-for"]


def test_the_first_of_two_answers_is_never_taken_back(tmp_path: Path) -> None:
    """Each of two that look may see the other's alone: were both taken back, nobody would have said anything."""
    world = make_world(tmp_path, TWO)
    world.propose(shrink())
    key = world.receive(world.press("evidence"))
    before = len(world.chat.messages)

    @dataclass
    class Lagging(MemoryChat):
        mine: MessageRef | None = None

        def post(self, *arguments: Any) -> MessageRef:
            self.mine = super().post(*arguments)
            super().post(*arguments)
            return self.mine

        def find(self, *arguments: Any) -> MessageRef | None:
            return next((each.ref for each in self.messages if each.nonce == arguments[1] and each.ref != self.mine), None)

    merge(Wake(key=key), replace(world.ports, chat=Lagging(messages=world.chat.messages)), world.now)

    assert [message.nonce for message in world.chat.messages[before:]] == [nonce_of(key)] * 2


def test_news_that_its_writer_is_telling_is_not_told_by_the_clock_in_the_same_moment(tmp_path: Path) -> None:
    world = make_world(tmp_path, TWO)
    world.propose(shrink())
    world.forge.close_pull_request(REPO, 1)
    key = world.receive(world.forge_call("closed"))
    before = len(world.chat.messages)
    tick = Wake(key=tick_key("verify", world.now.replace(minute=0)))
    chat = Twin(world.chat, lambda: verify(tick, world.ports, world.now))

    merge(Wake(key=key), replace(world.ports, chat=chat), world.now)

    assert chat.is_second
    assert [message.text[:20] for message in world.chat.messages[before:]] == ["Closed on the forge."]
    assert world.life().news == ()


def tried(world: World, key: str) -> str:
    """Once; who lost the race too often leaves the message in its queue."""
    try:
        return world.serve(key)
    except (Moved, Upstream) as error:
        return str(error)


# ── ingest ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_six_drops_that_land_at_once_are_all_in_the_table(tmp_path: Path) -> None:
    """Delta lets one writer through at a time; the others read again, and nobody gives up before the queue does."""
    commits: list[int | None] = []
    drops = [drop(tmp_path, f"c-{n}") for n in range(INGESTS)]

    at_once([partial(loaded, tmp_path, n, url, commits) for n, url in enumerate(drops)])

    assert stored(tmp_path) == [(f"c-{n}", 24) for n in range(INGESTS)]
    assert len([version for version in commits if version is not None]) == INGESTS
    assert len(commits) <= INGESTS * ATTEMPTS


def test_two_drops_of_one_cluster_that_land_at_once_are_both_in_the_table(tmp_path: Path) -> None:
    """The same partition: the one that comes second is merged with what the first one left."""
    commits: list[int | None] = []
    drops = [drop(tmp_path, "c-0", hours=(0, 12)), drop(tmp_path, "c-0", hours=(12, 24))]

    at_once([partial(loaded, tmp_path, n, url, commits) for n, url in enumerate(drops)])

    assert stored(tmp_path) == [("c-0", 24)]
