"""`/trimtab rollback` and `/trimtab lift`: asked for in Slack by whoever may approve there, done once, and answered each time."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.flow.flow_world import ONE, REPO, SLACK_SECRET, YAML, World, make_world, shrink
from tests.flow.rollback_world import applied, forward, kinds, rollback, turned_down, worsen
from tests.flow.test_slack_thread import Mute, typed
from tests.judgement import OWNERS, UID
from trimtab.adapters.localforge import set_account
from trimtab.adapters.slack.client import SlackChat
from trimtab.demo.slack_workspace import SlackWorkspace
from trimtab.errors import Upstream
from trimtab.flow.freezes import freeze_rule, frozen_on
from trimtab.lifecycle import State
from trimtab.records import PersonId

ML, OWNER = "U0ML", "U0PLATFORM"
RULE = "dev-east/idle-nodes"
TOKEN = "xoxb-of-the-tests"
AGREED = "gives back what was there before. It merges by itself after one more look, as it was agreed on with the change."


def proposal(world: World) -> str:
    return forward(world).planned().id


def typed_at_once(world: World, text: str, *users: str) -> list[str]:
    """Both commands are in the inbox before either is worked on."""
    forms = [f"command=%2Ftrimtab&text={text.replace(' ', '+')}&user_id={user}&channel_id=C0BATCH&trigger_id={user}" for user in users]
    keys = [world.receive(world.slack(form.encode())) for form in forms]
    return [world.serve(key) for key in keys]


@dataclass
class Overtaken:
    """A ledger where somebody else is quicker, once: all that they do happens just before the first write to that stream."""

    ledger: Any
    stream: str
    other: Callable[[], object]
    is_over: bool = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ledger, name)

    def append(self, stream: str, *arguments: Any, **named: Any) -> Any:
        if stream == self.stream and not self.is_over:
            self.is_over = True
            self.other()
        return self.ledger.append(stream, *arguments, **named)


def overtaken(world: World, text: str, stream: str) -> list[str]:
    """Both have looked before either has written, and the second one writes first; what the first and the second are told."""
    forms = [
        f"command=%2Ftrimtab&text={text.replace(' ', '+')}&user_id={user}&channel_id=C0BATCH&trigger_id={user}" for user in (ML, OWNER)
    ]
    first, second = [world.receive(world.slack(form.encode())) for form in forms]
    healthy, told = world.ports, []

    def quicker() -> None:
        slow, world.ports = world.ports, healthy
        told.append(world.serve(second))
        world.ports = slow

    world.ports = replace(healthy, ledger=Overtaken(healthy.ledger, stream, quicker))
    told.insert(0, world.serve(first))
    world.ports = healthy
    return told


def rolled_back(root: Path, policy: bytes = ONE) -> World:
    """Undone because it got worse, so that its rule is frozen."""
    world = applied(root, policy)
    worsen(world)
    world.later(hours=1)
    world.tick_verify()
    assert [frozen.rule for frozen in frozen_on(UID, world.ports)] == ["idle-nodes"]
    return world


# ── rollback ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(1, 11)
def test_over_slack_itself_a_change_is_undone_and_its_rule_let_go(tmp_path: Path) -> None:
    """The store is no disk of ours, so that nobody could do either on the command line."""
    workspace = SlackWorkspace(tmp_path / "slack", token=TOKEN, signing_secret=SLACK_SECRET)
    with workspace.running() as url:
        world = make_world(tmp_path, ONE)
        world.ports = replace(world.ports, chat=SlackChat.at(url, TOKEN))
        world.propose(shrink())
        world.review("platform-owner")
        world.webhook("submitted")
        world.apply()
        world.later(hours=1)
        world.tick_verify()
        asked = world.receive(
            workspace.command(f"rollback {proposal(world)} the nightly job is slow", user=ML, channel="C0BATCH", at=world.now)
        )
        world.deliver()
        world.later(hours=1)
        world.tick_verify()
        undone, frozen = forward(world).state, frozen_on(UID, world.ports)
        world.later(minutes=1)
        let_go = world.receive(workspace.command(f"lift {RULE} the job was rewritten", user=ML, channel="C0BATCH", at=world.now))
        world.deliver()
        heard = [message["text"] for message in workspace.messages("C0BATCH")]

    assert world.main_file() == YAML
    assert undone is State.ROLLED_BACK
    assert [each.reason for each in frozen] == ["batch: ml-owner asked to undo it: the nightly job is slow"]
    assert frozen_on(UID, world.ports) == ()
    answers = [world.outcomes[asked], world.outcomes[let_go]]
    assert answers[0].endswith(AGREED)
    assert answers[1] == "idle-nodes may propose on dev-east again; what it proposes there needs a person."
    assert [text for text in heard if text in answers] == answers


@pytest.mark.security(11, 20)
def test_the_record_says_who_asked_by_which_request_and_they_approve_nothing_of_it(tmp_path: Path) -> None:
    world = applied(tmp_path)
    (approval,) = forward(world).approvals
    world.objects.delete(approval.key)

    told = typed(world, f"rollback {proposal(world)} slow jobs", ML)

    back = rollback(world)
    assert back is not None
    assert (back.state, back.planned().requested_by) == (State.AWAITING, (PersonId("ml-owner"),))
    (entry,) = [entry for entry in world.ports.ledger.entries(forward(world).planned().stream) if entry.kind == "undo-asked"]
    (key,) = [key for key, said in world.outcomes.items() if said == told]
    assert (entry.actor, key in json.dumps(entry.state["answered"])) == ("ml-owner", True)
    assert "It still needs this: " in told
    assert "ml-owner" not in told


@pytest.mark.parametrize("is_answer_lost", [False, True])
def test_a_rollback_asked_for_in_a_request_that_comes_twice_is_asked_for_once(tmp_path: Path, is_answer_lost: bool) -> None:
    world = applied(tmp_path)
    typed(world, f"rollback {proposal(world)} slow jobs")
    (key,) = [key for key, said in world.outcomes.items() if "gives back what was there" in said]
    world.later(hours=1)
    world.tick_verify()
    messages = len(world.chat.messages)
    if is_answer_lost:
        world.chat.messages.pop(next(at for at, each in enumerate(world.chat.messages) if "gives back what was there" in each.text))
    world.forget(key)

    again = world.serve(key)

    assert ("is merged and gives back what was there before" in again) is is_answer_lost
    assert len(world.chat.messages) == messages
    assert (kinds(world, forward(world)).count("undo-asked"), world.merges()) == (1, 2)


@pytest.mark.parametrize("of", ["ledger.append", "forge.open_pull_request", "inbox.put", "chat.post"])
def test_a_rollback_asked_for_that_dies_half_way_is_carried_on_in_the_name_of_who_asked(tmp_path: Path, of: str) -> None:
    world = applied(tmp_path)
    (approval,) = forward(world).approvals
    world.objects.delete(approval.key)
    form = f"command=%2Ftrimtab&text=rollback+{proposal(world)}+slow&user_id={ML}&channel_id=C0BATCH&trigger_id=1"
    key = world.receive(world.slack(form.encode()))
    world.dying(of, lambda: world.serve(key), "after")

    world.later(hours=1)
    world.tick_verify()

    back = rollback(world)
    assert back is not None
    assert back.planned().requested_by == (PersonId("ml-owner"),)
    assert (kinds(world, forward(world)).count("undo-asked"), len(world.forge.desk(REPO).numbers())) == (1, 2)
    assert len([each for each in world.chat.messages if "gives back what was there before" in each.text]) == 1


def test_of_two_who_ask_at_once_the_first_has_asked_and_the_second_is_told_so(tmp_path: Path) -> None:
    world = applied(tmp_path)

    first, second = typed_at_once(world, f"rollback {proposal(world)} slow", "U0PLATFORM", ML)

    assert first.endswith(AGREED)
    assert second == f"platform-owner asked for this already. {first}"
    assert kinds(world, forward(world)).count("undo-asked") == 1
    assert len(world.forge.desk(REPO).numbers()) == 2


def test_of_two_who_ask_in_the_same_moment_one_has_asked(tmp_path: Path) -> None:
    world = applied(tmp_path)

    slower, quicker = overtaken(world, f"rollback {proposal(world)} slow", forward(world).planned().stream)

    assert quicker.endswith(AGREED)
    assert slower == f"platform-owner asked for this already. {quicker}"
    assert forward(world).undo_asked_by == "platform-owner"
    assert (kinds(world, forward(world)).count("undo-asked"), len(world.forge.desk(REPO).numbers())) == (1, 2)
    assert world.ports.ledger.verify() == []


@pytest.mark.security(24)
def test_what_somebody_writes_as_a_reason_acts_nowhere(tmp_path: Path) -> None:
    world = applied(tmp_path)

    typed(world, f"rollback {proposal(world)} <!channel> @acme/platform closes #1 [skip ci]")

    back = rollback(world)
    assert back is not None
    assert back.pull_request is not None
    said = [*(comment.text for comment in world.forge.comments(REPO, 1)), world.forge.pull_request(REPO, back.pull_request.number).body]
    said += [message.text for message in world.chat.messages]
    assert any("asked to undo it" in text for text in said)
    assert not [text for text in said for act in ("<!channel>", "@acme", "#1 ", "[skip") if act in text]


def test_what_was_merged_more_than_a_week_ago_is_said_to_be(tmp_path: Path) -> None:
    world = applied(tmp_path)
    world.later(days=8)

    told = typed(world, f"rollback {proposal(world)} slow jobs")

    assert told == f"Not possible: {proposal(world)}: not undone, because it was merged on 2026-11-18, more than 7 days ago."
    assert (rollback(world), forward(world).regression) == (None, "")


def test_what_is_not_merged_is_said_not_to_be(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())

    told = typed(world, f"rollback {proposal(world)} slow jobs")

    assert told == (
        f"Not possible: {proposal(world)} is awaiting-approval: only a change that is merged, and not measured to its end, can be undone."
    )


def test_a_request_that_was_long_on_its_way_undoes_nothing_that_was_merged_since(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    form = f"command=%2Ftrimtab&text=rollback+{proposal(world)}+slow&user_id={ML}&channel_id=C0BATCH&trigger_id=1"
    asked = world.receive(world.slack(form.encode()))
    world.later(minutes=1)
    world.serve(world.receive(world.press("approve")))

    told = world.serve(asked)

    assert forward(world).state is State.MERGED
    assert told.startswith(f"{proposal(world)} was merged after you asked, so it is not undone by that")
    assert (rollback(world), forward(world).regression) == (None, "")


def test_a_rollback_that_people_turned_down_does_not_come_again_because_somebody_asks(tmp_path: Path) -> None:
    world, url = turned_down(tmp_path)
    world.later(hours=1)
    world.tick_verify()

    told = typed(world, f"rollback {proposal(world)} slow jobs")

    assert told == f"Its rollback {url} is ignored already, and it is not opened a second time."
    assert len(world.forge.desk(REPO).numbers()) == 2


def test_a_rollback_is_not_undone(tmp_path: Path) -> None:
    world = applied(tmp_path)
    worsen(world)
    back = rollback(world)
    assert back is not None

    told = typed(world, f"rollback {back.planned().id} and back")

    assert told == f"Not possible: {back.planned().id} is a rollback itself, and no rollback is undone."


def test_a_change_that_somebody_has_changed_since_is_said_to_be(tmp_path: Path) -> None:
    world = applied(tmp_path)
    world.push_main({"clusters/dev/dev-east.yaml": YAML.replace(b"count: 6", b"count: 20")})

    told = typed(world, f"rollback {proposal(world)} slow jobs", ML)

    assert told.startswith(f"Not possible: {proposal(world)}: not undone, because somebody changed it since: ")


def test_a_regression_that_could_not_be_undone_is_answered_with_the_same_reason(tmp_path: Path) -> None:
    world = applied(tmp_path)
    world.push_main({"clusters/dev/dev-east.yaml": YAML.replace(b"count: 6", b"count: 20")})
    worsen(world)

    told = typed(world, f"rollback {proposal(world)} slow jobs", ML)

    assert told.startswith(f"Not possible: {proposal(world)}: not undone, because somebody changed it since: ")


@pytest.mark.parametrize("named", ["prop-000000000000", "../../x", "prop-\x00", "p" * 1200, "freezes/x", "PROP-1"])
def test_an_id_that_is_nobodys_is_answered_and_does_nothing(tmp_path: Path, named: str) -> None:
    world = applied(tmp_path)
    before = kinds(world, forward(world))

    told = typed(world, f"rollback {named} slow jobs")

    assert told.startswith("There is no proposal ")
    assert (kinds(world, forward(world)), rollback(world)) == (before, None)


@pytest.mark.parametrize("words", ["rollback", "rollback prop-1", "lift", f"lift {RULE}"])
def test_a_command_without_its_words_is_told_which(tmp_path: Path, words: str) -> None:
    assert typed(applied(tmp_path), words).startswith("Say what, and why: " if words.startswith("lift") else "Say which change, and why: ")


def test_what_is_merged_and_not_applied_yet_is_undone_once_it_is(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.click("approve")

    told = typed(world, f"rollback {proposal(world)} slow jobs")

    back = rollback(world)
    assert back is not None
    assert told == (
        f"Not yet: {back.planned().id} would undo it and is not open, because live-equals-file: count: Git says 5, the cluster 6. "
        "Trimtab tries again every hour."
    )
    world.apply()
    world.later(hours=1)
    world.tick_verify()
    assert world.main_file() == YAML


# ── who may ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def asked_in_vain(world: World, user: str) -> str:
    """Neither is done for that user; what they are told."""
    told = typed(world, f"rollback {proposal(world)} slow jobs", user)
    assert (rollback(world), forward(world).regression) == (None, "")
    return told


@pytest.mark.security(13, 22)
@pytest.mark.parametrize(
    ("account", "named"),
    [
        ("guest", "Your Slack account is a guest's, so nothing was done."),
        ("external", "Your Slack account is of another workspace, so nothing was done."),
        ("bot", "Your Slack account is a bot's, so nothing was done."),
        ("gone", "Your Slack account is deactivated, so nothing was done."),
        (None, "Not possible: ml-owner may not ask to undo this (slack-account: whether the Slack account may decide was not read)."),
    ],
)
def test_only_a_member_of_the_workspace_may_ask(tmp_path: Path, account: Any, named: str) -> None:
    world = applied(tmp_path)
    world.chat.accounts[ML] = account

    assert asked_in_vain(world, ML) == named


@pytest.mark.security(5, 36)
def test_whoever_is_not_listed_is_told_nothing_else(tmp_path: Path) -> None:
    world = applied(tmp_path)

    assert asked_in_vain(world, "U0STRANGER") == "You are not listed in owners.yaml, so nothing was done."
    assert typed(world, f"lift {RULE} why not", "U0STRANGER") == "You are not listed in owners.yaml, so nothing was done."


@pytest.mark.security(5)
def test_whoever_may_not_approve_there_may_not_ask_there(tmp_path: Path) -> None:
    world = applied(tmp_path)

    assert asked_in_vain(world, "U0FINANCE") == (
        "Not possible: finance-owner may not ask to undo this (outside-scope: may not approve for this pool)."
    )


@pytest.mark.security(22)
def test_whoever_lost_their_account_on_the_forge_a_minute_ago_may_not_ask(tmp_path: Path) -> None:
    world = applied(tmp_path)
    set_account(world.forge, REPO, "ml-owner", "gone")

    assert "forge-account: has no access to this repo any more" in asked_in_vain(world, ML)


@pytest.mark.security(2)
def test_whoever_made_themself_an_approver_just_now_may_not_ask(tmp_path: Path) -> None:
    """Nobody has looked at these rules before the command came."""
    world = applied(tmp_path)
    world.push_main({".trimtab/owners.yaml": OWNERS.replace(b"[platform-owner, ml-owner]", b"[platform-owner, ml-owner, finance-owner]")})

    assert "too-new: " in asked_in_vain(world, "U0FINANCE")


@pytest.mark.security(13)
def test_on_a_forge_of_others_whoever_has_not_confirmed_their_accounts_may_not_ask(tmp_path: Path) -> None:
    world = applied(tmp_path)
    settings = world.ports.settings
    elsewhere = settings.model_copy(update={"repositories": (settings.repositories[0].model_copy(update={"forge": "github"}),)})
    world.ports = replace(world.ports, settings=elsewhere)

    assert "unconfirmed: has not confirmed yet that both accounts are theirs" in asked_in_vain(world, ML)


@pytest.mark.security(7)
def test_rules_that_cannot_be_read_let_nobody_ask(tmp_path: Path) -> None:
    world = applied(tmp_path)
    world.push_main({".trimtab/owners.yaml": b"nonsense: ["})

    assert asked_in_vain(world, ML) == "The rules of gitops cannot be read, so nothing was done."


@pytest.mark.security(21)
def test_while_everything_is_stopped_nothing_is_undone_and_nothing_lifted(tmp_path: Path) -> None:
    world = rolled_back(tmp_path)
    world.ports.permit.stop(by="ml-owner", reason="an incident", at=world.now)

    undone = typed(world, f"rollback {proposal(world)} slow jobs")
    lifted = typed(world, f"lift {RULE} looked at")

    assert undone.startswith("Not possible: nothing is undone: ")
    assert lifted.startswith("Not possible: nothing is lifted: ")
    assert len(frozen_on(UID, world.ports)) == 1


def test_while_slack_says_nothing_of_anybody_nothing_is_done_and_the_queue_asks_again(tmp_path: Path) -> None:
    world = applied(tmp_path)
    healthy = world.ports
    world.ports = replace(world.ports, chat=Mute(world.chat))
    with pytest.raises(Upstream):
        typed(world, f"rollback {proposal(world)} slow jobs")
    during = rollback(world)
    world.ports = healthy
    world.deliver()

    assert during is None
    assert rollback(world) is not None


# ── lift ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_record_says_who_lifted_what_and_why(tmp_path: Path) -> None:
    world = rolled_back(tmp_path)

    typed(world, f"lift {RULE} the job was rewritten", ML)

    entry = world.ports.ledger.head(f"freezes/{UID}")
    assert entry is not None
    assert (entry.kind, entry.actor, entry.reason) == ("lifted", "ml-owner", "idle-nodes: the job was rewritten")
    assert str(entry.body["request"]).startswith("inbox/slack/")


@pytest.mark.security(5)
@pytest.mark.parametrize(("user", "why"), [("U0FINANCE", "outside-scope: may not approve for this pool"), (ML, "forge-account: ")])
def test_whoever_may_not_approve_what_was_undone_lifts_nothing(tmp_path: Path, user: str, why: str) -> None:
    world = rolled_back(tmp_path)
    set_account(world.forge, REPO, "ml-owner", "gone")

    told = typed(world, f"lift {RULE} please", user)

    assert why in told
    assert len(frozen_on(UID, world.ports)) == 1


def test_what_is_frozen_again_after_a_lift_stays_frozen_though_the_lift_comes_twice(tmp_path: Path) -> None:
    world = rolled_back(tmp_path)
    told = typed(world, f"lift {RULE} looked at")
    (key,) = [key for key, said in world.outcomes.items() if said == told]
    (frozen,) = [entry for entry in world.ports.ledger.entries(f"freezes/{UID}") if entry.kind == "frozen"]
    world.later(hours=1)
    freeze_rule(UID, "idle-nodes", f"{frozen.actor}.again", "and again", world.ports, world.now)
    world.chat.messages.clear()
    world.forget(key)

    again = world.serve(key)

    assert again == told
    assert [each.reason for each in frozen_on(UID, world.ports)] == ["and again"]


def test_what_was_frozen_after_somebody_asked_is_not_what_they_lift(tmp_path: Path) -> None:
    world = applied(tmp_path)
    form = f"command=%2Ftrimtab&text=lift+{RULE}+early&user_id={ML}&channel_id=C0BATCH&trigger_id=1"
    key = world.receive(world.slack(form.encode()))
    world.now = world.now.replace(microsecond=1)
    freeze_rule(UID, "idle-nodes", f"{proposal(world)}.1", "pods wait", world.ports, world.now)

    told = world.serve(key)

    assert told == f"{RULE} was not frozen when you asked, so there is nothing to lift."
    assert len(frozen_on(UID, world.ports)) == 1


def test_of_two_who_lift_at_once_one_does(tmp_path: Path) -> None:
    world = rolled_back(tmp_path)

    first, second = typed_at_once(world, f"lift {RULE} looked at", "U0PLATFORM", ML)

    assert first == "idle-nodes may propose on dev-east again; what it proposes there needs a person."
    assert second == f"{RULE} was not frozen when you asked, so there is nothing to lift."
    assert [entry.kind for entry in world.ports.ledger.entries(f"freezes/{UID}")] == ["frozen", "lifted"]


def test_of_two_who_lift_in_the_same_moment_one_is_told_that_the_other_did(tmp_path: Path) -> None:
    world = rolled_back(tmp_path)

    slower, quicker = overtaken(world, f"lift {RULE} looked at", f"freezes/{UID}")

    assert quicker.startswith("idle-nodes may propose on dev-east again")
    assert slower == f"Somebody else has lifted {RULE} a moment ago."
    lifted = [entry.actor for entry in world.ports.ledger.entries(f"freezes/{UID}") if entry.kind == "lifted"]
    assert lifted == ["platform-owner"]


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("dev-east/gpu-idle", "dev-east/gpu-idle was not frozen when you asked, so there is nothing to lift."),
        (
            "nowhere/idle-nodes",
            "Not possible: nowhere/idle-nodes: expected CLUSTER/RULE with the name or uid of a cluster, like dev-east/idle",
        ),
        ("idle-nodes", "Not possible: idle-nodes: expected CLUSTER/RULE"),
        (f"{UID}/", "Not possible: "),
        ("<!channel>/x", "Not possible: \\x3c\\x21channel\\x3e/x: expected CLUSTER/RULE"),
    ],
)
def test_what_cannot_be_lifted_is_answered_in_one_sentence(tmp_path: Path, what: str, told: str) -> None:
    world = rolled_back(tmp_path)

    assert typed(world, f"lift {what} please").startswith(told)
    assert len(frozen_on(UID, world.ports)) == 1


def test_two_clusters_of_one_name_are_told_apart_by_their_uids(tmp_path: Path) -> None:
    world = rolled_back(tmp_path)
    (known,) = world.palette.known
    other = replace(known, uid=type(UID)("5f00000000000000000000aa"))
    world.palette.known = (other, known)

    by_name = typed(world, f"lift {RULE} looked at")
    by_uid = typed(world, f"lift {UID}/idle-nodes looked at")

    assert by_name.startswith(f"Not possible: {RULE}: 2 clusters are called so; name it by its uid")
    assert by_uid.startswith("idle-nodes may propose on ")
    assert frozen_on(UID, world.ports) == ()


def test_what_a_person_froze_by_hand_is_lifted_by_hand(tmp_path: Path) -> None:
    world = applied(tmp_path)
    freeze_rule(UID, "idle-nodes", "ml-owner 2026-11-18T10:00:00Z", "wait for me", world.ports, world.now)

    told = typed(world, f"lift {RULE} looked at")

    assert told == f"Not possible: it was frozen by hand, and is lifted so: trimtab freeze {RULE} --lift."
    assert len(frozen_on(UID, world.ports)) == 1


def test_status_says_how_to_lift_and_help_names_both_commands(tmp_path: Path) -> None:
    world = rolled_back(tmp_path)

    typed(world, "status")
    status = json.dumps(world.chat.messages[-1].blocks)
    told = typed(world, "help")

    assert f"until somebody types /trimtab lift {RULE} REASON" in status
    assert "/trimtab rollback PROPOSAL REASON: " in told
    assert "/trimtab lift CLUSTER/RULE REASON: " in told
