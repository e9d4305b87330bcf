"""What people do, in Slack and on the forge: it counts once, it is remembered, and they are told."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.flow.flow_world import ONE, PATH, REPO, YAML, World, make_world, shrink
from tests.judgement import POLICY
from trimtab.adapters.localforge import LocalForge, Rules, human_commit, human_merge, protect
from trimtab.lifecycle import State
from trimtab.records import PullRequest


def opened(root: Path, policy: bytes = ONE) -> World:
    world = make_world(root, policy)
    world.propose(shrink())
    return world


def tomorrow(world: World, to: int = 5, days: int = 1) -> None:
    """Another day's run, which finds this."""
    world.later(days=days)
    world.measure()
    world.propose(shrink(to, end=world.now.replace(hour=0)))


# ── in Slack ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_rejection_closes_the_pull_request_and_is_remembered(tmp_path: Path) -> None:
    world = opened(tmp_path)

    told = world.click("reject", "U0ML", reason="needed-soon")
    tomorrow(world)

    assert told == "Your reject is recorded; the proposal is rejected."
    assert (world.pull().state, world.buttons()) == ("closed", set())
    assert world.said() == ["Closed: rejected by `ml-owner`: `needed-soon`."]
    assert world.life().state is State.REJECTED
    assert "rejected on 2026-11-18 by ml-owner: needed-soon" in world.refused()


def test_a_rejected_wish_that_drifts_a_little_is_still_the_rejected_wish(tmp_path: Path) -> None:
    """5 nodes and 4 nodes are the same answer to a person who said no yesterday; 3 nodes are another question."""
    world = opened(tmp_path)
    world.click("reject")

    world.later(days=1)
    world.measure()
    world.propose(shrink(5, end=world.now.replace(hour=0), saving_list=shrink().saving_list * 2))
    near = world.life().state
    tomorrow(world, to=3)

    assert near is State.REJECTED
    assert (world.life().state, world.life().generation) == (State.AWAITING, 2)


def test_a_snooze_ends(tmp_path: Path) -> None:
    world = opened(tmp_path)

    world.click("snooze")
    tomorrow(world)
    asleep = world.life().state, world.refused()
    tomorrow(world, days=14)

    assert asleep[0] is State.SNOOZED
    assert "snoozed until 2026-12-02 by platform-owner" in asleep[1]
    assert world.life().state is State.AWAITING
    assert [world.forge.pull_request(REPO, number).state for number in world.forge.desk(REPO).numbers()] == ["closed", "open"]


def test_a_new_proposal_gets_a_card_of_its_own_and_the_old_card_has_no_buttons(tmp_path: Path) -> None:
    world = opened(tmp_path)
    world.click("snooze")

    tomorrow(world, days=15)

    old, new = world.cards()
    assert '"approve"' not in str(old.blocks)
    assert "'approve'" in str(new.blocks)


def test_somebody_who_is_not_listed_is_answered_and_decides_nothing(tmp_path: Path) -> None:
    world = opened(tmp_path)
    before = world.kinds()

    told = world.click("approve", "U0STRANGER")

    assert told == "You are not listed in owners.yaml, so your click decides nothing."
    assert world.answers() == [told]
    assert world.kinds() == before


def test_a_listed_person_out_of_scope_may_not_approve(tmp_path: Path) -> None:
    """finance-owner is known, and no approver."""
    world = opened(tmp_path)

    told = world.click("approve", "U0FINANCE")

    assert (
        told
        == "Not possible: finance-owner may not approve this (outside-scope: may not approve for this pool); ml-owner, platform-owner may."
    )
    assert (world.merges(), world.life().approvals) == (0, ())


def test_the_card_of_an_older_commit_approves_nothing(tmp_path: Path) -> None:
    world = opened(tmp_path)
    seen = world.pull().head
    tomorrow(world, to=4)

    told = world.click("approve", head=seen)

    assert told.startswith(f"Not possible: the card showed {seen[:10]}, the pull request is at {world.pull().head[:10]} now")
    assert world.merges() == 0


def test_a_push_that_nobody_told_us_of_voids_the_approval_that_comes_after_it(tmp_path: Path) -> None:
    """The card still shows our commit; the branch already holds somebody else's."""
    world = opened(tmp_path)
    seen = world.pull().head
    human_commit(world.forge, REPO, world.pull().head_ref, {PATH: YAML}, message="mine", login="ml-owner", at=world.now)

    told = world.click("approve", head=seen)

    assert told == "Not possible: the proposal is human-owned already."
    assert (world.merges(), world.life().approvals) == (0, ())
    assert world.buttons() == set()


def test_evidence_is_answered_in_the_thread_and_decides_nothing(tmp_path: Path) -> None:
    world = opened(tmp_path)
    before = world.kinds()

    world.click("evidence")

    assert "Evidence for prop-" in world.answers()[0]
    assert world.kinds() == before


def test_the_same_click_delivered_twice_is_one_decision_and_one_answer(tmp_path: Path) -> None:
    world = opened(tmp_path)
    request = world.press("approve")
    key = world.receive(request)
    world.receive(request)
    world.serve(key)

    again = world.serve(key)

    assert again == "done before"
    assert [text for text in world.answers() if text.startswith("Your")] == ["Your approve is recorded; the proposal is merged."]
    assert (world.kinds().count("approval"), world.merges()) == (1, 1)


def test_a_click_on_a_proposal_that_does_not_exist_is_answered(tmp_path: Path) -> None:
    world = opened(tmp_path)

    told = world.click("approve", proposal="prop-ffffffffffff")

    assert told == "There is no proposal prop-ffffffffffff."
    assert world.answers() == [told]


@pytest.mark.security(23)
def test_the_eleventh_approval_in_ten_minutes_is_refused_kindly(tmp_path: Path) -> None:
    """Whoever approves everything at that speed does not look."""
    world = opened(tmp_path, ONE + b"freezes: [{name: sale, start: 2026-11-17, end: 2026-11-20}]\n")
    told = []
    for _ in range(11):
        world.later(seconds=1)
        told.append(world.click("approve"))

    assert all(answer.startswith("Your approve is recorded") for answer in told[:10])
    assert told[10].startswith("Not possible: you approved 10 changes within ten minutes")


# ── on the forge ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_pull_request_that_a_person_closes_stays_closed(tmp_path: Path) -> None:
    world = opened(tmp_path)
    world.forge.close_pull_request(REPO, 1)

    world.webhook("closed")
    tomorrow(world)

    assert (world.life().state, world.pull().state, world.buttons()) == (State.IGNORED, "closed", set())
    assert "closed unmerged on 2026-11-18" in world.refused()


def test_a_person_on_the_branch_makes_it_theirs(tmp_path: Path) -> None:
    """Hands off: nothing is overwritten, merged or closed, one comment says so, and a yes given before is void."""
    world = opened(tmp_path, ONE + b"freezes: [{name: sale, start: 2026-11-17, end: 2026-11-20}]\n")
    world.click("approve")
    branch = world.pull().head_ref
    mine = human_commit(world.forge, REPO, branch, {PATH: YAML}, message="mine", login="ml-owner", at=world.now)

    world.webhook("synchronize")
    world.webhook("again")
    tomorrow(world, to=4)

    assert (world.life().state, world.life().approvals) == (State.HUMAN_OWNED, ())
    assert [comment.split(" ")[0] for comment in world.said()] == ["Not", "Somebody"]
    assert (world.forge.branch_head(REPO, branch), world.pull().state) == (mine, "open")
    assert "hands off" in world.refused()


def test_a_merge_by_a_person_is_recorded_as_theirs(tmp_path: Path) -> None:
    world = opened(tmp_path)
    protect(world.forge, REPO, Rules(protects_config=True))
    human_merge(world.forge, REPO, 1, login="ml-owner", at=world.now)

    world.webhook("closed")

    assert (world.life().state, world.life().merged_by) == (State.MERGED, "forge")
    assert (world.merges(), world.buttons()) == (1, set())


class SaysWho(LocalForge):
    """The same repo, on a forge that says who merged."""

    def pull_request(self, repo: str, number: int) -> PullRequest:
        seen = super().pull_request(repo, number)
        return replace(seen, merged_by=self.login if seen.state == "merged" else "")


def test_a_merge_of_ours_that_was_on_its_way_when_its_maker_died_is_ours(tmp_path: Path) -> None:
    """Whoever looked before it arrived wrote that it had not happened; the forge says whose it was."""
    world = opened(tmp_path)
    protect(world.forge, REPO, Rules(protects_config=True))
    human_merge(world.forge, REPO, 1, login=world.forge.login, at=world.now)
    world.ports = replace(world.ports, forge=SaysWho(world.forge.repositories))

    world.webhook("closed")

    assert (world.life().state, world.life().merged_by) == (State.MERGED, "trimtab")


def test_a_merge_that_overtakes_a_rejection_is_recorded_watched_and_said(tmp_path: Path) -> None:
    """Somebody turns it down in Slack while a merge is under way: the record must not say rejected of what is on the branch."""
    world = opened(tmp_path)
    world.dying("forge.comment", lambda: world.click("reject"))
    assert world.life().state is State.REJECTED
    protect(world.forge, REPO, Rules(protects_config=True))
    human_merge(world.forge, REPO, 1, login="ml-owner", at=world.now)

    for _ in range(2):
        world.deliver()
        world.webhook("closed")

    assert (world.life().state, world.merges()) == (State.MERGED, 1)
    assert [comment for comment in world.said() if "the merge came first" in comment] != []
    assert len([comment for comment in world.said() if "the merge came first" in comment]) == 1
    assert world.buttons() == set()


def test_a_close_while_it_is_planned_again_is_not_overlooked(tmp_path: Path) -> None:
    """A run died between its new plan and the push; meanwhile a person closed the pull request. It must not open a second one."""
    world = opened(tmp_path)
    world.later(days=1)
    world.measure()
    newer = shrink(4, end=world.now.replace(hour=0))
    world.dying("forge.commit_files", lambda: world.propose(newer))
    world.forge.close_pull_request(REPO, 1)

    world.propose(newer)

    assert world.life().state is State.IGNORED
    assert world.forge.desk(REPO).numbers() == [1]


def test_a_review_alone_is_enough_where_one_approval_is_asked(tmp_path: Path) -> None:
    """Slack may be down; the forge is an equal path."""
    world = opened(tmp_path)
    world.chat.closed = frozenset({"C0BATCH"})
    world.review("platform-owner")

    world.webhook("submitted")

    assert (world.life().state, world.merges()) == (State.MERGED, 1)
    assert any(event == "card.refused" for event, _ in world.log.said)


@pytest.mark.security(11)
def test_a_dismissed_review_counts_no_more_even_if_the_record_remembers_it(tmp_path: Path) -> None:
    world = opened(tmp_path)
    world.review("platform-owner")
    protect(world.forge, REPO, Rules(required_checks=("somebody-elses",), protects_config=True))
    world.webhook("submitted")
    remembered = world.life().approvals
    world.review("platform-owner", "dismissed")
    protect(world.forge, REPO, Rules(required_checks=("trimtab/gate",), protects_config=True))

    world.webhook("dismissed")

    assert [approval.via for approval in remembered] == ["forge"]
    assert (world.life().state, world.merges()) == (State.AWAITING, 0)


def test_a_merge_that_the_forge_refuses_takes_its_green_check_back(tmp_path: Path) -> None:
    """While the check is green on the head, anybody could merge past the gate."""
    world = opened(tmp_path, POLICY)
    protect(world.forge, REPO, Rules(required_checks=("trimtab/gate", "somebody-elses"), protects_config=True))

    world.webhook()

    assert [check.conclusion for check in world.forge.checks(REPO, world.pull().head)] == ["pending"]
    assert (world.life().state, world.merges()) == (State.AWAITING, 0)


@pytest.mark.security(22)
def test_what_the_palette_says_now_counts_and_not_what_it_said_when_it_was_proposed(tmp_path: Path) -> None:
    world = opened(tmp_path)
    world.palette.known = (replace(world.palette.known[0], is_repave_pending=True),)

    told = world.click("approve")

    assert told.startswith("Your approve is recorded; the proposal is awaiting-approval. It still needs this: the rule repave-pending")
    assert world.merges() == 0
