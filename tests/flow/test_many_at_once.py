"""Twenty receives, five merges, six ingests in the same moment: nothing is lost, nothing happens twice."""

from functools import partial
from pathlib import Path
from typing import cast

from tests.flow.at_once import at_once, drop, loaded, stored
from tests.flow.flow_world import ONE, REPO, World, make_world, shrink
from trimtab.errors import Upstream
from trimtab.flow.ingest_usage import ATTEMPTS
from trimtab.flow.life import Moved
from trimtab.flow.receive import ReceivePorts, Reply, receive
from trimtab.lifecycle import State
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
