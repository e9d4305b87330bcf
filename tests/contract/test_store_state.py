"""Inbox, documents and permit, and a worker that dies between its effect and its done mark."""

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.contract.conftest import Place, nonces
from tests.contract.gcs_shim import Outage, Relay
from trimtab.adapters.store import open_state
from trimtab.errors import BadInput, Broken, Refused
from trimtab.ports import Documents, Inbox, Ledger, Permit
from trimtab.settings import Settings

AT = datetime(2026, 3, 1, tzinfo=UTC)
KEY = "inbox/slack/" + hashlib.sha256(b"body").hexdigest()


def test_the_adapters_carry_out_the_ports(place: Place) -> None:
    state = place.state()
    ports: tuple[Inbox, Ledger, Documents, Permit] = (state.inbox, state.ledger, state.documents, state.permit)

    assert len(ports) == 4


# ── Inbox ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_request_that_comes_twice_is_kept_once(place: Place) -> None:
    inbox = place.state().inbox

    assert inbox.put(KEY, b"body")
    assert not inbox.put(KEY, b"body")
    assert inbox.pending() == [KEY]
    assert inbox.read(KEY) == b"body"


def test_what_is_finished_is_not_pending_and_stays_finished(place: Place) -> None:
    inbox = place.state().inbox
    inbox.put(KEY, b"body")

    assert not inbox.is_done(KEY)
    inbox.finish(KEY, "merged")
    inbox.finish(KEY, "something else")

    assert inbox.is_done(KEY)
    assert inbox.pending() == []
    assert b"merged" in (inbox.objects.read(KEY.replace("inbox/", "done/")) or b"")


def test_pending_is_oldest_first_and_by_source(place: Place) -> None:
    """Stores with whole-second times order the same second by key."""
    inbox = place.state().inbox
    for key in ("inbox/clock/verify/2026-03-01T00:00Z", "inbox/slack/a", "inbox/slack/b"):
        inbox.put(key, b"")

    assert inbox.pending() == ["inbox/clock/verify/2026-03-01T00:00Z", "inbox/slack/a", "inbox/slack/b"]
    assert inbox.pending("slack") == ["inbox/slack/a", "inbox/slack/b"]
    assert inbox.pending("git") == []


def test_pending_on_a_disk_follows_the_time_of_the_put(disk: Place) -> None:
    inbox = disk.state().inbox
    for key in ("inbox/x/c", "inbox/x/a", "inbox/x/b"):
        inbox.put(key, b"")

    assert inbox.pending() == ["inbox/x/c", "inbox/x/a", "inbox/x/b"]


def test_what_waits_never_expires(place: Place) -> None:
    inbox = place.state().inbox
    inbox.put("inbox/x/done", b"")
    inbox.put("inbox/x/waits", b"")
    inbox.finish("inbox/x/done", "ok")

    assert inbox.expire(datetime.now(UTC) - timedelta(days=1)) == 0
    assert inbox.expire(datetime.now(UTC) + timedelta(days=1)) == 1
    assert inbox.objects.keys("") == ["inbox/x/waits"]


@pytest.mark.security(31)
@pytest.mark.parametrize("key", ["slack/x", "streams/a/0000000000", "inbox/../streams/a/0000000000", "inbox/", "inbox/slack/é"])
def test_an_inbox_key_never_leaves_the_inbox(near: Place, key: str) -> None:
    with pytest.raises(BadInput):
        near.state().inbox.put(key, b"")


def test_a_request_whose_answer_was_lost_is_kept(lossy: tuple[Place, Relay]) -> None:
    place, relay = lossy
    relay.losses.append("drop")

    place.state().inbox.put(KEY, b"body")

    assert place.state().inbox.pending() == [KEY]


_DIES = """
import os, signal, sys
from datetime import datetime, UTC
from trimtab.adapters.store import open_state
from trimtab.settings import Settings
state = open_state(Settings(store=sys.argv[1]), nonce=lambda: "dying")
state.inbox.put(sys.argv[2], b"body")
state.ledger.append("p", None, kind="planned", at=datetime.now(UTC), actor="propose", reason="r", body={}, state={})
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_worker_killed_between_its_entry_and_its_done_mark_is_done_again_once(disk: Place) -> None:
    """The request is still pending; the entry is there, whole, and the second try sees it."""
    package = Path(__file__).parents[2] / "shared"
    died = subprocess.run([sys.executable, "-c", _DIES, disk.url, KEY], env={"PYTHONPATH": str(package)}, check=False, timeout=60)
    state = disk.state()

    assert died.returncode == -9
    assert state.inbox.pending() == [KEY]
    head = state.ledger.head("p")
    assert head is not None
    assert head.nonce == "dying"
    again = state.ledger.append("p", None, kind="planned", at=AT, actor="propose", reason="r", body={}, state={})
    assert again is None
    state.inbox.finish(KEY, "ok")
    assert state.inbox.pending() == []
    assert state.ledger.verify() == []


_RACES = """
import sys
from datetime import datetime, UTC
from trimtab.adapters.store import open_state
from trimtab.settings import Settings
ledger = open_state(Settings(store=sys.argv[1]), nonce=lambda: sys.argv[2]).ledger
sys.stdin.readline()
entry = ledger.append("p", None, kind="k", at=datetime.now(UTC), actor="a", reason="r", body={}, state={})
print("lost" if entry is None else entry.nonce)
"""


def test_of_four_processes_on_one_disk_one_wins(disk: Place) -> None:
    package = Path(__file__).parents[2] / "shared"
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", _RACES, disk.url, f"w{writer}"],
            env={"PYTHONPATH": str(package)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for writer in range(4)
    ]  # fmt: skip
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda racer: racer.communicate("go\n", timeout=60)[0].strip(), racers))

    assert answers.count("lost") == 3
    head = disk.state().ledger.head("p")
    assert head is not None
    assert head.nonce in answers


# ── Documents ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_document_is_replaced_and_listed(place: Place) -> None:
    documents = place.state().documents
    documents.publish("summaries/all/2026-03", {"total": "1.20"})
    documents.publish("summaries/all/2026-03", {"total": "1.30", "é": [1, None, True]})
    documents.publish("summaries/allied/2026-03", {})

    assert documents.find("summaries/all/2026-03") == {"total": "1.30", "é": [1, None, True]}
    assert documents.find("summaries/all/2026-04") is None
    assert documents.keys("summaries/all/") == ["summaries/all/2026-03"]
    assert documents.keys("summaries/all") == ["summaries/all/2026-03", "summaries/allied/2026-03"]
    assert documents.keys("") == ["summaries/all/2026-03", "summaries/allied/2026-03"]


def test_a_document_that_is_not_json_is_broken_and_named(place: Place) -> None:
    documents = place.state().documents
    documents.objects.publish("docs/a.json", b"{")

    with pytest.raises(Broken, match=r"docs/a\.json: not JSON"):
        documents.find("a")


# ── The run permit ───────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(21)
def test_without_a_permit_nothing_may_write(place: Place) -> None:
    assert place.state().permit.stop_reason() == "no run permit: an operator must resume first"


def test_a_stop_holds_until_somebody_resumes(place: Place) -> None:
    permit = place.state().permit

    permit.resume("platform-owner", "first start", AT)
    assert permit.stop_reason() is None
    permit.stop("ml-owner", "load test", AT)
    assert permit.stop_reason() == "stopped by ml-owner at 2026-03-01T00:00:00Z: load test"
    permit.resume("platform-owner", "over", AT)
    assert permit.stop_reason() is None


@pytest.mark.security(21)
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"go", "not JSON"),
        (b"", "not JSON"),
        (b'["go"]', "expected a JSON object"),
        (b'{"state":"go"}', "needs state, by, reason and at"),
        (b'{"state":"go","by":"o","reason":"r","at":7}', "needs state, by, reason and at"),
        (b'{"state":"go","by":"o","reason":"r","at":"soon"}', "not a time"),
        (b'{"state":"stop","state":"go","by":"o","reason":"r","at":"2026-03-01"}', "stands twice"),
        (b'{"state":"maybe","by":"o","reason":"r","at":"2026-03-01"}', "unknown state 'maybe'"),
        (b"\xff", "not JSON"),
    ],
)
def test_a_malformed_permit_is_a_stop(near: Place, body: bytes, reason: str) -> None:
    permit = near.state().permit
    permit.resume("platform-owner", "first start", AT)
    permit.objects.create("permit/0000000001", body)

    assert reason in str(permit.stop_reason())
    permit.stop("ml-owner", "even so", AT)
    assert "even so" in str(permit.stop_reason())


@pytest.mark.security(21)
def test_an_object_that_is_no_permit_is_a_stop(place: Place) -> None:
    permit = place.state().permit
    permit.resume("platform-owner", "first start", AT)
    permit.objects.create("permit/zzz", b'{"state":"go","by":"o","reason":"r","at":"2026-03-01"}')

    assert "not a numbered permit" in str(permit.stop_reason())


@pytest.mark.security(21)
def test_whoever_may_only_stop_cannot_resume(place: Place) -> None:
    """A function's role may create keys that end in .stop, and no others: what it writes there is a stop whatever it says."""
    permit = place.state().permit
    permit.resume("platform-owner", "first start", AT)
    permit.stop("ml-owner", "load test", AT)
    permit.objects.create("permit/0000000002.stop", b'{"state":"go","by":"ml-owner","reason":"all is well","at":"2026-03-01"}')

    assert permit.stop_reason() == "stopped by ml-owner at 2026-03-01: all is well"
    assert [change.may_write for change in permit.history()] == [True, False, False]
    permit.resume("platform-owner", "over", AT)
    assert permit.stop_reason() is None


@pytest.mark.security(21)
def test_a_stop_and_a_go_of_the_same_moment_are_a_stop(place: Place) -> None:
    permit = place.state().permit
    permit.objects.create("permit/0000000000", b'{"state":"go","by":"o","reason":"r","at":"2026-03-01"}')
    permit.objects.create("permit/0000000000.stop", b'{"state":"stop","by":"o","reason":"not yet","at":"2026-03-01"}')

    assert "not yet" in str(permit.stop_reason())


@pytest.mark.security(21)
@pytest.mark.parametrize("outage", ["forbidden", "silent"])
def test_a_permit_that_cannot_be_read_is_a_stop(lossy: tuple[Place, Relay], outage: Outage) -> None:
    place, relay = lossy
    permit = replace(place, options={**place.options, "timeout": "200ms"}).state().permit
    permit.resume("platform-owner", "first start", AT)

    relay.outage = outage

    assert str(permit.stop_reason()).startswith("the run permit is unreadable: ")


def test_whoever_resumes_must_have_seen_the_last_stop(disk: Place) -> None:
    """A resume that lost a race does not try again: the stop that won was not read."""
    permit = disk.state().permit
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda k: _tried(disk, k), range(8)))

    assert answers.count(True) >= 1
    assert permit.stop_reason() is None
    for _ in range(3):
        permit.stop("ml-owner", "r", AT)
    assert permit.stop_reason() is not None


def _tried(disk: Place, k: int) -> bool:
    try:
        disk.state(f"w{k}").permit.resume("platform-owner", "r", AT)
    except Refused:
        return False
    return True


# ── Opening ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_ledger_may_have_a_place_of_its_own(tmp_path: Path) -> None:
    """Functions hold rights to one place or the other: what lies in the wrong one, in a cloud nobody can read or write."""
    settings = Settings(tenant="acme", store=f"file://{tmp_path}/store", ledger=f"file://{tmp_path}/ledger")
    state = open_state(settings, nonce=nonces("w"))

    state.documents.publish("a", {})
    state.inbox.put("inbox/x/1", b"")
    state.ledger.append("s", None, kind="k", at=AT, actor="a", reason="r", body={}, state={})
    state.permit.stop("platform-owner", "r", AT)
    state.people.key_of("ada")

    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert files == [
        "ledger/acme/inbox/x/1",
        f"ledger/acme/people/{hashlib.sha256(b'ada').hexdigest()[:32]}",
        "ledger/acme/permit/0000000000.stop",
        "ledger/acme/streams/s/0000000000",
        "store/acme/docs/a.json",
    ]


@pytest.mark.security(36)
def test_a_tenant_never_sees_another(tmp_path: Path) -> None:
    one, two = (open_state(Settings(tenant=name, store=f"file://{tmp_path}"), nonce=nonces(name)) for name in ("one", "two"))
    one.inbox.put("inbox/x/1", b"")
    one.documents.publish("a", {})

    assert two.inbox.pending() == []
    assert two.documents.keys("") == []
