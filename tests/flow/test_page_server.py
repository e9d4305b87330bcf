"""The local page over HTTP: it shows what the ledger says, decides by the way of a Slack click, and believes only itself."""

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.page_store import HOSTILE, SECRET, Visitor, life_at, lives, numbers, opened, served
from trimtab import settings as deployment
from trimtab import wiring
from trimtab.cli.page import open_server
from trimtab.cli.page.safety import Guard
from trimtab.errors import BadInput
from trimtab.ports import Ports


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    """One store for the tests that change nothing."""
    with opened(tmp_path_factory.mktemp("page") / "store") as ports:
        yield ports


@pytest.fixture(scope="module")
def visitor(store: Ports) -> Iterator[Visitor]:
    with served(store) as port:
        yield Visitor(port)


# ── showing ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_overview_shows_proposals_cost_and_refusals(visitor: Visitor) -> None:
    got = visitor.get()

    assert got.status == 200
    for words in ("staging-ml/cpu", "count 3 → 2", "81.20", "97.83", "awaiting-approval", "14,234.00", "metrics-missing", "2026-09-03"):
        assert words in got.body
    assert "21.5% of its Kubernetes cost was idle" in got.body
    assert got.body.count('class="num good">0</td>') == 2, "the difference of each currency, to the last digit"


def test_a_proposal_shows_what_its_reviewer_needs(store: Ports, visitor: Visitor) -> None:
    life = life_at(store, "cpu")

    got = visitor.get(f"/proposals/{life.planned().id}")

    for words in ("Shrink staging-ml/cpu from 3 to 2 nodes", "81 USD", "98 USD", "count: 3", "count: 2", "blast radius", "guarded-stage"):
        assert words in got.body
    assert got.body.count('<svg class="chart"') == 2
    for entry in store.ledger.entries(life.planned().stream):
        assert entry.hash.removeprefix("sha256:")[:10] in got.body


@pytest.mark.parametrize(
    "path", ["/nothing", "/proposals/", "/proposals/prop-../../etc", "/static/base.html", "//evil.test/", "/proposals/prop-1/x"]
)
def test_any_other_path_is_not_here(visitor: Visitor, path: str) -> None:
    assert visitor.get(path).status in (400, 404)


def test_an_unknown_proposal_is_said_by_name(visitor: Visitor) -> None:
    got = visitor.get("/proposals/prop-0123456789ab")

    assert (got.status, "no such proposal" in got.body) == (400, True)


def test_every_answer_carries_the_safety_headers(visitor: Visitor) -> None:
    for path in ("/", "/page.css", "/icon.svg", "/nothing"):
        headers = visitor.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers


def test_foreign_text_stays_text(store: Ports, visitor: Visitor) -> None:
    pages = [visitor.get().body, visitor.get("/proposals/prop-00000hostile").body]

    for page in pages:
        assert "&lt;/script&gt;&lt;img src=x" in page
        assert "<img src=x" not in page
        assert "<script" not in page
        assert "\u202e" not in page
    assert any(life.planned().finding.subject.pool == HOSTILE for life in lives(store))


# ── believing nobody else ────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(34)
@pytest.mark.parametrize("host", ["evil.test", "evil.test:80", "127.0.0.1.evil.test"])
def test_another_host_gets_nothing(visitor: Visitor, host: str) -> None:
    got = visitor.ask("GET", "/", host=host)

    assert got.status == 403
    assert got.body == "this page answers to 127.0.0.1 and localhost only\n", "with that name it could read every word"
    assert "set-cookie" not in got.headers


@pytest.mark.security(34)
@pytest.mark.parametrize(
    "change",
    [
        {"token": "0" * 64},
        {"cookie": "trimtab_1=x"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "null"},
        {"origin": ""},
        {"host": "evil.test", "origin": "http://evil.test"},
    ],
)
def test_a_form_that_is_not_ours_changes_nothing(store: Ports, visitor: Visitor, change: dict[str, str]) -> None:
    before = numbers(store)

    got = visitor.press(life_at(store, "cpu").planned().id, "approve", "platform-owner", **change)

    assert got.status == 403
    assert numbers(store) == before
    assert store.inbox.pending() == []


def test_a_large_form_is_not_read(visitor: Visitor) -> None:
    got = visitor.ask("POST", "/proposals/prop-0123456789ab/decide", "x" * 20_000, origin=f"http://127.0.0.1:{visitor.port}")

    assert got.status == 413


@pytest.mark.parametrize(
    ("action", "person", "reason"), [("approve", "ml-owner", ""), ("merge", "platform-owner", ""), ("reject", "platform-owner", "because")]
)
def test_what_no_form_of_ours_offers_is_refused(store: Ports, visitor: Visitor, action: str, person: str, reason: str) -> None:
    """Approvers are the verdict's; ml-owner is none for this pool."""
    before = numbers(store)

    got = visitor.press(life_at(store, "cpu").planned().id, action, person, reason=reason)

    assert got.status == 400
    assert numbers(store) == before


@pytest.mark.security(34)
def test_it_binds_to_loopback_only(store: Ports) -> None:
    server = open_server(store, lambda: wiring.now(store.settings), 0, SECRET)
    try:
        assert server.server_address[0] == "127.0.0.1"
    finally:
        server.server_close()


def test_a_port_in_use_is_one_line_that_names_it(store: Ports, visitor: Visitor) -> None:
    with pytest.raises(BadInput, match=rf"^--port {visitor.port}: address already in use; choose another with --port$"):
        open_server(store, lambda: wiring.now(store.settings), visitor.port, SECRET)


def test_a_port_that_no_machine_has_is_bad_input(store: Ports) -> None:
    with pytest.raises(BadInput, match="--port 99999"):
        open_server(store, lambda: wiring.now(store.settings), 99999, SECRET)


# ── read-only ────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(1)
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"store": "s3://company-trimtab"}, "Read-only: decisions are taken in Slack or on the forge"),
        ({"ledger": "gs://company-ledger"}, "Read-only: decisions are taken in Slack or on the forge"),
        ({"slack_signing_secret": None}, "Read-only: settings.json has no slack_signing_secret"),
    ],
)
def test_elsewhere_the_page_only_shows_and_says_so(store: Ports, change: dict[str, str | None], said: str) -> None:
    remote = dataclasses.replace(store, settings=store.settings.model_copy(update=change))
    life, before = life_at(store, "cpu"), numbers(store)
    with served(remote) as port:
        visitor, guard = Visitor(port), Guard(port, SECRET)
        shown = visitor.get(f"/proposals/{life.planned().id}")
        headers = {"origin": f"http://127.0.0.1:{port}", "cookie": f"{guard.cookie_name}={guard.cookie}"}
        form = urlencode({"token": guard.field, "mark": "one", "action": "approve", "person": "platform-owner"})
        pressed = visitor.ask("POST", f"/proposals/{life.planned().id}/decide", form, **headers)

    assert said in shown.body
    assert "<form" not in shown.body
    assert pressed.status == 403
    assert numbers(store) == before


# ── the paths of `receive` ───────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/slack", "payload=%7B%7D", 401),
        ("/github", "{}", 401),
        ("/palette", "{}", 401),
        ("/slack", "x" * 300_000, 413),
        ("/slack/x", "", 404),
    ],
)
def test_a_forged_call_is_refused_as_receive_refuses_it(store: Ports, visitor: Visitor, path: str, body: str, status: int) -> None:
    before = numbers(store)

    assert visitor.ask("POST", path, body, content_type="application/x-www-form-urlencoded").status == status
    assert numbers(store) == before
    assert store.inbox.pending() == []


# ── the command ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_command_says_in_one_line_that_a_port_is_taken(tmp_path: Path, visitor: Visitor) -> None:
    command = [sys.executable, "-m", "trimtab.cli.main", "serve", "--store", f"file://{tmp_path}/empty", "--port", str(visitor.port)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 2
    assert done.stderr.strip() == f"trimtab: --port {visitor.port}: address already in use; choose another with --port"
    assert done.stdout == ""


def test_a_store_with_nothing_in_it_is_a_page_that_says_so(tmp_path: Path) -> None:
    with served(wiring.build(deployment.load({}, f"file://{tmp_path}/empty"))) as port:
        got = Visitor(port).get()

    assert got.status == 200
    for words in ("Read-only", "No proposals yet", "No bill has been attributed yet", "No run has finished yet"):
        assert words in got.body
