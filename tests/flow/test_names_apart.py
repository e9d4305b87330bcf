"""The record calls people by random keys; who is behind one can be forgotten, and then nothing in the store says it any more."""

import json
import secrets
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.flow.flow_world import GITHUB_SECRET, ONE, World, make_world, shrink
from tests.judgement import OWNERS
from trimtab.adapters.named_chat import NamedChat
from trimtab.adapters.store.named import NamedLedger
from trimtab.adapters.store.people import StorePeople
from trimtab.cli.story import life_of, proposal_row
from trimtab.errors import BadInput, Refused
from trimtab.flow.erase import erase
from trimtab.flow.life import STREAMS, fold
from trimtab.lifecycle import State
from trimtab.sources.senders import Request, sign_github, unwrap

NAME, SLACK, LOGIN = "canary-approver", "U0CANARY", "canary-login"
CANARY = OWNERS.replace(
    b"{id: platform-owner, slack: U0PLATFORM, forge: platform-owner}", b"{id: canary-approver, slack: U0CANARY, forge: canary-login}"
)
CANARY = CANARY.replace(b"[platform-owner, ml-owner]", b"[canary-approver, ml-owner]")


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = make_world(tmp_path, owners=CANARY)
    people = StorePeople(world.objects, lambda: secrets.token_hex(8))
    return replace(world, ports=replace(world.ports, people=people, chat=NamedChat(world.chat, people)))


def approved(world: World) -> None:
    """One change, approved in Slack by the person whose traces are looked for, merged and seen in the cluster."""
    world.propose(shrink())
    world.click("approve", SLACK)
    world.apply()
    world.tick_verify()


def traces(world: World) -> Iterator[tuple[str, str]]:
    """(key, what it says) of every object of the store that names the person; requests are opened."""
    for key, body in world.objects.read_all(world.objects.keys("")):
        said = body or b""
        if key.startswith("inbox/slack/"):
            said += unwrap(said)[0].body
        for word in (NAME, SLACK, LOGIN):
            if word.encode() in said or word in key:
                yield key, word


@pytest.mark.security(38)
def test_the_ledger_says_nobodys_name(world: World) -> None:
    approved(world)

    assert world.life().state is State.APPLIED
    assert [(key, word) for key, word in traces(world) if key.startswith("streams/")] == []
    assert "person-" in json.dumps([entry.state for entry in world.entries()])


@pytest.mark.security(38)
def test_whoever_is_erased_is_named_by_no_byte_of_the_store_and_the_chain_holds(world: World) -> None:
    approved(world)
    assert {key.split("/")[0] for key, _ in traces(world)} >= {"people", "inbox"}, "there was something to forget"

    erase(NAME, world.ports, world.now)

    assert list(traces(world)) == []
    assert world.ports.ledger.verify() == []
    assert world.life().state is State.APPLIED


@pytest.mark.security(38)
def test_a_login_that_no_rules_list_is_in_no_record_of_who_changed_them(world: World) -> None:
    """Who left owners.yaml, or never was in it, could not be erased."""
    world.push_main({".trimtab/owners.yaml": CANARY + b"# checked\n"}, "long-gone-login")
    world.propose(shrink())
    world.click("approve", SLACK)

    said = [body or b"" for _, body in world.objects.read_all(world.objects.keys("docs/"))]

    assert any(b"unlisted 1" in body for body in said)
    assert not any(b"long-gone-login" in body for body in said)


def test_people_read_names_and_the_card_says_them(world: World) -> None:
    approved(world)
    assert isinstance(world.ports.people, StorePeople)
    named = NamedLedger(world.objects, lambda: "n", world.ports.people)

    (stream,) = named.heads(STREAMS)

    assert {entry.actor for entry in named.entries(stream)} >= {"propose", "merge", "verify", NAME}
    assert [approval.person for approval in fold(named.head(stream)).approvals] == [NAME]
    assert not any("person-" in json.dumps(message.blocks) + message.text for message in world.chat.messages)


@pytest.mark.parametrize("is_rising", [True, False], ids=["keys as names", "keys the other way round"])
def test_people_are_read_in_the_order_of_their_names_whatever_their_keys(tmp_path: Path, is_rising: bool) -> None:
    """Else the same owners.yaml reads otherwise in every deployment."""
    world = make_world(tmp_path, ONE, owners=CANARY)
    numbers = count() if is_rising else count(99, -1)
    people = StorePeople(world.objects, lambda: f"{next(numbers):012x}0000")
    for name in (NAME, "ml-owner"):
        people.key_of(name)
    world = replace(world, ports=replace(world.ports, people=people, chat=NamedChat(world.chat, people)))
    world.propose(shrink())
    world.click("approve", "U0STRANGER")

    keys = world.life().verdict.approvers  # type: ignore[union-attr]
    assert list(keys) == sorted(keys), "the record does not tell whose name comes first"
    assert "**one person**, `canary-approver` or `ml-owner`:" in world.pull().body
    assert "| 1 of: canary-approver, ml-owner |" in world.pull().body
    assert "canary-approver or ml-owner" in json.dumps(world.cards()[0].blocks)
    read = replace(world.ports, ledger=NamedLedger(world.objects, lambda: "n", people))
    assert proposal_row(life_of(world.life().planned().id, read))["waits_for"] == "canary-approver or ml-owner"


def test_after_erasing_a_reader_sees_the_key_and_nothing_breaks(world: World) -> None:
    approved(world)
    assert isinstance(world.ports.people, StorePeople)
    erase(NAME, world.ports, world.now)
    fresh = StorePeople(world.objects, lambda: secrets.token_hex(8), may_add=False)
    named = NamedLedger(world.objects, lambda: "n", fresh)

    (stream,) = named.heads(STREAMS)

    (approval,) = fold(named.head(stream)).approvals
    assert approval.person.startswith("person-")


def test_an_approval_whose_request_was_erased_merges_nothing(world: World) -> None:
    """Between the click and the merge nothing else proves that somebody said yes."""
    world.propose(shrink())
    key = world.receive(world.press("approve", SLACK))
    erase(NAME, world.ports, world.now)
    world.deliver()

    assert world.merges() == 0
    assert world.ports.inbox.is_done(key)


def called(world: World, sender: str) -> str:
    """The forge's signed call about something that somebody did; the key that it is kept under."""
    body = json.dumps({"action": "opened", "number": 1, "sender": {"login": sender}, "repository": {"full_name": "acme/other"}}).encode()
    headers = {"x-github-event": "pull_request", "x-hub-signature-256": sign_github(GITHUB_SECRET, body)}
    return world.receive(Request("/github", headers, body))


@pytest.mark.parametrize("another", ["canary-login-2", "the-canary-login", "canary-login.b", "xcanary-login"])
def test_erasing_somebody_loses_no_request_of_whose_account_is_only_spelled_alike(world: World, another: str) -> None:
    world.propose(shrink())
    key = called(world, another)

    erase(NAME, world.ports, world.now)

    assert world.ports.inbox.read(key) is not None


def test_an_empty_account_erases_nobodys_requests(world: World) -> None:
    world.propose(shrink())
    key = called(world, "somebody-else")

    with pytest.raises(BadInput, match="--account: expected a Slack id or a login"):
        erase(NAME, world.ports, world.now, ("",))

    assert world.ports.inbox.read(key) is not None


@pytest.mark.security(38)
def test_a_login_is_erased_however_the_forge_spells_it(world: World) -> None:
    world.propose(shrink())
    key = called(world, LOGIN.title())

    erase(NAME, world.ports, world.now)

    assert world.ports.inbox.read(key) is None


@pytest.mark.security(38)
def test_a_request_whose_proof_holds_no_more_since_a_secret_was_rotated_is_erased_too(world: World) -> None:
    approved(world)
    rotated = world.ports.settings.model_copy(update={"slack_signing_secret": SecretStr("another-secret-of-thirty-two-bytes")})

    erase(NAME, replace(world.ports, settings=rotated), world.now)

    assert list(traces(world)) == []


@pytest.mark.security(38)
def test_another_persons_click_on_a_card_that_says_the_name_goes_once_it_is_served(world: World) -> None:
    world.propose(shrink())
    waiting, served = called(world, "nobody"), called(world, "someone")
    for key in (waiting, served):
        stored = json.loads(world.ports.inbox.read(key) or b"")
        body = b64encode(json.dumps({"message": f"approved by\n{NAME}"}).encode()).decode()
        world.objects.delete(key)
        world.ports.inbox.put(key, json.dumps({**stored, "body": body}).encode())
    world.ports.inbox.finish(served, "served")

    said = erase(NAME, world.ports, world.now)

    assert (world.ports.inbox.read(waiting) is None, world.ports.inbox.read(served) is None) == (False, True)
    assert "1 requests of others, not served yet, say their name until they expire" in said


@pytest.mark.security(38)
@pytest.mark.parametrize(("port", "method"), [("inbox", "finish"), ("inbox", "forget"), ("ledger", "append"), ("people", "erase")])
def test_erasing_that_died_is_finished_by_asking_again(world: World, port: str, method: str) -> None:
    """Also of somebody whom owners.yaml does not list any more: nothing but the record knows their name."""
    approved(world)
    world.push_main({".trimtab/owners.yaml": OWNERS}, "ml-owner")
    people = StorePeople(world.objects, lambda: secrets.token_hex(8))
    world = replace(world, ports=replace(world.ports, people=people))

    def died(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(getattr(world.ports, port)), method, died)
        with pytest.raises(KeyboardInterrupt):
            erase(NAME, world.ports, world.now, (SLACK, LOGIN))
    erase(NAME, world.ports, world.now, (SLACK, LOGIN))

    assert [(key, word) for key, word in traces(world) if key.startswith(("people/", "inbox/", "streams/"))] == []
    (stream,) = world.ports.ledger.heads("people/person-")
    assert world.ports.ledger.entries(stream)[-1].kind == "erased"


def test_a_name_that_the_record_never_heard_is_said(world: World) -> None:
    with pytest.raises(BadInput, match="nobody-here: the record knows nobody of that name"):
        erase("nobody-here", world.ports, world.now)


def test_two_writers_at_once_give_one_person_one_key(world: World) -> None:
    one, other = (StorePeople(world.objects, lambda: secrets.token_hex(8)) for _ in range(2))

    assert one.key_of("somebody-new") == other.key_of("somebody-new")


def test_whoever_only_reads_adds_nobody(world: World) -> None:
    reader = StorePeople(world.objects, lambda: secrets.token_hex(8), may_add=False)
    before = world.objects.keys("people/")

    assert reader.key_of("somebody-new") == "somebody-new"
    assert world.objects.keys("people/") == before


def test_a_mark_cannot_be_guessed_back_once_the_person_is_erased(world: World) -> None:
    people = StorePeople(world.objects, lambda: secrets.token_hex(8))
    before = people.mark(NAME, f"{SLACK} {LOGIN}")
    assert before == people.mark(NAME, f"{SLACK} {LOGIN}")

    people.erase(NAME)

    assert people.mark(NAME, f"{SLACK} {LOGIN}") != before


@pytest.mark.security(38)
def test_whoever_reads_is_recorded_by_key_and_writes_nothing_else(world: World) -> None:
    assert isinstance(world.ports.people, StorePeople)
    named = NamedLedger(world.objects, lambda: secrets.token_hex(8), world.ports.people)

    named.append("access/2026-11-18", None, kind="read", at=world.now, actor=NAME, reason="costs", body={}, state={})

    assert [entry.actor for entry in named.entries("access/2026-11-18")] == [NAME]
    (kept,) = world.ports.ledger.entries("access/2026-11-18")
    assert kept.actor.startswith("person-")
    with pytest.raises(Refused, match="this command only reads the record"):
        named.append("proposals/prop-1", None, kind="approved", at=world.now, actor=NAME, reason="", body={}, state={})
