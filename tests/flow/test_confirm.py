"""Whether two accounts are one person's: asked in Slack, answered on the forge, and weighed wherever somebody decides."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.flow.flow_world import GITHUB_SECRET, make_world, shrink
from tests.flow.forge_loop import GITLAB_SECRET, LOCATION, Loop, loop_over, tree
from tests.forges.github.world import GitHubWorld
from tests.forges.gitlab.world import GitLabWorld
from tests.forges.world import OWNER, REPO
from tests.forges.worlds import REMOTE, world_of
from trimtab.adapters.memory import MemoryChat
from trimtab.errors import Refused
from trimtab.flow.confirm import STREAMS, is_confirmed
from trimtab.flow.governance import read_governance
from trimtab.lifecycle import State
from trimtab.records import Person
from trimtab.sources.senders import Request, sign_github

CODE = re.compile(r"trimtab confirm ([a-z2-7]{12})")


@pytest.fixture(params=REMOTE)
def loop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Loop]:
    (tmp_path / "forge").mkdir()
    with world_of(request.param, tmp_path / "forge", tree()) as outside:
        made = loop_over(outside, request.param, tmp_path / "flow", is_confirmed=False)
        made.propose(shrink())
        yield made


def ml_owner(loop: Loop) -> Person:
    return next(person for person in read_governance(loop.ports, REPO).people if person.id == "ml-owner")


def ask(loop: Loop, user: str = "U0ML", channel: str = "") -> str:
    """`/trimtab confirm`, typed in the app's own conversation; what was answered there."""
    channel = channel or f"D{user[1:]}"
    form = {"command": "/trimtab", "text": "confirm", "user_id": user, "channel_id": channel, "trigger_id": f"{loop.now.timestamp()}"}
    key = loop.receive(loop.slack(urlencode(form).encode()))
    loop.deliver()
    return loop.outcomes.get(key, "done before")


def code_of(loop: Loop, user: str = "U0ML") -> str:
    """What that user alone was told, newest last."""
    told = [message.text for message in loop.chat.messages if message.ref.channel == f"D{user[1:]}"]
    return str(CODE.findall("\n".join(told))[-1])


def write(loop: Loop, text: str, login: str = OWNER, number: int | None = None) -> str:
    """A comment on the pull request, and the forge's call about it. The clocks of the worlds are not ours, so it is said when."""
    number = number or loop.number()
    outside = loop.there
    assert isinstance(outside, GitHubWorld | GitLabWorld)
    outside.comment(number, text, login)
    if isinstance(outside, GitHubWorld):
        outside.repo.issues[number].comments[-1].at = loop.now
        about = {"action": "created", "issue": {"number": number, "pull_request": {}}, "repository": {"full_name": LOCATION}}
        body = json.dumps({**about, "comment": {"id": len(text)}, "at": loop.now.isoformat()}).encode()
        request = Request("/github", {"x-github-event": "issue_comment", "x-hub-signature-256": sign_github(GITHUB_SECRET, body)}, body)
    else:
        outside.request(number).notes[-1].at = loop.now.isoformat()
        body = json.dumps(
            {
                "object_kind": "note",
                "project": {"path_with_namespace": LOCATION},
                "merge_request": {"iid": number},
                "at": loop.now.isoformat(),
            }
        ).encode()
        request = Request("/gitlab", {"x-gitlab-token": GITLAB_SECRET, "x-gitlab-event": "Note Hook"}, body)
    key = loop.receive(request)
    loop.deliver()
    return loop.outcomes.get(key, "done before")


@pytest.mark.security(13)
def test_a_click_of_the_unconfirmed_decides_nothing_and_says_how_to_go_on(loop: Loop) -> None:
    told = loop.click("approve", "U0ML")

    assert "/trimtab confirm" in told
    assert loop.life().approvals == ()
    assert loop.life().state is State.AWAITING


@pytest.mark.security(13)
def test_whoever_writes_the_code_as_the_other_account_is_confirmed_and_then_counts(loop: Loop) -> None:
    told = ask(loop)
    heard = write(loop, f"trimtab confirm {code_of(loop)}")
    loop.click("approve", "U0ML")

    assert "direct message" in told
    assert "ml-owner are confirmed" in heard
    assert [approval.person for approval in loop.life().approvals] == ["ml-owner"] or loop.life().state is State.MERGED
    assert loop.ports.ledger.verify() == []


def test_the_code_is_shown_to_nobody_else(loop: Loop) -> None:
    ask(loop, channel="C0GENERAL")

    public = [message.text for message in loop.chat.messages if message.ref.channel != "D0ML"]
    assert not any(code_of(loop) in text for text in public)
    assert code_of(loop) not in json.dumps([entry.state for entry in loop.ports.ledger.entries(f"{STREAMS}ml-owner")])


@pytest.mark.security(13)
@pytest.mark.parametrize(
    "text", ["trimtab confirm aaaaaaaaaaaa", "please trimtab confirm {code}", "> trimtab confirm {code}\n\nWhat is that?", "confirm {code}"]
)
def test_anything_but_the_code_alone_confirms_nobody(loop: Loop, text: str) -> None:
    ask(loop)

    write(loop, text.format(code=code_of(loop)))

    assert not is_confirmed(ml_owner(loop), REPO, loop.ports)


@pytest.mark.security(13)
def test_the_code_written_by_another_account_confirms_nobody(loop: Loop) -> None:
    ask(loop)

    write(loop, f"trimtab confirm {code_of(loop)}", "reviewer")

    assert not is_confirmed(ml_owner(loop), REPO, loop.ports)


@pytest.mark.security(13)
def test_a_comment_older_than_the_code_confirms_nobody(loop: Loop) -> None:
    """Whoever may edit comments could put a code into an old one of somebody else's."""
    write(loop, "Looks good to me.")
    loop.later(minutes=5)
    ask(loop)
    outside = loop.there
    code = f"trimtab confirm {code_of(loop)}"
    if isinstance(outside, GitHubWorld):
        outside.repo.issues[loop.number()].comments[-1].body = code
    elif isinstance(outside, GitLabWorld):
        outside.request(loop.number()).notes[-1].body = code

    write(loop, "And me.", "reviewer")

    assert not is_confirmed(ml_owner(loop), REPO, loop.ports)


@pytest.mark.security(13)
def test_a_younger_comment_that_somebody_else_changed_into_the_code_confirms_nobody(loop: Loop) -> None:
    """Whoever may write to a repo on GitHub may change what others said there, and need only wait until they say something."""
    ask(loop)
    loop.later(minutes=5)
    write(loop, "Looks good to me.")
    outside = loop.there
    code = f"trimtab confirm {code_of(loop)}"
    if isinstance(outside, GitHubWorld):
        said = outside.repo.issues[loop.number()].comments[-1]
        said.body, said.editor = code, outside.person("reviewer").account
    elif isinstance(outside, GitLabWorld):
        note = outside.request(loop.number()).notes[-1]
        note.body, note.edited_at = code, (loop.now + timedelta(minutes=1)).isoformat()
    loop.later(minutes=2)

    write(loop, "And me.", "reviewer")

    assert not is_confirmed(ml_owner(loop), REPO, loop.ports)


def test_a_code_is_over_after_an_hour(loop: Loop) -> None:
    ask(loop)
    loop.later(minutes=61)

    write(loop, f"trimtab confirm {code_of(loop)}")

    assert not is_confirmed(ml_owner(loop), REPO, loop.ports)


def test_only_the_newest_code_counts(loop: Loop) -> None:
    ask(loop)
    old = code_of(loop)
    loop.later(minutes=1)
    ask(loop)

    write(loop, f"trimtab confirm {old}")

    assert code_of(loop) != old
    assert not is_confirmed(ml_owner(loop), REPO, loop.ports)


@pytest.mark.security(13)
def test_another_account_in_owners_yaml_wants_another_code(loop: Loop) -> None:
    ask(loop)
    write(loop, f"trimtab confirm {code_of(loop)}")
    person = ml_owner(loop)

    assert is_confirmed(person, REPO, loop.ports)
    assert is_confirmed(replace(person, forge=person.forge.upper()), REPO, loop.ports)
    assert not is_confirmed(replace(person, forge="reviewer"), REPO, loop.ports)
    assert not is_confirmed(replace(person, slack="U0EVIL"), REPO, loop.ports)


def test_all_of_it_twice_is_once(loop: Loop) -> None:
    ask(loop)
    write(loop, f"trimtab confirm {code_of(loop)}")
    before = (loop.ports.ledger.entries(f"{STREAMS}ml-owner"), list(loop.chat.messages))

    for key in [key for key in loop.outcomes if key.startswith(("inbox/slack", "inbox/git"))]:
        loop.forget(key)
    loop.deliver()

    assert (loop.ports.ledger.entries(f"{STREAMS}ml-owner"), loop.chat.messages) == before


def test_a_death_before_any_write_ends_in_the_same_place(loop: Loop) -> None:
    for write_of in ("ledger.append", "chat.post"):
        loop.later(minutes=1)
        loop.dying(write_of, lambda: ask(loop))
        loop.deliver()
    loop.dying("ledger.append", lambda: write(loop, f"trimtab confirm {code_of(loop)}"))
    loop.deliver()

    assert is_confirmed(ml_owner(loop), REPO, loop.ports)
    done = [message for message in loop.chat.messages if "are confirmed" in message.text]
    assert len(done) == 1
    assert loop.ports.ledger.verify() == []


def test_a_stranger_has_nothing_to_confirm(loop: Loop) -> None:
    assert "not listed" in ask(loop, "U0STRANGER")
    assert loop.ports.ledger.heads(STREAMS) == {}


def test_who_is_confirmed_has_nothing_more_to_do(loop: Loop) -> None:
    ask(loop)
    write(loop, f"trimtab confirm {code_of(loop)}")
    loop.later(minutes=1)

    assert "nothing to confirm" in ask(loop)


def test_asking_on_and_on_is_answered_and_writes_no_more(loop: Loop) -> None:
    for _ in range(9):
        loop.later(seconds=30)
        told = ask(loop)

    assert "within the hour" in told
    assert len(loop.ports.ledger.entries(f"{STREAMS}ml-owner")) == 5


def test_a_local_forge_has_no_accounts_to_confirm(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    person = next(person for person in read_governance(world.ports, REPO).people if person.id == "ml-owner")

    assert is_confirmed(person, REPO, world.ports)


def test_a_comment_where_nobody_waits_asks_the_forge_for_no_comments(loop: Loop) -> None:
    before = len(loop.there.requests)

    write(loop, "Nice.")

    assert not [request for request in list(loop.there.requests)[before:] if "notes" in request.path and request.method == "GET"]


@dataclass(slots=True)
class NoDirect(MemoryChat):
    """A Slack whose app may not open direct messages."""

    def direct(self, user: str) -> str:
        raise Refused(f"Slack: conversations.open: missing_scope for {user}")


def test_where_slack_takes_no_direct_message_the_person_hears_why(loop: Loop) -> None:
    loop.ports = replace(loop.ports, chat=NoDirect(messages=loop.chat.messages))

    assert "cannot send you a direct message" in ask(loop)
