"""Deciding on the local page: it takes the way of a Slack click, so every rule that stops one of those stops one from here."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.page_store import SECRET, Visitor, life_at, numbers, opened, served
from trimtab import wiring
from trimtab.adapters.localforge import LocalForge, human_commit
from trimtab.cli.page.safety import Guard
from trimtab.demo.slack_workspace import SlackWorkspace
from trimtab.lifecycle import State
from trimtab.ports import Ports


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[Ports, Visitor]]:
    """A store of its own for a test that decides."""
    with opened(tmp_path / "store") as ports, served(ports) as port:
        yield ports, Visitor(port)


def test_an_approval_goes_through_receive_and_ends_merged(own: tuple[Ports, Visitor]) -> None:
    ports, visitor = own
    proposal = life_at(ports, "cpu").planned().id

    got = visitor.press(proposal, "approve", "platform-owner")
    told = visitor.get(got.headers["location"])

    assert got.status == 303
    assert life_at(ports, "cpu").state is State.MERGED
    assert [(ports.named(approval.person), approval.via) for approval in life_at(ports, "cpu").approvals] == [("platform-owner", "slack")]
    assert "the proposal is merged" in told.body
    assert "Nothing to decide" in told.body


def test_the_same_form_twice_is_one_decision(own: tuple[Ports, Visitor]) -> None:
    """A double click, or a browser that sends again: the second request is the first one's inbox entry."""
    ports, visitor = own
    life = life_at(ports, "batch")
    guard = Guard(visitor.port, SECRET)
    form = urlencode(
        {
            "token": guard.field,
            "mark": "one",
            "head": life.pull_request.head if life.pull_request else "",
            "action": "snooze",
            "person": "web-owner",
        }
    )
    headers = {"origin": f"http://127.0.0.1:{visitor.port}", "cookie": f"{guard.cookie_name}={guard.cookie}"}

    first = visitor.ask("POST", f"/proposals/{life.planned().id}/decide", form, **headers)
    after = numbers(ports)
    second = visitor.ask("POST", f"/proposals/{life.planned().id}/decide", form, **headers)

    assert (first.status, second.status) == (303, 303)
    assert numbers(ports) == after
    assert life_at(ports, "batch").state is State.SNOOZED


def test_a_rejection_keeps_its_reason(own: tuple[Ports, Visitor]) -> None:
    ports, visitor = own

    got = visitor.press(life_at(ports, "cpu").planned().id, "reject", "finops-owner", reason="needed-soon")

    assert got.status == 303
    assert life_at(ports, "cpu").state is State.REJECTED
    assert [(memory.kind, ports.named(memory.by), memory.reason) for memory in life_at(ports, "cpu").memory] == [
        ("rejected", "finops-owner", "needed-soon")
    ]


def test_a_page_that_showed_another_commit_decides_nothing(own: tuple[Ports, Visitor]) -> None:
    ports, visitor = own
    proposal = life_at(ports, "cpu").planned().id

    got = visitor.press(proposal, "approve", "platform-owner", head="0" * 40)

    assert life_at(ports, "cpu").state is State.AWAITING
    assert "look again" in visitor.get(got.headers["location"]).body


def test_two_approvals_need_two_people_and_a_review_on_the_forge(own: tuple[Ports, Visitor]) -> None:
    ports, visitor = own
    proposal = life_at(ports, "train-h100").planned().id

    visitor.press(proposal, "approve", "ml-owner")
    after_one = life_at(ports, "train-h100").state
    visitor.press(proposal, "review", "finops-owner")

    assert after_one is State.AWAITING
    assert life_at(ports, "train-h100").state is State.MERGED


def test_a_file_that_moved_is_planned_again_and_asked_for_again(own: tuple[Ports, Visitor]) -> None:
    """Somebody else changed the same file: the yes was for another file, so it is asked for anew, on top of theirs."""
    ports, visitor = own
    life, now = life_at(ports, "cpu"), wiring.now(ports.settings)
    assert isinstance(ports.forge, LocalForge)
    assert life.pull_request is not None
    path = life.planned().edit.path
    content = ports.forge.read_file("gitops", ports.forge.base_head("gitops", "main"), path) or b""
    human_commit(ports.forge, "gitops", "main", {path: content + b"# seen\n"}, message="A note", login="web-owner", at=now)

    got = visitor.press(life.planned().id, "approve", "platform-owner")

    again = life_at(ports, "cpu")
    assert again.state is State.AWAITING
    assert again.pull_request is not None
    assert again.pull_request.head != life.pull_request.head
    assert again.pull_request.number == life.pull_request.number
    assert "has changed on the default branch" in visitor.get(got.headers["location"]).body

    visitor.press(life.planned().id, "approve", "platform-owner")

    assert life_at(ports, "cpu").state is State.MERGED
    merged = ports.forge.read_file("gitops", ports.forge.base_head("gitops", "main"), path) or b""
    assert merged.endswith(b"# seen\n")


def test_a_stopped_deployment_merges_nothing_from_here(own: tuple[Ports, Visitor]) -> None:
    ports, visitor = own
    ports.permit.stop(by="platform-owner", reason="an incident", at=wiring.now(ports.settings))

    got = visitor.press(life_at(ports, "cpu").planned().id, "approve", "platform-owner")

    assert life_at(ports, "cpu").state is State.AWAITING
    assert "an incident" in visitor.get(got.headers["location"]).body


def test_a_signed_call_is_received_and_carried_out(own: tuple[Ports, Visitor]) -> None:
    """A laptop has no bucket that notifies anybody: the page delivers what it received."""
    ports, visitor = own
    secret = ports.settings.secrets_of("slack")[0]
    life = life_at(ports, "cpu")
    assert life.card is not None
    slack = SlackWorkspace(Path(ports.settings.store.removeprefix("file://")) / "demo" / "slack", "", secret)
    request = slack.click(life.card, "approve", user="U0PLATFORM", at=wiring.now(ports.settings))

    got = visitor.ask("POST", "/slack", request.body.decode(), **request.headers)
    visitor.get()

    assert got.status == 200
    assert _eventually(lambda: life_at(ports, "cpu").state is State.MERGED)


def _eventually(holds: Callable[[], bool], seconds: float = 20) -> bool:
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        time.sleep(0.05)
    return holds()
