"""A forge with a merge queue: asked to merge it only enqueues, and what it would merge is a commit that nobody reviewed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.flow.flow_world import FREEZE, GITHUB_SECRET, ONE, PATH, REPO, YAML, World, make_world, shrink
from tests.flow.forge_doubles import WithQueue, on
from tests.flow.test_gate import answers, branch_of_a_person, open_by
from tests.judgement import NOW, POLICY, files
from trimtab.adapters.localforge import Rules, protect
from trimtab.flow.queue import judge_queue
from trimtab.lifecycle import State
from trimtab.sources.senders import Request, sign_github


def queued(tmp_path: Path, policy: bytes = POLICY) -> tuple[World, WithQueue]:
    """A proposal of ours that waits in the queue."""
    world = make_world(tmp_path, policy)
    forge = WithQueue(world.forge)
    on(world, forge).propose(shrink())
    world.webhook()
    assert (world.life().state, forge.waiting) == (State.MERGING, [1])
    return world, forge


def group(world: World) -> str:
    """The queue asks for the checks of its commit."""
    event = {
        "action": "checks_requested",
        "at": world.now.isoformat(),
        "merge_group": {"head_sha": "0" * 40},
        "repository": {"full_name": REPO},
    }
    body = json.dumps(event).encode()
    key = world.receive(
        Request("/github", {"x-github-event": "merge_group", "x-hub-signature-256": sign_github(GITHUB_SECRET, body)}, body)
    )
    world.deliver()
    return world.outcomes[key]


def test_what_waits_in_the_queue_is_not_merged_yet_and_not_sent_again(tmp_path: Path) -> None:
    world, forge = queued(tmp_path)
    world.later(minutes=30)

    world.webhook("again")

    assert (world.life().state, forge.waiting, world.merges()) == (State.MERGING, [1], 0)
    assert world.kinds().count("merging") == 1


def test_the_queues_own_commit_is_judged_and_then_merges(tmp_path: Path) -> None:
    world, forge = queued(tmp_path)
    (entry,) = forge.queue(REPO, "main")

    group(world)
    green = answers(world, entry.commit)
    forge.land(1, world.now)
    world.webhook("closed")

    assert green == ["success"]
    assert (world.life().state, world.life().merged_by, world.merges()) == (State.MERGED, "trimtab", 1)


@pytest.mark.security(19)
def test_a_queue_commit_that_changes_more_than_the_plan_is_red(tmp_path: Path) -> None:
    world, forge = queued(tmp_path)
    (entry,) = forge.queue(REPO, "main")
    git = world.forge.git(REPO)
    more = git.commit_files(entry.commit, {"clusters/prod/eu.yaml": b"name: eu\n"}, "queue", author="queue[bot]", at=NOW)
    forge.instead = (replace(entry, commit=more),)

    told = group(world)

    assert answers(world, more) == ["failure"]
    assert "something else than planned" in told


@pytest.mark.security(19)
def test_a_file_that_moves_before_ours_in_the_queue_turns_ours_red(tmp_path: Path) -> None:
    """Another line of the same file: it merges without a conflict, and nobody judged the two together."""
    world, forge = queued(tmp_path)
    git = world.forge.git(REPO)
    main = world.forge.base_head(REPO, "main")
    changed = YAML.replace(b"    count: 3\n", b"    count: 4\n")
    forge.front = git.commit_files(main, {PATH: changed}, "Another one's, queued before", author="platform-owner", at=NOW)
    (entry,) = forge.queue(REPO, "main")

    told = group(world)

    assert answers(world, entry.commit) == ["failure"]
    assert "changes a file that this change was judged on" in told


def test_a_freeze_that_begins_while_it_waits_turns_the_queues_commit_red(tmp_path: Path) -> None:
    world, forge = queued(tmp_path)
    world.push_main({".trimtab/policy.yaml": FREEZE.replace(ONE, POLICY)})
    (entry,) = forge.queue(REPO, "main")

    told = group(world)

    assert answers(world, entry.commit) == ["failure"]
    assert "freeze" in told


def test_what_falls_out_of_the_queue_is_judged_again(tmp_path: Path) -> None:
    world, forge = queued(tmp_path)
    world.later(minutes=10)
    forge.drop(1)
    protect(world.forge, REPO, Rules(protects_config=True))
    world.push_main(files(policy=FREEZE.replace(ONE, POLICY)))

    world.webhook("dequeued")

    assert "merge-refused" in world.kinds()
    assert (world.life().state, world.life().merge_intent) == (State.AWAITING, None)
    assert answers(world, world.pull().head) == ["pending"]


def test_a_queue_that_does_not_show_it_yet_is_given_a_moment(tmp_path: Path) -> None:
    world, forge = queued(tmp_path)
    forge.waiting.clear()
    world.later(seconds=20)

    world.webhook("edited")

    assert world.life().state is State.MERGING


def test_an_enqueueing_whose_answer_was_lost_is_found_in_the_queue(tmp_path: Path) -> None:
    world = make_world(tmp_path, POLICY)
    forge = WithQueue(world.forge)
    on(world, forge).propose(shrink())
    world.dying("forge.merge", world.webhook, "after")
    world.later(minutes=10)

    world.webhook("again")

    assert (world.life().state, forge.waiting) == (State.MERGING, [1])
    assert world.kinds().count("queued") == 1


def test_a_persons_entry_in_the_queue_is_green(tmp_path: Path) -> None:
    world = make_world(tmp_path, POLICY)
    forge = WithQueue(world.forge)
    on(world, forge)
    branch_of_a_person(world)
    forge.waiting.append(open_by(world, "ml-owner", "feature/read-me"))
    (entry,) = forge.queue(REPO, "main")

    group(world)

    assert answers(world, entry.commit) == ["success"]


@pytest.mark.security(7)
def test_a_pull_request_of_ours_that_somebody_else_enqueued_is_red(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    forge = WithQueue(world.forge)
    on(world, forge).propose(shrink())
    forge.waiting.append(1)
    (entry,) = forge.queue(REPO, "main")

    told = group(world)

    assert answers(world, entry.commit) == ["failure"]
    assert "has not decided to merge this" in told


def test_a_queue_whose_webhook_was_lost_is_swept(tmp_path: Path) -> None:
    world, forge = queued(tmp_path)
    (entry,) = forge.queue(REPO, "main")

    world.tick_verify()

    assert answers(world, entry.commit) == ["success"]


@pytest.mark.security(19)
def test_a_merge_that_is_not_what_was_judged_stops_everything(tmp_path: Path) -> None:
    """The last line: whatever let it through, nothing more is merged until a person has looked."""
    world, forge = queued(tmp_path)
    git = world.forge.git(REPO)
    pull = world.pull()
    tree = git.merged_tree(pull.base, pull.head)
    assert tree is not None
    more = git.commit_files(
        git.commit_tree(tree, (pull.base,), "x", author="x", at=NOW), {"evil.sh": b"rm -rf /\n"}, "x", author="x", at=NOW
    )
    sneaked = git.commit_tree(
        next(iter(git.run("rev-parse", f"{more}^{{tree}}").decode().split())), (pull.base, pull.head), "merged", author="x", at=NOW
    )
    assert git.point("main", sneaked, pull.base)
    world.forge.desk(REPO).merge(1, sneaked, pull.head)
    forge.waiting.clear()

    world.webhook("closed")

    assert world.life().state is State.MERGED
    assert "it also changes evil.sh" in (world.ports.permit.stop_reason() or "")
    assert any(event == "merge.differs" for event, _ in world.log.said)


@pytest.mark.security(7)
def test_what_stands_behind_a_red_entry_is_not_green_with_it_inside(tmp_path: Path) -> None:
    """A queue may merge a whole group for the check of its last commit, and that commit holds all before it."""
    world = make_world(tmp_path, ONE)
    forge = WithQueue(world.forge)
    on(world, forge).propose(shrink())
    branch_of_a_person(world)
    forge.waiting += [1, open_by(world, "ml-owner", "feature/read-me")]
    ours, behind = forge.queue(REPO, "main")

    group(world)
    together = (answers(world, ours.commit), answers(world, behind.commit))
    forge.drop(1)
    world.later(minutes=1)
    group(world)
    (alone,) = forge.queue(REPO, "main")

    assert together == (["failure"], ["pending"])
    assert answers(world, alone.commit) == ["success"]


@pytest.mark.security(22)
def test_a_queue_commit_that_was_red_then_green_turns_red_again(tmp_path: Path) -> None:
    world, forge = queued(tmp_path)
    (entry,) = forge.queue(REPO, "main")
    said = []

    for wanted in (500.0, 17.5, 500.0):
        world.measure(wanted)
        judge_queue(REPO, world.ports, world.now)
        said += answers(world, entry.commit)

    assert said == ["failure", "success", "failure"]
