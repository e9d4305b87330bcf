"""Runs: what opens, what does not and why, what a second run changes, and what it ends."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.flow.flow_world import ONE, PATH, REPO, YAML, World, fits, make_world, shrink
from tests.judgement import CONFIG, UID
from trimtab.adapters.localforge import human_branch, human_commit
from trimtab.errors import BadInput
from trimtab.lifecycle import State
from trimtab.records import Finding, Stage, Subject


def opened(root: Path) -> World:
    world = make_world(root, ONE)
    world.propose(shrink())
    return world


def next_day(world: World, days: int = 1) -> None:
    world.later(days=days)
    world.measure()


def fresh(world: World, to: int = 5) -> Finding:
    """The finding again, on evidence until last midnight."""
    return shrink(to, end=world.now.replace(hour=0))


# ── opening ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_finding_becomes_one_branch_one_pull_request_and_one_card(tmp_path: Path) -> None:
    world = opened(tmp_path)

    assert world.kinds() == ["planned", "judged", "opened", "judged", "intent:card", "asked"]
    assert (world.pull().author, world.pull().head_ref) == ("trimtab[bot]", "trimtab/dev-east/batch/count")
    assert world.forge.merge_changes(REPO, world.pull().base, world.pull().head) == {PATH: YAML.replace(b"count: 6", b"count: 5")}
    assert world.buttons() == {"approve", "reject", "snooze", "evidence"}


def test_the_same_run_twice_changes_nothing(tmp_path: Path) -> None:
    world = opened(tmp_path)
    before = (world.kinds(), world.pull(), world.chat.messages.copy())

    world.propose(shrink())
    world.later(minutes=30)
    world.propose(shrink())

    assert (world.kinds(), world.pull(), world.chat.messages) == before


def test_newer_evidence_for_the_same_change_renews_the_text_and_keeps_the_yes(tmp_path: Path) -> None:
    """Else a pull request that waits for a week is stale for ever, however often the same is measured again."""
    world = make_world(tmp_path, ONE + b"freezes: [{name: sale, start: 2026-11-17, end: 2026-11-20}]\n")
    world.propose(shrink())
    world.click("approve")
    text, head = world.pull().body, world.pull().head

    for _ in range(10):
        next_day(world)
        world.propose(fresh(world))
        world.webhook(f"{world.now:%d}")
        if world.life().state is State.MERGED:
            break

    assert (world.life().state, world.merges(), f"{world.now:%d}") == (State.MERGED, 1, "21")
    assert (world.pull().head, "replanned" in world.kinds()) == (head, False)
    assert world.pull().body != text
    assert len(world.cards()) == 1


def test_newer_evidence_for_another_change_plans_the_same_pull_request_again(tmp_path: Path) -> None:
    world = opened(tmp_path)
    seen = world.pull().head
    next_day(world)

    world.propose(fresh(world, to=4))

    assert world.forge.desk(REPO).numbers() == [1]
    assert world.pull().title == "Shrink dev-east/batch from 6 to 4 nodes"
    assert world.pull().head != seen
    assert len(world.forge.commits(REPO, world.pull().base, world.pull().head)) == 1
    assert (len(world.cards()), world.life().state, world.cards()[0].text) == (1, State.AWAITING, world.pull().title)


def test_an_older_run_that_comes_late_never_overwrites_a_newer_one(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    late = world.now
    next_day(world)
    world.propose(fresh(world, to=4))
    before = world.kinds()

    world.propose(shrink(5), at=late)

    assert (world.kinds(), world.pull().title) == (before, "Shrink dev-east/batch from 6 to 4 nodes")


def test_an_older_run_begins_nothing_anew_after_the_end(tmp_path: Path) -> None:
    """Delivered late, after its change was merged and verified: what was verified must stay on record."""
    world = opened(tmp_path)
    world.click("snooze")
    world.later(days=15)
    before = world.kinds()

    world.propose(shrink(), at=world.now)

    assert (world.kinds(), world.life().state) == (before, State.SNOOZED)


def test_a_commit_that_was_pushed_and_not_recorded_does_not_lock_the_branch(tmp_path: Path) -> None:
    """The run died after the push, and the next one wants something else: the branch is ours all the same."""
    world = make_world(tmp_path, ONE)
    world.dying("forge.commit_files", lambda: world.propose(shrink()), "after")
    next_day(world)

    world.propose(fresh(world, to=4))

    assert (world.life().state, world.pull().title) == (State.AWAITING, "Shrink dev-east/batch from 6 to 4 nodes")


@pytest.mark.parametrize("is_ours_by_name", [True, False])
def test_a_branch_that_somebody_made_before_us_is_left_alone(tmp_path: Path, is_ours_by_name: bool) -> None:
    """Whoever knows the name could else have their commit reviewed as ours; an author's name proves nothing."""
    world = make_world(tmp_path, ONE)
    branch, login = "trimtab/dev-east/batch/count", world.forge.login if is_ours_by_name else "ml-owner"
    human_branch(world.forge, REPO, branch, world.forge.base_head(REPO, "main"))
    theirs = human_commit(world.forge, REPO, branch, {PATH: YAML + b"# evil\n"}, message="x", login=login, at=world.now)

    world.propose(shrink())

    assert "hands off" in world.refused()
    assert (world.forge.branch_head(REPO, branch), world.forge.desk(REPO).numbers()) == (theirs, [])


def test_the_hourly_limit_holds_and_a_retry_uses_its_own_slot(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    for number in range(4):
        world.ports.ledger.claim_slot(f"pull-requests-{REPO}", f"{world.now:%Y-%m-%dT%H}", 4, f"another-{number}")

    world.propose(shrink())
    refused = world.refused()
    world.later(hours=1)
    world.measure()
    world.propose(shrink())

    assert "limits.pull_requests_per_hour: 4 were opened in this hour" in refused
    assert world.life().state is State.AWAITING


# ── not opening ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_stop_opens_nothing(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.ports.permit.stop(by="ml-owner", reason="an incident", at=world.now)

    outcome = world.propose(shrink())

    assert outcome.startswith("refused: nothing opens: stopped by ml-owner")
    assert world.ports.ledger.heads() == {}
    assert (world.forge.desk(REPO).numbers(), world.chat.messages) == ([], [])


@pytest.mark.parametrize("broken", [b"version: 1\nrulez: []\n", b"{", b""])
def test_a_policy_that_cannot_be_read_opens_nothing(tmp_path: Path, broken: bytes) -> None:
    world = make_world(tmp_path, ONE)
    world.push_main({".trimtab/policy.yaml": broken})

    world.propose(shrink())

    assert "refused: .trimtab/policy.yaml" in world.outcomes[f"inbox/clock/propose/{world.now:%Y-%m-%dT%H:%MZ}"]
    assert (world.ports.ledger.heads(), world.forge.desk(REPO).numbers()) == ({}, [])


def test_a_policy_that_breaks_while_the_run_is_under_way_opens_nothing(tmp_path: Path) -> None:
    """The run froze a readable one; what counts when it opens is the tip."""
    world = make_world(tmp_path, ONE)
    world.dying("ledger.append", lambda: world.propose(shrink()))
    world.push_main({".trimtab/policy.yaml": b"{"})

    world.deliver()

    assert "governance: missing or unreadable" in world.refused()
    assert world.forge.desk(REPO).numbers() == []


def test_observing_opens_nothing_and_says_so(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE, stage=Stage.OBSERVE)

    world.propose(shrink())

    assert "stage: observe (the repo says guarded, the deployment allows observe)" in world.refused()
    assert (world.forge.desk(REPO).numbers(), world.chat.messages) == ([], [])


def test_observing_from_now_on_takes_the_buttons_off_the_card(tmp_path: Path) -> None:
    """The repo is tightened while a pull request waits: nothing merges any more, and the card must not ask."""
    world = opened(tmp_path)
    world.push_main({".trimtab/config.yaml": CONFIG.replace(b"stage: guarded", b"stage: observe")})
    next_day(world)

    world.propose(fresh(world, to=4))
    told = world.answers()

    assert "approve" not in world.buttons()
    assert told == []


def test_a_pool_that_is_in_no_file_is_refused_by_name(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)

    world.propose(shrink(subject=Subject(cluster_uid=UID, pool="nowhere", field="count")))

    assert "not-in-git" in world.refused()
    assert "pool 'nowhere' of cluster 'dev-east' is declared in none of" in world.refused()


def test_a_cluster_that_is_gone_is_refused_by_name(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.dying("ledger.append", lambda: world.propose(shrink()))
    world.palette.known = ()

    world.deliver()

    assert "cluster-gone" in world.refused()


def test_one_cluster_that_cannot_be_analyzed_keeps_no_other_from_opening(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    (known,) = world.palette.known
    other = replace(known, uid="64b0c0ffee64b0c0ffee0002", name="other", pools=(replace(known.pools[0]),))  # type: ignore[arg-type]
    world.palette.known = (known, other)
    world.ports = replace(world.ports, usage=_Unreadable(), lake=_WithUsage())  # type: ignore[arg-type]

    world.propose(shrink(), only_first=True)

    run = f"run-{world.now:%Y%m%dt%H%Mz}"
    assert world.life().state is State.AWAITING
    assert "not-analyzed" in str(world.ports.documents.find(f"runs/{run}/{other.uid}"))


class _WithUsage:
    def version(self, _table: str) -> int:
        return 3


class _Unreadable:
    def at(self, version: int) -> "_Unreadable":
        assert version == 3
        return self

    def demand(self, cluster_uid: str, pool: str, start: object, end: object) -> None:
        raise BadInput(f"usage of {cluster_uid}/{pool} from {start} to {end}: a file that is no Parquet")

    def workloads(self, cluster_uid: str, start: object, end: object) -> None:
        raise BadInput(f"usage of {cluster_uid} from {start} to {end}: a file that is no Parquet")

    def volumes(self, cluster_uid: str, start: object, end: object) -> tuple[()]:
        assert cluster_uid, (start, end)
        return ()


# ── what vanished ────────────────────────────────────────────────────────────────────────────────────────────────────
def test_what_is_no_longer_found_on_good_evidence_is_closed_with_the_reason(tmp_path: Path) -> None:
    world = opened(tmp_path)
    next_day(world)

    world.propose(refusals=(fits(),))

    assert (world.life().state, world.pull().state, world.buttons()) == (State.SUPERSEDED, "closed", set())
    assert world.said() == ["Closed: superseded by `propose`: `the evidence until 2026-11-19 no longer asks for it`."]


@pytest.mark.parametrize(
    "doubt", ["metrics-missing", "metrics-stale", "sources-disagree", "coverage-low", "repave-pending", "not-analyzed"]
)
def test_what_is_not_found_for_want_of_data_stands(tmp_path: Path, doubt: str) -> None:
    """Metrics that stop coming are no proof that the pool needs its nodes."""
    world = opened(tmp_path)
    next_day(world)

    world.propose(refusals=(fits(doubt),))

    assert (world.life().state, world.pull().state) == (State.AWAITING, "open")


def test_an_older_run_supersedes_nothing(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    late = world.now
    next_day(world)
    world.propose(fresh(world))

    world.propose(refusals=(fits(),), at=late)

    assert world.life().state is State.AWAITING


def test_what_a_person_has_taken_over_is_not_superseded(tmp_path: Path) -> None:
    world = opened(tmp_path)
    human_commit(world.forge, REPO, world.pull().head_ref, {PATH: YAML}, message="mine", login="ml-owner", at=world.now)
    next_day(world)

    world.propose(refusals=(fits(),))

    assert (world.life().state, world.pull().state) == (State.HUMAN_OWNED, "open")


def test_what_has_become_a_persons_work_leaves_no_stale_pull_request(tmp_path: Path) -> None:
    """The same field, and a step that no edit makes: the old edit would wait for ever, and keep the pool from anything else."""
    world = opened(tmp_path)
    next_day(world)

    world.propose(replace(fresh(world), needs_person="A second pool takes its place: somebody adds it."))

    assert (world.life().state, world.pull().state) == (State.SUPERSEDED, "closed")
    assert '"rule": "needs-person"' in world.refused()


def test_another_change_of_the_pool_replaces_the_one_that_is_no_longer_found(tmp_path: Path) -> None:
    """One change of a pool at a time: the old one must go first, in the same run."""
    world = opened(tmp_path)
    next_day(world)
    other = fresh(world)
    other = replace(
        other,
        rule="instance-type-down",
        subject=replace(other.subject, field="instance_type"),
        changes=(replace(other.changes[0], field="instance_type", old="m6i.2xlarge", new="m6i.xlarge"),),
        nodes_new=6,
        is_repave=True,
    )

    world.propose(other)

    states = {life.planned().finding.subject.field: life.state for life in world.lives()}
    assert states == {"count": State.SUPERSEDED, "instance_type": State.AWAITING}
    assert [world.forge.pull_request(REPO, number).state for number in (1, 2)] == ["closed", "open"]


def test_it_may_be_found_again_later(tmp_path: Path) -> None:
    """Superseded is no verdict of a person: nothing is held against it."""
    world = opened(tmp_path)
    next_day(world)
    world.propose(refusals=(fits(),))
    next_day(world)

    world.propose(fresh(world))

    assert (world.life().state, world.life().generation) == (State.AWAITING, 2)


# ── Slack is away ────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_channel_that_slack_refuses_stops_no_pull_request(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.chat.closed = frozenset({"C0BATCH"})

    world.propose(shrink())
    refused = world.life().state, len(world.cards())
    world.chat.closed = frozenset()
    world.later(minutes=10)
    world.webhook()

    assert refused == (State.OPEN, 0)
    assert (world.life().state, len(world.cards())) == (State.AWAITING, 1)


def test_a_webhook_that_comes_while_the_card_is_being_posted_does_not_post_another(tmp_path: Path) -> None:
    """The forge calls within a second of the opening; `propose` is still at it."""
    world = make_world(tmp_path, ONE)
    world.dying("chat.post", lambda: world.propose(shrink()), "before")
    world.later(seconds=2)
    world.serve(world.receive(world.forge_call("opened")))
    meanwhile = len(world.cards())
    world.later(minutes=5)

    world.webhook("later")

    assert (meanwhile, len(world.cards()), world.life().state) == (0, 1, State.AWAITING)


def test_an_unanswered_forge_leaves_the_message_in_the_queue(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.dying("forge.open_pull_request", lambda: world.propose(shrink()), "lost")
    waiting = world.ports.inbox.pending()

    world.deliver()

    assert [key.rsplit(".", 1)[1] for key in waiting] == ["open"]
    assert (world.life().state, world.forge.desk(REPO).numbers()) == (State.AWAITING, [1])
