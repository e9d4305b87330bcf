"""Showback as files, documents and messages: exact, escaped, told once, and nobody sees what is not theirs."""

import csv
import io
import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.outlook import NOW, KeptChat, cells, days, documents, store
from trimtab.attribution.cube import Cell
from trimtab.errors import BadInput
from trimtab.flow.learn import learn
from trimtab.flow.report import render_files, report, team_channels
from trimtab.flow.wake import Wake
from trimtab.ports import Ports
from trimtab.records import Team

TICK = Wake(key="inbox/clock/report/2026-07-21T06:00Z")
MAY = date(2026, 5, 1)
ALL = days(MAY, [40 + number % 3 for number in range(81)])
CANARY = {day: Decimal("7913.37") for day in ALL}
"""What the other team spends: neither its name nor any sum of it may be in web's files."""


def estate() -> list[Cell]:
    return [
        *cells("web", ALL),
        *cells("secretml", CANARY, cluster="canary-cluster"),
        *cells(None, {MAY + timedelta(days=70): Decimal(11)}, part="idle", namespace=""),
        *cells(None, {MAY + timedelta(days=70): Decimal(12)}, part="unallocated", reason="no owner rule matches"),
        *cells(None, {MAY + timedelta(days=70): Decimal(13)}, part="not-kubernetes", cluster="", reason="outside clusters"),
    ]


def learned(root: Path, *own: list[Cell], chat: KeptChat | None = None, **settings: str) -> Ports:
    ports = store(root, *(own or (estate(),)), chat=chat, **settings)
    learn(TICK, ports, NOW)
    return ports


def rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


def test_every_audience_has_a_page_and_a_table(tmp_path: Path) -> None:
    files = render_files(learned(tmp_path), None)

    assert sorted(files) == sorted(f"{scope}/showback.{kind}" for scope in ("all", "team-web", "team-secretml") for kind in ("html", "csv"))


@pytest.mark.security(36)
def test_a_teams_files_documents_and_message_hold_nothing_of_another_team(tmp_path: Path) -> None:
    """Security 36. With two teams any total would give the other's cost away, so none is there."""
    chat = KeptChat()
    ports = learned(tmp_path, chat=chat)
    report(TICK, ports, NOW)
    files = render_files(ports, "2026-07")

    mine = "".join(content.decode() for path, content in files.items() if path.startswith("team-web/"))
    mine += json.dumps([ports.documents.find(key) for key in ports.documents.keys("reports/team-web/")])
    mine += json.dumps([blocks for channel, blocks, _, _ in chat.said if channel == "C0WEB"])

    assert "team web" in mine
    july = sum((value for day, value in CANARY.items() if day.month == 7), Decimal(0))
    whole = july + sum((value for day, value in ALL.items() if day.month == 7), Decimal(0)) + 36
    for secret in ("secretml", "canary-cluster", "7913", "7,913", f"{july}", f"{july:,.2f}", f"{whole}", f"{whole:,.2f}"):
        assert secret not in mine
    assert all(secret in files["all/showback.html"].decode() for secret in ("secretml", "canary-cluster", f"{july:,.2f}"))


def test_the_page_shows_that_the_parts_are_the_bill(tmp_path: Path) -> None:
    page = render_files(learned(tmp_path), "2026-07")["all/showback.html"].decode()

    assert "Does it add up to the bill?" in page
    assert '<td class="number">11.00</td><td class="number">12.00</td><td class="number">13.00</td>' in page
    assert '<td class="number">0.00</td></tr>' in page


def test_the_table_keeps_every_digit_and_its_teams_add_up_to_the_bill(tmp_path: Path) -> None:
    odd = cells("web", {date(2026, 7, 2): Decimal("0.000000000001")}, namespace="odd")
    table = rows(render_files(learned(tmp_path, estate(), odd), "2026-07")["all/showback.csv"])

    teams = [Decimal(row[4]) for row in table if row[0] == "team"]
    bill = next(Decimal(row[4]) for row in table if row[:2] == ["reconciliation", "billed"])
    assert sum(teams) == bill
    assert ["namespace", "prod/odd", "USD", "0.000000000001", "0.000000000001", "0.000000000002"] in table


@pytest.mark.security(26)
def test_foreign_names_are_text_in_the_page_and_in_the_table(tmp_path: Path) -> None:
    """Security 26: a namespace is whatever somebody called it."""
    evil = cells("web", ALL, cluster="=HYPERLINK(1)", namespace='"><script>alert(1)</script>{{ 7*7 }}')
    files = render_files(learned(tmp_path, evil), "2026-07")

    page = files["team-web/showback.html"].decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "{{ 7*7 }}" in page
    assert all(not cell.startswith("=") for row in rows(files["team-web/showback.csv"]) for cell in row)


def test_the_page_asks_nobody_for_anything(tmp_path: Path) -> None:
    page = render_files(learned(tmp_path), "2026-07")["all/showback.html"].decode()

    assert "default-src 'none'; style-src 'sha256-" in page
    assert not any(word in page for word in ("http://", "https://", "src=", "@import", "url(", "<script", "style="))


def test_the_forecast_stands_with_its_interval(tmp_path: Path) -> None:
    page = render_files(learned(tmp_path), "2026-07")["team-web/showback.html"].decode()

    assert "expected for 2026-07, between" in page
    assert "11 days are estimated" in page


def test_a_month_that_is_over_has_no_forecast(tmp_path: Path) -> None:
    files = render_files(learned(tmp_path), "2026-06")

    assert b"No forecast: the month is over" in files["team-web/showback.html"]
    assert not [row for row in rows(files["team-web/showback.csv"]) if row[0] == "forecast"]


def test_a_report_before_anything_is_learned_still_stands(tmp_path: Path) -> None:
    assert "team-web/showback.html" in render_files(store(tmp_path, estate()), None)


def test_an_unknown_period_has_no_files(tmp_path: Path) -> None:
    assert render_files(learned(tmp_path), "2019-01") == {}


def test_the_newest_two_periods_are_published_as_documents(tmp_path: Path) -> None:
    ports = learned(tmp_path)

    report(TICK, ports, NOW)

    found = documents(ports, "reports/all/")
    assert list(found) == ["reports/all/p-2026-06", "reports/all/p-2026-07"]
    assert set(found["reports/all/p-2026-07"]) == {"html", "csv"}


# ── Messages ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def channels(chat: KeptChat) -> list[str]:
    return [channel for channel, _, _, _ in chat.said]


def test_finance_hears_all_and_a_team_hears_its_own(tmp_path: Path) -> None:
    chat = KeptChat()
    report(TICK, learned(tmp_path, chat=chat), NOW)

    assert channels(chat) == ["C0FINANCE", "C0WEB"]
    assert [text for _, _, text, _ in chat.said] == ["Cost of July 2026, everybody who may see all cost", "Cost of July 2026, team web"]
    assert "The parts add up to the bill" in json.dumps(chat.said[0][1])


def test_reporting_twice_says_it_once_and_new_numbers_are_said_again(tmp_path: Path) -> None:
    chat = KeptChat()
    report(TICK, learned(tmp_path, chat=chat), NOW)
    report(TICK, learned(tmp_path, chat=chat), NOW + timedelta(hours=1))
    assert channels(chat) == ["C0FINANCE", "C0WEB"]

    more = [*estate(), *cells("web", {date(2026, 7, 20): Decimal(5)}, namespace="new")]
    report(TICK, learned(tmp_path, more, chat=chat), NOW + timedelta(hours=2))

    assert channels(chat) == ["C0FINANCE", "C0WEB"] * 2


def test_a_closed_channel_does_not_keep_the_others_from_hearing(tmp_path: Path) -> None:
    chat = KeptChat(closed=frozenset({"C0FINANCE"}))

    outcome = report(TICK, learned(tmp_path, chat=chat), NOW)

    assert channels(chat) == ["C0WEB"]
    assert "C0FINANCE could not be told: Slack: chat.postMessage: not_in_channel" in outcome


def test_without_a_finance_channel_the_default_one_hears_it(tmp_path: Path) -> None:
    chat = KeptChat()

    report(TICK, learned(tmp_path, chat=chat, finance_channel="", default_channel="C0DEFAULT"), NOW)

    assert channels(chat) == ["C0DEFAULT", "C0WEB"]


def test_a_channel_that_two_teams_share_is_told_about_neither() -> None:
    """Each would read the other's numbers there."""
    teams = [Team(name=name, cost_center="", channel=channel) for name, channel in (("A", "C1"), ("B", "C1"), ("C c", "C2"), ("D", ""))]

    assert team_channels(teams) == {"team-c-c": "C2"}


def test_without_summaries_there_is_nothing_to_report(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no summaries yet"):
        report(TICK, store(tmp_path), NOW)
