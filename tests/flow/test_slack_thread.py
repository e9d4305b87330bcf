"""What Slack hears: an answer to every click, one message in the thread for every turn, one digest a run; and what it does not take."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.flow.flow_world import FREEZE, ONE, PATH, TWO, YAML, World, make_world, shrink
from tests.judgement import OWNERS, POLICY, UID
from trimtab.adapters.localforge import LocalForge, Rules, human_commit, human_merge, protect
from trimtab.adapters.memory import MemoryChat, Message
from trimtab.errors import Upstream
from trimtab.flow.freezes import freeze_rule, lift
from trimtab.lifecycle import State
from trimtab.records import FieldChange, Finding

REPO = "gitops"


def opened(root: Path, policy: bytes = ONE) -> World:
    world = make_world(root, policy)
    world.propose(shrink())
    return world


def news(world: World, start: str) -> list[str]:
    """Messages of the thread that begin so."""
    return [text for text in world.answers() if text.startswith(start)]


def pressable(message: Message) -> set[str]:
    return {each["action_id"] for block in message.blocks if block["type"] == "actions" for each in block["elements"]}  # type: ignore[attr-defined]


# ── the thread ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_thread_hears_of_the_merge_and_of_it_being_applied_once_each(tmp_path: Path) -> None:
    world = opened(tmp_path)
    world.click("approve")
    world.webhook("again")
    world.later(hours=1)
    world.apply()
    world.measure()
    world.tick_verify()
    world.later(hours=1)
    world.tick_verify()

    assert len(news(world, "Merged, after judging again on fresh facts, as ")) == 1
    assert news(world, "Applied: ") == ["Applied: Palette shows count = 5. The saving is being measured."]


def test_an_approval_that_falls_is_told_with_what_moved(tmp_path: Path) -> None:
    world = opened(tmp_path, FREEZE)
    world.click("approve")
    world.push_main({".trimtab/policy.yaml": FREEZE + b"# another word\n"})

    world.webhook("again")

    (said,) = news(world, "What was approved no longer stands")
    assert "the policy moved from" in said
    assert world.life().approvals == ()


def test_a_plan_made_anew_on_another_file_says_that_the_yes_is_gone(tmp_path: Path) -> None:
    world = opened(tmp_path, FREEZE)
    world.click("approve")
    world.push_main({PATH: YAML.replace(b"# a comment that stays", b"# another comment")})

    world.webhook("again")

    assert world.life().approvals == ()
    assert news(world, "What was approved no longer stands") or news(world, "It was planned anew")


@pytest.mark.security(22)
def test_what_everybody_agreed_on_and_is_not_merged_names_its_reason_in_the_pull_request_and_the_thread(tmp_path: Path) -> None:
    world = opened(tmp_path, FREEZE)

    told = world.click("approve")
    world.webhook("again")
    world.webhook("and again")

    assert "It still needs this: it waits for the freeze sale until 2026-11-2" in told
    assert len(news(world, "Not merged yet: it waits for the freeze sale until 2026-11-2")) == 1
    assert len([comment for comment in world.said() if comment.startswith("Not merged yet: it waits for the freeze sale")]) == 1


def test_a_merge_that_the_forge_refuses_is_told_once(tmp_path: Path) -> None:
    world = opened(tmp_path)
    protect(world.forge, REPO, Rules(required_checks=("trimtab/gate", "somebody-elses"), protects_config=True))

    world.click("approve")
    world.webhook("again")

    assert len(news(world, "Not merged yet: the forge said ")) == 1
    assert len([comment for comment in world.said() if comment.startswith("Not merged yet: the forge said ")]) == 1


def test_a_request_that_expires_is_told(tmp_path: Path) -> None:
    world = opened(tmp_path)
    world.later(days=8)

    world.tick_verify()

    assert len(news(world, "The request has expired: ")) == 1
    assert world.buttons() == set()


def test_a_merge_by_hand_is_told_as_one(tmp_path: Path) -> None:
    world = opened(tmp_path)
    protect(world.forge, REPO, Rules(protects_config=True))
    human_merge(world.forge, REPO, 1, login="ml-owner", at=world.now)

    world.webhook("closed")

    assert len(news(world, "A person merged it on the forge: ")) == 1


def test_a_persons_commit_and_a_close_are_told(tmp_path: Path) -> None:
    world = opened(tmp_path)
    human_commit(world.forge, REPO, world.pull().head_ref, {PATH: YAML}, message="mine", login="ml-owner", at=world.now)

    world.webhook("synchronize")
    world.forge.close_pull_request(REPO, 1)
    world.webhook("closed")

    assert len(news(world, "Somebody has taken the pull request over")) == 1
    assert news(world, "Closed on the forge.") == ["Closed on the forge. It comes back only if the evidence changes."]


def test_what_was_merged_by_itself_is_told_too(tmp_path: Path) -> None:
    world = opened(tmp_path, POLICY)

    world.webhook()

    assert len(news(world, "Merged, after judging again")) == 1


def test_news_that_died_between_sending_and_recording_is_not_sent_twice(tmp_path: Path) -> None:
    world = opened(tmp_path)
    key = world.receive(world.press("approve"))

    world.dying("chat.post", lambda: world.serve(key), "lost")
    told = world.life().news
    world.serve(key)

    assert [item.kind for item in told] == ["merged"]
    assert len(news(world, "Merged, ")) == 1
    assert world.life().news == ()


# ── the answers ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_second_of_two_clicks_is_told_who_decided_and_when(tmp_path: Path) -> None:
    world = opened(tmp_path)
    keys = [world.receive(world.press("approve", user)) for user in ("U0PLATFORM", "U0ML")]

    told = [world.serve(key) for key in keys]

    assert told[0] == "Your approve is recorded; the proposal is merged."
    assert told[1].startswith(
        "Not possible: the proposal is merged already: Merged by Trimtab, after judging again on 2026-11-18 10:00 UTC"
    )
    assert "Approved by platform-owner." in told[1]
    assert world.life().approvals[0].person == "platform-owner"
    assert world.merges() == 1


def test_a_click_after_a_rejection_is_told_who_rejected_and_why(tmp_path: Path) -> None:
    world = opened(tmp_path)
    press = world.press("approve", "U0ML")
    world.click("reject", reason="wrong-time")

    told = world.serve(world.receive(press))

    assert told == "Not possible: the proposal is rejected already: Rejected by platform-owner on 2026-11-18: wrong-time."


@pytest.mark.security(10)
@pytest.mark.parametrize("action", ["approve", "adjust"])
def test_a_button_that_does_not_stand_on_the_proposals_own_card_approves_nothing(action: str, tmp_path: Path) -> None:
    """What the value names and what the person saw must be one thing: a value of this proposal under another message decides nothing."""
    world = opened(tmp_path)
    other = Message(ref=world.chat.post("C0OTHER", [], "another card", "another"), blocks=(), text="another card", nonce="another")
    before = world.kinds()

    told = world.click_on(other, action)

    assert told.startswith(f"This is not the card of {world.life().planned().id}, so nothing was decided.")
    assert (world.kinds(), world.merges()) == (before, 0)


@pytest.mark.security(13)
@pytest.mark.parametrize(
    ("account", "named"), [("guest", "a guest's"), ("external", "of another workspace"), ("bot", "a bot's"), ("gone", "deactivated")]
)
@pytest.mark.parametrize("action", ["approve", "reject", "snooze", "evidence", "adjust"])
def test_whoever_is_no_member_is_told_so_and_decides_nothing(account: Any, named: str, action: str, tmp_path: Path) -> None:
    world = opened(tmp_path)
    world.chat.accounts["U0PLATFORM"] = account
    before = world.kinds()

    told = world.click(action)

    assert told == f"Your Slack account is {named}, so your click decides nothing."
    assert (world.answers(), world.kinds()) == ([told], before)


def test_a_card_that_was_deleted_answers_the_person_and_the_click_counts(tmp_path: Path) -> None:
    world = opened(tmp_path)
    request = world.press("approve")
    card = world.cards()[0]
    world.chat.messages.remove(card)

    key = world.receive(request)
    world.deliver()

    assert world.outcomes[key] == "Your approve is recorded; the proposal is merged."
    assert (world.merges(), world.life().state) == (1, State.MERGED)
    assert all(pressable(message) == set() for message in world.chat.messages)


def test_a_channel_that_was_closed_answers_the_person_itself(tmp_path: Path) -> None:
    world = opened(tmp_path)
    request = world.press("approve")
    world.chat.closed = frozenset({"C0BATCH"})

    key = world.receive(request)
    world.deliver()

    assert world.outcomes[key] == "Your approve is recorded; the proposal is merged."
    assert [message.text for message in world.chat.messages if message.ref.channel == "D0PLATFORM"] == [world.outcomes[key]]


@pytest.mark.parametrize("about", ["../../x", "prop-\x00", "p" * 1200])
def test_a_button_that_no_card_of_ours_has_is_answered_and_decides_nothing(about: str, tmp_path: Path) -> None:
    world = opened(tmp_path)
    before = world.kinds()

    world.click("reject", proposal=about)

    assert world.answers() == [UNDECIDED]
    assert world.kinds() == before


def test_a_click_on_what_is_of_a_repo_that_is_managed_no_more_is_answered(tmp_path: Path) -> None:
    world = opened(tmp_path)
    key = world.receive(world.press("reject"))
    world.ports = replace(world.ports, settings=world.ports.settings.model_copy(update={"repositories": ()}))

    world.deliver()

    assert world.outcomes[key] == "refused: settings.repositories: no repo with id 'gitops'"
    assert world.answers() == [UNDECIDED]


UNDECIDED = "Nothing was decided: Trimtab cannot work on this proposal. Its log says why."


def test_a_card_that_was_posted_and_not_recorded_stays_the_one_card_though_its_owner_has_another_channel_by_now(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.dying("chat.post", lambda: world.propose(shrink()), "after")
    world.push_main({".trimtab/owners.yaml": OWNERS.replace(b"channel: C0BATCH", b"channel: C0OTHER")})
    world.later(minutes=5)

    world.deliver()

    (card,) = world.cards()
    kept = world.life().card
    assert kept is not None
    assert (card.ref.channel, card.ref.ts) == ("C0BATCH", kept.ts)


def test_a_card_that_was_posted_and_not_recorded_is_the_next_generations_card(tmp_path: Path) -> None:
    """Else it would stand there with buttons for good."""
    world = make_world(tmp_path, ONE)
    world.dying("chat.post", lambda: world.propose(shrink()), "after")
    busy = Busy(world.chat, 0)
    world.ports = replace(world.ports, chat=busy)
    world.forge.close_pull_request(REPO, 1)
    world.later(minutes=5)
    with pytest.raises(Upstream):
        world.deliver()
    for key in world.ports.inbox.pending():
        world.ports.inbox.finish(key, "given up by its queue")
    world.later(days=15)
    world.measure()
    with pytest.raises(Upstream):
        world.propose(shrink(4, end=world.now.replace(hour=0)))
    busy.room = 99

    world.deliver()

    assert world.life().generation == 2
    assert len(world.cards()) == 1


def test_an_answer_to_the_person_itself_is_not_given_twice(tmp_path: Path) -> None:
    world = opened(tmp_path)
    request = world.press("approve", "U0FINANCE")
    world.chat.closed = frozenset({"C0BATCH"})
    key = world.receive(request)
    world.deliver()
    world.forget(key)

    again = world.serve(key)

    assert again == "answered before"
    assert len([message for message in world.chat.messages if message.ref.channel == "D0FINANCE"]) == 1


# ── Slack is slow, or away ───────────────────────────────────────────────────────────────────────────────────────────
@dataclass
class Busy:
    """A Slack that takes `room` messages, and then asks to be asked later."""

    chat: MemoryChat
    room: int
    refused: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.chat, name)
        return self._limited(found) if name in ("post", "update") else found

    def _limited(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def limited(*arguments: Any, **named: Any) -> Any:
            if self.room <= 0:
                self.refused.append(str(arguments[2]))
                raise Upstream("Slack: too many calls; again after 7 s")
            self.room -= 1
            return call(*arguments, **named)

        return limited


def each(world: World) -> list[Finding]:
    """A wish for each of three pools."""
    pools = {"batch": 6, "spare": 4, "edge": 4}
    known = world.palette.known[0]
    live = tuple(replace(pool, count=pools.get(pool.name, pool.count)) for pool in known.pools)
    world.palette.known = (replace(known, pools=live),)
    rows = "".join(
        f"  - name: {name}\n    count: {count}\n    instance_type: m6i.2xlarge\n" for name, count in {"system": 3, **pools}.items()
    )
    world.push_main({PATH: f"name: dev-east\nnode_groups:\n{rows}".encode()})
    demand = {name: {"pending_pods": 0, "CPU cores": 8.0} for name in pools}
    world.ports.documents.publish(f"demand/{known.uid}", {"cluster": "dev-east", "hour": world.now.isoformat(), "pools": demand})
    return [
        shrink(
            count - 1,
            subject=replace(shrink().subject, pool=name),
            changes=(FieldChange(field="count", old=str(count), new=str(count - 1)),),
            nodes_old=count,
        )
        for name, count in pools.items()
    ]


ROOMY = ONE.replace(b"auto_merges_per_day: 2", b"auto_merges_per_day: 2, share_of_pools_per_run: 1, share_of_pools_per_day: 1")


def three(root: Path, room: int = 99) -> tuple[World, Busy, list[Finding]]:
    world = make_world(root, ROOMY)
    busy = Busy(world.chat, room)
    world.ports = replace(world.ports, chat=busy)
    return world, busy, each(world)


def test_a_run_with_several_cards_tells_their_channel_of_all_of_them_in_one_message(tmp_path: Path) -> None:
    world, _, findings = three(tmp_path)

    world.propose(*findings)
    world.forget(f"inbox/propose/run-{world.now:%Y%m%dt%H%Mz}.open")
    world.serve(f"inbox/propose/run-{world.now:%Y%m%dt%H%Mz}.open")

    digests = [message for message in world.cards() if "3 new proposals" in message.text]
    assert len(world.cards()) == 4
    assert [message.ref.channel for message in digests] == ["C0BATCH"]
    assert "Shrink dev-east/edge from 4 to 3 nodes" in json.dumps(digests[0].blocks)


def test_a_run_with_one_card_needs_no_digest(tmp_path: Path) -> None:
    world = opened(tmp_path)

    assert len(world.cards()) == 1


@pytest.mark.parametrize("room", [0, 1, 2, 3])
def test_a_card_that_slack_does_not_take_keeps_no_pull_request_and_no_other_card_from_opening(room: int, tmp_path: Path) -> None:
    world, busy, findings = three(tmp_path, room)

    with pytest.raises(Upstream, match="too many calls"):
        world.propose(*findings)
    numbers = world.forge.desk(REPO).numbers()
    busy.room = 99
    world.deliver()

    assert numbers == [1, 2, 3]
    assert len([message for message in world.cards() if pressable(message)]) == 3
    assert len([message for message in world.cards() if "3 new proposals" in message.text]) == 1
    assert list(world.ports.inbox.pending()) == []


def test_a_slack_outage_neither_approves_nor_denies_and_the_click_counts_once_when_it_is_back(tmp_path: Path) -> None:
    world = opened(tmp_path, FREEZE)
    key = world.receive(world.press("approve"))
    busy = Busy(world.chat, 0)
    world.ports = replace(world.ports, chat=busy)

    with pytest.raises(Upstream):
        world.deliver()
    merged = world.merges()
    busy.room = 99
    world.deliver()

    assert merged == 0
    assert world.kinds().count("approval") == 1
    assert world.outcomes[key].startswith("Your approve is recorded; the proposal is awaiting-approval.")
    assert len(news(world, "Your approve is recorded")) == 1


def test_during_an_outage_a_review_merges_and_the_card_follows_later(tmp_path: Path) -> None:
    world = opened(tmp_path)
    busy = Busy(world.chat, 0)
    world.ports = replace(world.ports, chat=busy)
    world.review("platform-owner")

    with pytest.raises(Upstream):
        world.webhook("submitted")
    state = world.life().state
    busy.room = 99
    world.deliver()

    assert (state, world.merges()) == (State.MERGED, 1)
    assert world.buttons() == set()


def test_a_new_generation_opens_during_an_outage_and_the_old_card_loses_its_buttons_after_it(tmp_path: Path) -> None:
    world = opened(tmp_path)
    busy = Busy(world.chat, 99)
    world.ports = replace(world.ports, chat=busy)
    request = world.press("snooze")
    busy.room = 0
    key = world.receive(request)
    with pytest.raises(Upstream):
        world.deliver()
    world.ports.inbox.finish(key, "given up by its queue")
    world.later(days=15)
    world.measure()

    with pytest.raises(Upstream):
        world.propose(shrink(end=world.now.replace(hour=0)))
    numbers = world.forge.desk(REPO).numbers()
    busy.room = 99
    world.deliver()

    old, new = world.cards()
    assert numbers == [1, 2]
    assert (pressable(old), "approve" in pressable(new)) == (set(), True)
    assert "Snoozed by platform-owner until 2026-12-02." in json.dumps(old.blocks)


# ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def typed(world: World, text: str, user: str = "U0PLATFORM", channel: str = "C0BATCH") -> str:
    fields = f"command=%2Ftrimtab&text={text.replace(' ', '+')}&user_id={user}&channel_id={channel}&trigger_id={world.now.timestamp()}"
    key = world.receive(world.slack(fields.encode()))
    world.deliver()
    return world.outcomes[key]


def test_status_says_what_waits_what_is_frozen_and_what_was_merged_today(tmp_path: Path) -> None:
    world = opened(tmp_path, FREEZE)

    told = typed(world, "status")

    blocks = json.dumps(world.chat.messages[-1].blocks)
    assert told.startswith("Running. 1 proposal waits, 1 freeze is in force, and none was merged today.")
    assert "Shrink dev-east/batch from 6 to 5 nodes: awaiting-approval since 2026-11-18" in blocks
    assert "gitops: sale, until 2026-11-2" in blocks


def test_status_says_what_is_frozen_after_a_rollback_and_how_it_is_lifted(tmp_path: Path) -> None:
    world = opened(tmp_path)
    freeze_rule(UID, "idle-nodes", "rollback-1", "pods waited", world.ports, world.now)
    frozen = typed(world, "status")
    blocks = json.dumps(world.chat.messages[-1].blocks)
    world.later(minutes=1)
    lift(UID, "idle-nodes", "platform-owner", "looked at", world.ports, world.now)
    lifted = typed(world, "status")

    assert "1 freeze is in force" in frozen
    assert "idle-nodes proposes nothing since 2026-11-18, until somebody types " in blocks
    assert "/trimtab lift dev-east/idle-nodes REASON: pods waited" in blocks
    assert "no freeze is in force" in lifted


def test_status_after_a_merge_names_it(tmp_path: Path) -> None:
    world = opened(tmp_path)
    world.click("approve")

    told = typed(world, "")

    assert "No proposal waits, no freeze is in force, and 1 was merged today." in told
    assert "merged at 10:00 UTC" in json.dumps(world.chat.messages[-1].blocks)


@pytest.mark.security(36)
def test_a_stranger_is_told_that_it_runs_and_nothing_of_whose_pools(tmp_path: Path) -> None:
    world = opened(tmp_path)

    told = typed(world, "status", "U0STRANGER")

    assert told == "Running. You are not listed in owners.yaml, so this is all that you are told."
    assert "batch" not in json.dumps(world.chat.messages[-1].blocks)


def test_a_listed_person_stops_everything_and_a_stranger_nothing(tmp_path: Path) -> None:
    world = opened(tmp_path)

    strange = typed(world, "stop now", "U0STRANGER")
    running = world.ports.permit.stop_reason()
    told = typed(world, "stop the sale begins")

    assert strange.startswith("You are not listed in owners.yaml, so nothing was stopped.")
    assert running is None
    assert "the sale begins" in told
    assert "the sale begins" in str(world.ports.permit.stop_reason())


@pytest.mark.parametrize("text", ["help", "resume", "approve prop-1", "<!channel>"])
def test_any_other_word_is_answered_with_what_there_is(text: str, tmp_path: Path) -> None:
    world = opened(tmp_path)

    told = typed(world, text)

    assert "/trimtab status: what waits" in told
    assert world.ports.permit.stop_reason() is None
    assert '"mrkdwn"' not in json.dumps(world.chat.messages[-1].blocks)


def test_a_command_typed_where_the_app_may_not_speak_is_answered_to_the_person(tmp_path: Path) -> None:
    world = opened(tmp_path)
    world.chat.closed = frozenset({"C0CLOSED"})

    told = typed(world, "status", channel="C0CLOSED")

    assert [message.text for message in world.chat.messages if message.ref.channel == "D0PLATFORM"] == [told]


@pytest.mark.security(21)
def test_a_stop_needs_no_slack_that_works(tmp_path: Path) -> None:
    """What has to be stopped may be what keeps Slack from answering."""
    world = opened(tmp_path)
    world.ports = replace(world.ports, chat=Mute(world.chat))

    with pytest.raises(Upstream):
        typed(world, "stop the sale begins")

    assert "the sale begins" in str(world.ports.permit.stop_reason())


def test_a_stop_that_is_delivered_again_takes_back_nothing_that_an_operator_resumed(tmp_path: Path) -> None:
    world = opened(tmp_path)
    busy = Busy(world.chat, 0)
    world.ports = replace(world.ports, chat=busy)
    with pytest.raises(Upstream):
        typed(world, "stop now")
    stopped = world.ports.permit.stop_reason()
    world.ports.permit.resume(by="operator", reason="mended", at=world.now)
    busy.room = 9
    world.later(minutes=5)

    world.deliver()

    assert stopped is not None
    assert world.ports.permit.stop_reason() is None
    assert [change.may_write for change in world.ports.permit.history()] == [True, False, True]


def test_whoever_is_listed_in_any_managed_repo_may_stop(tmp_path: Path) -> None:
    world = opened(tmp_path)
    other = make_world(tmp_path / "other", owners=OWNERS.replace(b"U0ML", b"U0OTHERS"))
    settings = world.ports.settings
    second = settings.repositories[0].model_copy(update={"id": "second", "location": str(tmp_path / "other" / "gitops.git")})
    forge = LocalForge({**world.forge.repositories, "second": other.forge.repositories[REPO]})
    both = settings.model_copy(update={"repositories": (*settings.repositories, second)})
    world.ports = replace(world.ports, forge=forge, settings=both)

    typed(world, "stop now", "U0OTHERS")

    assert "stopped by ml-owner" in str(world.ports.permit.stop_reason())


def test_a_command_is_answered_though_the_rules_cannot_be_read(tmp_path: Path) -> None:
    world = opened(tmp_path)
    world.push_main({".trimtab/owners.yaml": b"nonsense: ["})

    told = typed(world, "stop now")

    assert told == "The rules of gitops cannot be read, so nothing was stopped. Running."
    assert world.chat.messages[-1].text == told


@dataclass
class Mute:
    """A Slack that answers nothing."""

    chat: MemoryChat

    def __getattr__(self, name: str) -> Any:
        if not callable(getattr(self.chat, name)):
            return getattr(self.chat, name)

        def silent(*_arguments: Any, **_named: Any) -> Any:
            raise Upstream("Slack: no answer")

        return silent


# ── who has said what ────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_card_says_who_has_said_yes_so_far(tmp_path: Path) -> None:
    world = opened(tmp_path, TWO)

    world.click("approve")

    assert "So far: platform-owner (slack)." in json.dumps(world.cards()[0].blocks)
    assert "approve" in world.buttons()


@pytest.mark.security(13)
def test_a_review_that_does_not_count_is_told_so_on_the_pull_request_once(tmp_path: Path) -> None:
    """Whoever reviewed believes that it is done; silence would leave it waiting for good."""
    world = opened(tmp_path)
    world.push_main({"README.md": b"hello\n", ".trimtab/policy.yaml": ONE + b"# another word\n"}, author="ml-owner")
    world.review("ml-owner")

    world.webhook("submitted")
    world.webhook("again")

    said = [comment for comment in world.said() if comment.startswith("The review by `ml-owner` does not count: recent-author")]
    assert len(said) == 1
    assert "Not counted: ml-owner (forge): recent-author" in json.dumps(world.cards()[0].blocks)
    assert world.merges() == 0
