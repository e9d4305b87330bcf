"""What must not merge: each thing an approval is bound to, each forgery, each brake; and the reason is said by name."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.flow.flow_world import FREEZE, ONE, PATH, REPO, YAML, World, make_world, shrink
from tests.flow.forge_doubles import on
from tests.judgement import OWNERS, POLICY
from trimtab.adapters.localforge import LocalForge
from trimtab.flow.approvals import LOCAL
from trimtab.flow.codec import dump
from trimtab.flow.deciding import Decision, decide
from trimtab.flow.judging import judge_now
from trimtab.flow.life import Journal, fold
from trimtab.lifecycle import State
from trimtab.policy.judge import binding_of
from trimtab.ports import PermitChange
from trimtab.records import Approval, CommitSha, Person, PersonId, PullRequest
from trimtab.sources.senders import inbox_key, wrap

POLICY_PATH = ".trimtab/policy.yaml"


def approved_in_a_freeze(root: Path) -> World:
    """One valid yes that waits for the end of a freeze."""
    world = make_world(root, FREEZE)
    world.propose(shrink())
    world.click("approve")
    assert (world.life().state, len(world.life().approvals)) == (State.AWAITING, 1)
    return world


def after_the_freeze(world: World) -> None:
    world.later(days=2, hours=15)
    world.measure()
    world.webhook("later")


def forge_entry(world: World, key: str = "") -> None:
    """Somebody who may write the ledger adds a yes by hand, bound to everything as it is now."""
    journal = Journal.open(world.ports, world.life().planned().id, "merge", world.now)
    judged = judge_now(journal, world.ports, world.now)
    assert judged.governance is not None
    binding = binding_of(judged.facts, judged.governance, judged.verdict.tier)
    yes = Approval(person=PersonId("platform-owner"), via="slack", at=world.now, binding=binding, key=key)
    journal.note("approval", "platform-owner approves", actor="platform-owner", approvals=(yes,))


# ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_freeze_only_waits_and_the_yes_stands_after_it(tmp_path: Path) -> None:
    world = approved_in_a_freeze(tmp_path)
    waiting = world.merges()

    after_the_freeze(world)

    assert waiting == 0
    assert (world.life().state, world.merges()) == (State.MERGED, 1)


# ── bound to what was shown ──────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(10)
def test_a_changed_policy_voids_a_yes_and_the_record_says_which_and_why(tmp_path: Path) -> None:
    world = approved_in_a_freeze(tmp_path)
    world.push_main({POLICY_PATH: FREEZE.replace(b"auto_merges_per_day: 2", b"auto_merges_per_day: 1")})

    after_the_freeze(world)

    (void,) = [entry.reason for entry in world.entries() if entry.kind == "voided"]
    assert void.startswith("platform-owner: the policy moved from ")
    assert (world.life().state, world.life().approvals, world.merges()) == (State.AWAITING, (), 0)


def test_a_yes_that_fell_stays_down_when_the_policy_moves_back(tmp_path: Path) -> None:
    world = approved_in_a_freeze(tmp_path)
    world.push_main({POLICY_PATH: ONE})
    world.webhook("moved")
    world.push_main({POLICY_PATH: FREEZE})

    after_the_freeze(world)

    assert (world.life().state, world.merges()) == (State.AWAITING, 0)


@pytest.mark.security(10)
def test_a_review_under_other_rules_is_void_like_a_click(tmp_path: Path) -> None:
    """It was a yes to a change under rules that somebody has changed since; given again, it counts."""
    world = make_world(tmp_path, FREEZE)
    world.propose(shrink())
    world.review()
    world.push_main({POLICY_PATH: FREEZE + b"# a word\n"})
    world.later(minutes=1)
    world.webhook("edited")

    after_the_freeze(world)
    verdict, merged = world.life().verdict, world.merges()
    world.review()
    world.webhook("submitted")

    assert verdict is not None
    assert [line.saw.partition(" from ")[0] for line in verdict.lines if line.rule == "approval-void"] == [
        "ml-owner (forge): moved: the policy moved"
    ]
    assert (merged, world.merges()) == (0, 1)


@pytest.mark.security(10)
def test_another_tier_voids_a_yes(tmp_path: Path) -> None:
    """What was one person's change needs two now: the one yes was to something else."""
    world = approved_in_a_freeze(tmp_path)
    world.push_main({POLICY_PATH: FREEZE.replace(b"one-approval", b"two-approvals")})

    world.webhook("moved")

    (void,) = [entry.reason for entry in world.entries() if entry.kind == "voided"]
    assert "what it needs moved from one-approval to two-approvals" in void


@pytest.mark.security(10)
def test_a_new_head_voids_a_yes(tmp_path: Path) -> None:
    world = approved_in_a_freeze(tmp_path)
    world.later(days=1)
    world.measure()
    world.propose(shrink(4, end=world.now.replace(hour=0)))

    after_the_freeze(world)

    assert (world.life().state, world.life().approvals, world.merges()) == (State.AWAITING, (), 0)


def test_a_file_touched_below_the_change_is_planned_again_and_asked_for_again(tmp_path: Path) -> None:
    """Another pool of the same file changed: what was reviewed is not what would be merged, so the yes is asked for anew."""
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.push_main({PATH: YAML.replace(b"# a comment that stays", b"# another comment")})

    told = world.click("approve")

    assert told.startswith("Not possible: the file has changed")
    assert (world.kinds().count("replanned"), world.life().approvals, world.merges()) == (1, (), 0)
    assert "awaiting" in world.life().state
    assert world.click("approve").endswith("merged.")
    assert b"# another comment" in (world.main_file() or b"")


# ── forged ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(11)
@pytest.mark.parametrize("key", ["", "inbox/slack/0000", f"{LOCAL}approve/platform-owner/1/x"])
def test_a_yes_written_into_the_ledger_by_hand_merges_nothing(key: str, tmp_path: Path) -> None:
    """`merge` believes no entry about who clicked; only the signed request proves it. `--as` exists on our own disk only."""
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    forge_entry(world, key)

    world.webhook("now")

    assert (world.life().state, world.merges(), world.life().approvals) == (State.AWAITING, 0, ())
    assert "its signed request does not prove it" in next(entry.reason for entry in world.entries() if entry.kind == "voided")


@pytest.mark.security(11)
def test_somebody_elses_click_proves_nobody_elses_yes(tmp_path: Path) -> None:
    """A real, signed click of a person who may not approve, put under an approver's name."""
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    key = world.receive(world.press("approve", "U0FINANCE"))
    world.deliver()
    forge_entry(world, key)

    world.webhook("now")

    assert (world.merges(), world.life().approvals) == (0, ())


@pytest.mark.security(11)
def test_a_request_without_a_valid_signature_decides_nothing(tmp_path: Path) -> None:
    """Whoever can put into the inbox cannot sign."""
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    request = world.press("approve")
    forged = request._replace(headers={**request.headers, "x-slack-signature": "v0=" + "0" * 64})
    unsigned = request._replace(headers={"content-type": "application/x-www-form-urlencoded"}, body=request.body + b"&x=1")

    answers = []
    for sent in (forged, unsigned):
        key = inbox_key(sent)
        world.ports.inbox.put(key, wrap(sent, world.now))
        answers.append(world.serve(key))

    assert answers[0] == "refused: /slack: the signature or secret does not match"
    assert "kept without Slack's signature" in answers[1]
    assert (world.merges(), world.answers()) == (0, [])


def test_a_real_click_kept_under_a_second_key_does_not_decide_again(tmp_path: Path) -> None:
    """After a policy change the old yes is void; replaying the old request must not be a new yes to the new policy."""
    world = approved_in_a_freeze(tmp_path)
    (key,) = [key for key, _ in world.life().answered]
    kept = world.ports.inbox.read(key)
    assert kept is not None
    world.push_main({POLICY_PATH: ONE})
    world.webhook("moved")

    world.ports.inbox.put("inbox/slack/" + "a" * 64, kept)
    outcome = world.serve("inbox/slack/" + "a" * 64)

    assert outcome.startswith("refused: inbox/slack/aaa")
    assert (world.life().approvals, world.merges()) == ((), 0)


@pytest.mark.security(11)
def test_a_github_signature_does_not_make_a_slack_click(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    call = world.forge_call("opened")
    key = world.receive(call)
    kept = world.ports.inbox.read(key)
    assert kept is not None
    fake = key.replace("inbox/github/", "inbox/slack/")

    world.ports.inbox.put(fake, kept)

    assert world.serve(fake).startswith(f"refused: {fake}: holds a request that belongs under {key}")


def test_an_approval_in_the_ledger_of_another_proposal_counts_there_only(tmp_path: Path) -> None:
    """The click names its proposal."""
    world = approved_in_a_freeze(tmp_path)
    journal = Journal.open(world.ports, world.life().planned().id, "merge", world.now)
    (yes,) = journal.life.approvals
    other = replace(journal.life, proposal=replace(journal.life.planned(), id="prop-000000000000"))  # type: ignore[arg-type]
    world.ports.ledger.append(
        "proposals/prop-000000000000", None, kind="approval", at=world.now, actor="platform-owner", reason="", body={}, state=dump(other)
    )

    world.serve("inbox/decide/prop-000000000000.0.x", b"{}")

    assert yes.key
    assert fold(world.ports.ledger.head("proposals/prop-000000000000")).approvals == ()


# ── brakes ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(21)
def test_a_stop_merges_nothing_and_the_person_is_told(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.ports.permit.stop(by="ml-owner", reason="an incident", at=world.now)

    told = world.click("approve")
    world.webhook("now")

    assert told.startswith("Not possible: Trimtab is stopped (stopped by ml-owner")
    assert (world.merges(), world.life().approvals) == (0, ())


def test_a_stop_in_the_middle_stops_what_is_already_running(tmp_path: Path) -> None:
    """The permit is read again with the facts of every judgement, not only when a function wakes."""
    world = make_world(tmp_path, POLICY)
    world.propose(shrink())
    permit = world.ports.permit
    answers = iter([None, "stopped meanwhile", "stopped meanwhile", "stopped meanwhile"])
    world.ports = replace(world.ports, permit=_Changing(answers))

    world.webhook("now")

    world.ports = replace(world.ports, permit=permit)
    assert world.merges() == 0


class _Changing:
    def __init__(self, answers: object) -> None:
        self.answers = answers

    def stop_reason(self) -> str | None:
        return next(self.answers)  # type: ignore[call-overload, no-any-return]

    def stop(self, by: str, reason: str, at: object) -> None:
        raise NotImplementedError

    def resume(self, by: str, reason: str, at: object) -> None:
        raise NotImplementedError

    def history(self) -> tuple[PermitChange, ...]:
        raise NotImplementedError


def test_an_unreadable_policy_merges_nothing_and_the_person_is_told_so(tmp_path: Path) -> None:
    """Not "you are not listed": nobody can know."""
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.push_main({POLICY_PATH: b"version: 1\nrulez: []\n"})

    told = world.click("approve")

    assert told == "Nothing can be decided: the rules in .trimtab/ cannot be read."
    assert world.merges() == 0


def test_a_removed_approver_does_not_count_any_more(tmp_path: Path) -> None:
    world = approved_in_a_freeze(tmp_path)
    world.push_main({".trimtab/owners.yaml": OWNERS.replace(b"people: [platform-owner, ml-owner]", b"people: [ml-owner]")})

    after_the_freeze(world)

    assert (world.merges(), world.life().approvals) == (0, ())


def test_the_days_cap_on_merges_without_a_person_holds_for_two_workers_at_once(tmp_path: Path) -> None:
    world = make_world(tmp_path, POLICY)
    world.propose(shrink())
    for number in range(2):
        world.ports.ledger.claim_slot(f"auto-merges-{REPO}", f"{world.now:%Y-%m-%d}", 2, f"another-{number}")

    world.webhook()

    assert (world.merges(), world.life().state) == (0, State.OPEN)


def test_a_decision_typed_on_our_own_disk_counts_there(tmp_path: Path) -> None:
    """`trimtab approve --as`: whoever owns the disk owns the deployment."""
    world = make_world(tmp_path, ONE)
    world.ports = replace(world.ports, settings=world.ports.settings.model_copy(update={"store": f"file://{tmp_path}"}))
    world.propose(shrink())
    person = Person(id=PersonId("platform-owner"), slack="U0PLATFORM", forge="platform-owner")
    decision = Decision(proposal=world.life().planned().id, action="approve", person=person, key=f"{LOCAL}approve/platform-owner/1/x")

    told = decide(decision, world.ports, world.now)

    assert told.endswith("merged.")
    assert world.merges() == 1


@pytest.mark.security(19)
def test_a_base_that_moved_while_it_was_judged_is_not_the_base_that_was_judged(tmp_path: Path) -> None:
    """Another line of the same file: it merges without a conflict, and nobody judged the two together."""
    world = make_world(tmp_path, POLICY)
    world.propose(shrink())
    judged = world.forge.base_head(REPO, "main")

    class ReadBefore(LocalForge):
        def base_head(self, repo: str, branch: str) -> CommitSha:
            """The tip was read a moment before somebody moved it; the pull request is read after."""
            return judged if branch == "main" else super().base_head(repo, branch)

        def pull_request(self, repo: str, number: int) -> PullRequest:
            return world.forge.pull_request(repo, number)

    world.push_main({PATH: YAML.replace(b"    count: 3\n", b"    count: 4\n")})
    on(world, ReadBefore(world.forge.repositories))
    world.webhook()

    assert (world.merges(), world.life().state) == (0, State.AWAITING)
    assert "base-moved" in next(entry.reason for entry in world.entries() if entry.kind == "merge-refused")
