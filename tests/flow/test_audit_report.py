"""`trimtab audit`: every change of a time with who, evidence, policy and outcome, each from an entry that can be looked up."""

import csv
import io
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.flow.flow_world import ONE, TWO, World, make_world, shrink
from tests.judgement import NOW, UID, files
from trimtab.cli.audit import COLUMNS, _other_rows, _row
from trimtab.cli.main import app
from trimtab.errors import BadInput
from trimtab.flow.audit_report import AuditReport, Change, audit_report
from trimtab.flow.freezes import freeze_rule, lift
from trimtab.flow.life import STREAMS
from trimtab.flow.verdicts import retell
from trimtab.policy.comparing import Fate
from trimtab.render.spreadsheet import csv_of


def reported(world: World, start: datetime = NOW - timedelta(days=1), end: datetime | None = None) -> AuditReport:
    return audit_report(world.ports, start, end or world.now + timedelta(days=1))


def only(world: World) -> Change:
    (change,) = reported(world).changes
    return change


def approved(tmp_path: Path, policy: bytes = ONE) -> World:
    world = make_world(tmp_path, policy)
    world.propose(shrink())
    world.webhook()
    world.click("approve")
    return world


def test_a_merged_change_says_who_on_what_evidence_by_which_policy_and_which_rule_decided(tmp_path: Path) -> None:
    world = approved(tmp_path)

    change = only(world)

    assert (change.what, change.state, change.needed, change.decided_by) == (
        "dev-east/batch: count 6 → 5", "merged", Fate.ONE, "policy: a-person",
    )  # fmt: skip
    assert change.merge_commit == world.pull().merge_commit
    assert change.head == world.pull().head
    assert retell(change.verdict, world.ports).basis.verdict.may_merge
    assert change.inputs == retell(change.verdict, world.ports).entry.body["inputs"]


def test_each_yes_says_how_it_was_proven_and_where_it_stands(tmp_path: Path) -> None:
    world = approved(tmp_path, TWO)
    world.review("ml-owner")
    world.webhook("submitted")

    clicked, reviewed = only(world).approvals

    assert (clicked.person, clicked.via) == ("platform-owner", "slack")
    assert clicked.proof.startswith("the signed request inbox/slack/")
    assert "(kept)" in clicked.proof
    assert reviewed.proof == f"a review of commit {world.pull().head[:10]} on the forge, read again before merging"
    stream, _, number = clicked.entry.rpartition("/")
    assert world.ports.ledger.entries(stream)[int(number)].kind == "approval"


def test_a_rejection_says_who_and_why(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.click("reject", reason="too-risky")

    change = only(world)

    assert change.turned_down == "rejected by platform-owner: too-risky"
    assert (change.merged_at, change.approvals) == (None, ())


def test_stops_and_changed_rules_stand_beside_them(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.ports.permit.stop(by="ml-owner", reason="a fire drill", at=world.now)
    freeze_rule(UID, "idle-nodes", "prop-1.1", "it missed its SLO", world.ports, world.now)
    lift(UID, "idle-nodes", "platform-owner", "mended", world.ports, world.now)

    said = [(each.kind, each.who, each.what) for each in reported(world).happenings]

    assert ("stopped", "ml-owner", "a fire drill") in said
    assert any(kind == "rules: version" for kind, _, _ in said)
    assert ("freezes: lifted", "platform-owner", "idle-nodes: mended") in said


def test_a_time_is_told_as_it_was_when_it_was_over(tmp_path: Path) -> None:
    """What came later is in a later report, and does not change an earlier one."""
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    first = reported(world, end=NOW + timedelta(hours=1))
    world.later(days=2)
    world.click("reject")

    assert reported(world, end=NOW + timedelta(hours=1)) == first
    assert first.changes[0].turned_down == ""
    assert reported(world, start=NOW + timedelta(days=1)).changes[0].turned_down
    assert reported(world, start=NOW + timedelta(days=9), end=NOW + timedelta(days=10)).changes == ()


def test_a_second_generation_is_a_change_of_its_own(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.click("reject")
    world.later(days=1)
    world.measure()
    world.propose(shrink(4, end=world.now.replace(hour=0)))

    assert [(change.generation, bool(change.turned_down)) for change in reported(world).changes] == [(1, True), (2, False)]


@pytest.mark.security(26)
def test_no_cell_of_the_csv_is_a_formula(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.ports.permit.stop(by="=HYPERLINK(1)", reason="@SUM(A1)\r\n+1", at=world.now)
    report = reported(world)

    text = csv_of(COLUMNS, [*map(_row, report.changes), *_other_rows(report)])

    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert {len(row) for row in rows} == {len(COLUMNS)}
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert any("'=HYPERLINK(1)" in row for row in rows)


# ── the commands ─────────────────────────────────────────────────────────────────────────────────────────────────────
def trimtab(*words: str) -> tuple[int, str, BaseException | None]:
    done = CliRunner().invoke(app, list(words), env={"COLUMNS": "200"})
    return done.exit_code, done.stdout, done.exception


def store(tmp_path: Path) -> str:
    (tmp_path / "store").mkdir()
    return f"file://{tmp_path}/store"


def test_an_empty_store_has_an_empty_report(tmp_path: Path) -> None:
    code, out, _ = trimtab("audit", "--from", "2026-01-01", "--format", "json", "--store", store(tmp_path))

    assert code == 0
    assert json.loads(out)["changes"] == []
    assert trimtab("audit", "--from", "2026-01-01", "--format", "csv", "--store", f"file://{tmp_path}/store")[1].startswith("kind,at,who")


@pytest.mark.parametrize("words", [("--from", "yesterday"), ("--from", "2026-02-30"), ("--from", "2026-02-02", "--to", "2026-02-01")])
def test_a_time_that_is_none_is_named(tmp_path: Path, words: tuple[str, ...]) -> None:
    _, _, error = trimtab("audit", *words, "--store", store(tmp_path))

    assert isinstance(error, BadInput)
    assert str(error).startswith("--")


def test_a_folder_alone_is_linted_and_the_past_needs_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRIMTAB_STORE", raising=False)
    for path, content in files(policy=ONE + b"freezes: [{name: old, start: 2020-01-01, end: 2020-01-02}]\n").items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    folder = str(tmp_path / ".trimtab")

    assert "freezes[0] (old): ended on 2020-01-03" in trimtab("policy", "check", folder)[1]
    assert json.loads(trimtab("policy", "check", folder, "--format", "json")[1])["past"] is None
    for option in (("--fail-if-looser",), ("--since", "2026-01-01"), ("--repo", "x")):
        assert "--store" in str(trimtab("policy", "check", folder, *option)[2])
    assert trimtab("policy", "check", folder, "--fail-if-looser", "--store", store(tmp_path))[0] == 0
    assert "manages none" in str(trimtab("policy", "check", folder, "--repo", "x", "--store", f"file://{tmp_path}/store")[2])


def test_every_stream_of_a_proposal_is_in_the_report(tmp_path: Path) -> None:
    world = approved(tmp_path)

    streams = {entry for entry in world.ports.ledger.heads() if entry.startswith(STREAMS)}

    assert {change.entries.rpartition("/")[0] for change in reported(world).changes} == streams
