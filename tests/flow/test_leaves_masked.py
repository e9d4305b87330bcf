"""Whatever else leaves the deployment: checks, digests, calls, tickets, annotations, change requests, commits and the week's note.

Some of it never says an amount; the rest wears the mask. Each place is also looked at where amounts are allowed, so that the look can fail.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.flow.budget_world import BUDGETED, foresee, judge, mail_of, make_budget_world, spend, teams_of, tick
from tests.flow.flow_world import FREEZE, ONE, REPO, World, make_world, shrink
from tests.flow.group_world import group_world, smaller
from tests.flow.test_masked_words import MASKED, PublicForge, on
from tests.flow.test_merge_queue import group, queued
from tests.flow.test_write_back import SERVICENOW, TICKETS, joined
from tests.judgement import CONFIG, OWNERS, POLICY, UID
from tests.ticket_servers import Jira, ServiceNow, serving
from trimtab.adapters.localforge import LocalForge
from trimtab.attribution.summary import Amounts, CostLine, Summary
from trimtab.flow.calling import call_once
from trimtab.flow.life import Journal
from trimtab.policy.masking import shows_amounts
from trimtab.records import CommitSha, Finding
from trimtab.units import Money

pytestmark = pytest.mark.security(36)
SAID = "7,654.32 USD"
SHARES = OWNERS + b"\naccess: {mask: shares}\n"
LIMITED = BUDGETED.replace(b"budgets:", b"access: {mask: rounded}\nbudgets:")
MONDAY = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)


def dear(finding: Finding | None = None) -> Finding:
    """A finding that says the amount wherever it can say anything."""
    whole = finding or shrink()
    saves = Money(Decimal("7654.32"), "USD")
    return replace(
        whole, saving_list=saves, saving_effective=saves, disruption=(f"It costs {SAID}.",), runner_up=f"Another size saves {SAID}.",
        evidence=replace(whole.evidence, lines=(f"It costs {SAID} a month.",)),
    )  # fmt: skip


def summaries(world: World, commit: CommitSha) -> list[str]:
    return [check.summary for check in world.ports.forge.checks(REPO, commit)]


# ── never an amount ──────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("kind", [LocalForge, PublicForge])
def test_no_check_and_no_commit_says_an_amount_however_it_ends(tmp_path: Path, kind: type[LocalForge]) -> None:
    """A check and a commit are read wherever the repo is, and stay when a pull request is reworded."""
    world = on(make_world(tmp_path, ONE), kind)

    world.propose(dear())
    world.webhook()
    head = world.pull().head
    told = summaries(world, head)
    world.click("approve")
    told += summaries(world, head)
    messages = world.forge.git(REPO).run("log", "--format=%B", "main").decode()

    assert len(told) == 2
    assert "Trimtab-Proposal" in messages
    assert [text for text in (*told, messages) if shows_amounts(text)] == []
    assert shows_amounts(world.pull().body) == (kind is LocalForge)


def test_the_queues_check_names_rules_and_no_amount(tmp_path: Path) -> None:
    """What stops it there may have been said with an amount; the check says the rule's name."""
    world, forge = queued(tmp_path)
    world.push_main({".trimtab/policy.yaml": FREEZE.replace(ONE, POLICY).replace(b"name: sale", f"name: 'it costs {SAID}'".encode())})
    (entry,) = forge.queue(REPO, "main")

    group(world)

    (told,) = summaries(world, entry.commit)
    assert told.startswith("Judged again in the queue: ")
    assert not shows_amounts(told)


def test_a_digest_names_changes_and_no_amount(tmp_path: Path) -> None:
    world = group_world(tmp_path, config=CONFIG)

    world.propose(*(dear(smaller(name, world)) for name in ("batch", "ml")))

    (digest,) = [message for message in world.cards() if "new proposals" in message.text]
    assert "dev-east/batch" in json.dumps(digest.blocks)
    assert not shows_amounts(json.dumps(digest.blocks) + digest.text)
    assert all(shows_amounts(json.dumps(card.blocks)) for card in world.cards() if card is not digest)


def test_an_annotation_in_palette_says_what_is_proposed_and_no_amount(tmp_path: Path) -> None:
    world = make_world(tmp_path, config=CONFIG + b"annotations: true\n")

    world.propose(dear())
    world.tick_verify()

    (said,) = world.palette.annotations[UID].values()
    assert "count 6 to 5" in said
    assert not shows_amounts(said)


def test_a_change_request_is_read_and_nothing_is_written_into_it(tmp_path: Path) -> None:
    system = ServiceNow()
    with serving(system) as url:
        world = joined(make_world(tmp_path, config=SERVICENOW), url, "servicenow")
        world.propose(dear())

    assert {method for method, _, _ in system.requests} == {"GET"}


def test_what_a_function_answers_to_its_cloud_names_the_budget_and_no_amount(tmp_path: Path) -> None:
    """Outcomes end in logs, which others read than those who may see cost."""
    world = make_budget_world(tmp_path)
    spend(world, {"dev-east/jobs": "413.57"})

    notice = {"id": "n1", "name": "batch, 2026-11-17", "day": "2026-11-17", "actual": "413.57", "expected": "213.57", "currency": "USD"}
    body = json.dumps({"source": "trimtab", "message": json.dumps(notice)}).encode()

    told = [judge(world), world.serve(f"inbox/notice/{hashlib.sha256(body).hexdigest()}", body)]

    assert sum("413.57" in json.dumps(message.blocks) for message in world.chat.messages) == 2
    assert "told C0BATCH" in told[1]
    assert [text for text in told if shows_amounts(text)] == []


# ── amounts as the mask shows them ───────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def jira() -> Iterator[tuple[Jira, str]]:
    system = Jira()
    with serving(system) as url:
        yield system, url


@pytest.mark.parametrize(
    ("owners", "shown"),
    [(OWNERS, SAID), (MASKED, "7,700 USD"), (SHARES, "77% of the bill")],
    ids=["none", "rounded", "shares"],
)
def test_a_ticket_wears_the_mask(owners: bytes, shown: str, jira: tuple[Jira, str], tmp_path: Path) -> None:
    system, url = jira
    world = joined(make_world(tmp_path, config=TICKETS, owners=owners), url)
    billed(world, "10000")

    world.propose(dear())

    text = json.dumps(system.issues[0]["fields"])
    assert shown in text
    assert (SAID in text) == (shown == SAID)


def billed(world: World, amount: str) -> None:
    """The whole bill of the newest month, which a share is a share of."""
    summary = Summary.from_json(world.ports.documents.find("summaries/all/p-2026-10") or {})
    value = Decimal(amount)
    line = CostLine(name="allocated", currency="USD", amounts=Amounts(billed=value, effective=value, list=value))
    world.ports.documents.publish("summaries/all/p-2026-10", replace(summary, by_part=(line,)).to_json())


@pytest.mark.parametrize(("owners", "shown"), [(OWNERS, SAID), (MASKED, "7,700 USD"), (b"nobody can read this", "(amount hidden)")])
def test_a_person_who_is_called_in_the_default_channel_reads_what_the_mask_shows(owners: bytes, shown: str, tmp_path: Path) -> None:
    """Where a change has no card any more, its news go to the deployment's own channel."""
    world = make_world(tmp_path, owners=MASKED if owners == MASKED else OWNERS)
    world.propose(dear())
    journal = Journal.open(world.ports, world.life().planned().id, "verify", world.now)
    journal.note("card-gone", "deleted", card=None, news=())
    if shown == "(amount hidden)":
        world.push_main({".trimtab/owners.yaml": owners})
        world.forge.forget()

    call_once(journal, "inconclusive", f"since it merged the SLO costs {SAID}", world.ports)

    (told,) = [message for message in world.chat.messages if "the SLO costs" in message.text]
    assert shown in told.text
    assert (SAID in json.dumps(told.blocks)) == (shown == SAID)


@pytest.mark.parametrize("way", ["slack", "mail", "teams"])
@pytest.mark.parametrize("owners", [BUDGETED, LIMITED], ids=["none", "rounded"])
def test_the_weeks_note_wears_the_mask_in_every_way_that_it_goes(way: str, owners: bytes, tmp_path: Path) -> None:
    place = {"slack": b"channel: C0BATCH", "mail": b"email: batch@example.com", "teams": b"teams_webhook: batch-channel"}[way]
    world = make_budget_world(tmp_path, owners.replace(b"channel: C0BATCH", place))
    world.now = MONDAY
    spend(world, {"dev-east/jobs": "213.57"})
    foresee(world, "431.19", as_of=MONDAY.date() - timedelta(days=1))

    tick(world)

    slack = [[message.blocks, message.text] for message in world.chat.messages]
    said = json.dumps([slack, teams_of(world).cards, [[letter.subject, letter.text] for letter in mail_of(world).letters]])
    assert "near their limits" in said
    assert ("213.57" in said) == (owners == BUDGETED)
    assert ("210 USD" in said) == (owners == LIMITED)


# ── a channel of several teams ───────────────────────────────────────────────────────────────────────────────────────
def test_a_channel_that_several_teams_have_reads_no_amount_in_cards_answers_and_alerts(tmp_path: Path) -> None:
    """Whoever is in it may be of either team; what one costs is not the other's to read."""
    world = make_budget_world(tmp_path, BUDGETED.replace(b"C0ML", b"C0BATCH"))

    world.propose(dear())
    world.click("evidence")
    spend(world, {"dev-east/jobs": "413.57"})
    tick(world)

    said = [json.dumps([message.blocks, message.text]) for message in world.chat.messages if message.ref.channel == "C0BATCH"]
    assert len(said) >= 3
    assert [text for text in said if shows_amounts(text)] == []
    assert sum("(amount hidden)" in text for text in said) >= 3
