"""What is learned from summaries: per audience, from its own numbers, and twice is once."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.outlook import NOW, KeptChat, cells, days, documents, nobodys, owned, store
from trimtab.attribution.cube import Cell
from trimtab.errors import BadInput
from trimtab.flow.alarms import subject_of
from trimtab.flow.alert import alert
from trimtab.flow.learn import learn
from trimtab.flow.suggestions import MODEL
from trimtab.flow.wake import Wake
from trimtab.ports import Ports
from trimtab.records import BudgetNotice
from trimtab.sources.notices import parse_notice

TICK = Wake(key="inbox/clock/learn/2026-07-21T06:00Z")
MAY = date(2026, 5, 1)
YESTERDAY = date(2026, 7, 20)


def steady(amount: int, until: date = YESTERDAY) -> dict[date, Decimal]:
    return days(MAY, [amount + number % 3 for number in range((until - MAY).days + 1)])


def two_teams() -> list[Cell]:
    return [*cells("ml", steady(200) | {YESTERDAY: Decimal(900)}), *cells("web", steady(50))]


def notices(ports: Ports) -> list[BudgetNotice]:
    return [parse_notice(ports.inbox.read(key) or b"") for key in ports.inbox.pending("notice")]


def test_every_audience_gets_its_own_forecast(tmp_path: Path) -> None:
    ports = store(tmp_path, two_teams())

    learn(TICK, ports, NOW)

    assert ports.documents.keys("forecasts/") == ["forecasts/all", "forecasts/team-ml", "forecasts/team-web"]
    (web,) = documents(ports)["forecasts/team-web"]["forecasts"]
    assert (web["currency"], web["month"], web["as_of"]) == ("USD", "2026-07", "2026-07-20")
    assert Decimal(web["low"]) <= Decimal(web["total"]) <= Decimal(web["high"])
    assert abs(Decimal(web["total"]) - 51 * 31) < 31


def test_a_teams_documents_hold_nothing_of_another_team(tmp_path: Path) -> None:
    """A canary: 900 is what ml spent on its worst day, and web may not learn even that."""
    ports = store(tmp_path, two_teams())

    learn(TICK, ports, NOW)

    mine = json.dumps(documents(ports, "forecasts/team-web") | documents(ports, "anomalies/team-web"))
    assert "ml" not in mine
    assert "900" not in mine


def test_the_whole_names_the_team_that_made_a_day_unusual(tmp_path: Path) -> None:
    ports = store(tmp_path, two_teams())

    learn(TICK, ports, NOW)

    (series,) = documents(ports)["anomalies/all"]["series"]
    assert [item["day"] for item in series["anomalies"]] == ["2026-07-20"]
    assert series["anomalies"][0]["contributions"][0]["name"] == "ml"


def test_a_surprise_of_the_last_days_becomes_a_notice_that_alert_understands(tmp_path: Path) -> None:
    ports = store(tmp_path, two_teams())

    learn(TICK, ports, NOW)

    told = {notice.name: notice for notice in notices(ports)}
    assert set(told) == {"2026-07-20", "ml, 2026-07-20"}
    ml = told["ml, 2026-07-20"]
    assert (ml.source, ml.kind, ml.amount, ml.currency, ml.period) == ("trimtab", "anomaly", Decimal("900.00"), "USD", "2026-07-20")
    assert ml.budgeted is not None
    assert abs(ml.budgeted - 201) <= 2


def test_alert_tells_the_team_and_finance_each_once(tmp_path: Path) -> None:
    """From series to Slack: nobody asked for a notice shape that only its writer can read."""
    chat = KeptChat()
    ports = store(tmp_path, two_teams(), chat=chat, default_channel="C0FINOPS")
    learn(TICK, ports, NOW)

    for key in ports.inbox.pending("notice") * 2:
        alert(Wake(key=key), ports, NOW)

    told = {channel: text for channel, _, text, _ in chat.said}
    assert len(chat.said) == 2
    assert told["C0ML"].startswith("Unusual cost: ml, 2026-07-20. Spent 900.00 USD")
    assert told["C0FINOPS"].startswith("Unusual cost: 2026-07-20.")


def test_what_nobody_owns_can_make_a_day_unusual_too(tmp_path: Path) -> None:
    """Idle capacity that someone forgot is in no team's series."""
    idle = cells(None, steady(60) | {YESTERDAY: Decimal(600)}, part="idle")
    ports = store(tmp_path, cells("web", steady(50)), idle)

    learn(TICK, ports, NOW)

    (found,) = documents(ports)["anomalies/all"]["series"][0]["anomalies"]
    assert [part["name"] for part in found["contributions"]] == ["idle or without owner"]


def test_learning_twice_changes_nothing_and_tells_nobody_again(tmp_path: Path) -> None:
    ports = store(tmp_path, two_teams())
    learn(TICK, ports, NOW)
    before, waiting = documents(ports), ports.inbox.pending()

    learn(TICK, ports, NOW)

    assert documents(ports) == before
    assert ports.inbox.pending() == waiting


def test_a_surprise_that_grows_with_late_bills_is_still_the_same_one(tmp_path: Path) -> None:
    """The bill of a day grows for a day or two; each new amount is a new notice of the same anomaly, which alert tells once."""
    ports = store(tmp_path, two_teams())
    learn(TICK, ports, NOW)
    grown = store(tmp_path, [*cells("ml", steady(200) | {YESTERDAY: Decimal(950)}), *cells("web", steady(50))])

    learn(TICK, grown, NOW + timedelta(hours=6))

    found = [notice for notice in notices(grown) if "ml" in notice.name]
    assert [notice.amount for notice in found] == [Decimal("900.00"), Decimal("950.00")]
    assert len({subject_of(notice, "2026-07") for notice in found}) == 1


def test_a_low_newest_day_is_a_bill_still_growing_and_no_surprise(tmp_path: Path) -> None:
    ports = store(tmp_path, cells("web", steady(50) | {YESTERDAY: Decimal(4)}))

    learn(TICK, ports, NOW)

    assert ports.inbox.pending("notice") == []
    assert documents(ports)["anomalies/team-web"]["series"] == [{"currency": "USD", "refused": "", "anomalies": []}]


def test_an_old_surprise_is_kept_but_wakes_nobody(tmp_path: Path) -> None:
    ports = store(tmp_path, cells("web", steady(50) | {date(2026, 7, 10): Decimal(400)}))

    learn(TICK, ports, NOW)

    assert ports.inbox.pending("notice") == []
    assert len(documents(ports)["anomalies/team-web"]["series"][0]["anomalies"]) == 1


def test_today_is_not_known_yet(tmp_path: Path) -> None:
    """The bill of a running day is a piece of a day."""
    known = store(tmp_path / "a", cells("web", steady(50)))
    running = store(tmp_path / "b", cells("web", steady(50) | {NOW.date(): Decimal(1)}))

    learn(TICK, known, NOW)
    learn(TICK, running, NOW)

    assert documents(known, "forecasts/") == documents(running, "forecasts/")


def test_too_short_a_series_says_so_in_both_documents(tmp_path: Path) -> None:
    ports = store(tmp_path, cells("web", days(date(2026, 7, 11), [10] * 10)))

    learn(TICK, ports, NOW)

    assert "10 known days" in documents(ports)["forecasts/all"]["forecasts"][0]["reason"]
    assert "10 known days" in documents(ports)["anomalies/all"]["series"][0]["refused"]


def test_two_currencies_are_two_series(tmp_path: Path) -> None:
    ports = store(tmp_path, [*cells("web", steady(50)), *cells("web", steady(20), currency="EUR")])

    learn(TICK, ports, NOW)

    made = documents(ports)["forecasts/team-web"]["forecasts"]
    assert [item["currency"] for item in made] == ["EUR", "USD"]


def test_without_summaries_there_is_nothing_to_learn_from(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no summaries yet"):
        learn(TICK, store(tmp_path), NOW)


# ── Owners ───────────────────────────────────────────────────────────────────────────────────────────────────────────
JULY = days(date(2026, 7, 1), [10] * 20)


def test_a_namespace_without_owner_is_suggested_one_and_nothing_is_booked(tmp_path: Path) -> None:
    ports = store(tmp_path, owned(JULY), nobodys("cart-ui", JULY), nobodys("zzz", JULY))
    before = documents(ports, "summaries/")

    learn(TICK, ports, NOW)

    review = documents(ports)["suggestions/latest"]
    assert review == documents(ports)["suggestions/p-2026-07"]
    assert [(item["namespace"], item["team"], item["unowned"]) for item in review["suggested"]] == [("cart-ui", "web", "200")]
    assert [item["namespace"] for item in review["not_suggested"]] == ["zzz"]
    assert documents(ports, "summaries/") == before


def test_too_few_owned_namespaces_teach_nothing_and_say_so(tmp_path: Path) -> None:
    ports = store(tmp_path, cells("ml", JULY), cells("web", JULY), nobodys("cart-ui", JULY))

    learn(TICK, ports, NOW)

    review = documents(ports)["suggestions/latest"]
    assert review["suggested"] == []
    assert "are the least to learn from" in review["not_suggested"][0]["reason"]


def test_the_model_is_kept_as_numbers_and_used_again(tmp_path: Path) -> None:
    """No pickle: what is stored is JSON. With the same examples the second learning fits nothing, so it needs no scikit-learn."""
    ports = store(tmp_path, owned(JULY), nobodys("cart-ui", JULY))
    learn(TICK, ports, NOW)
    first = documents(ports)["suggestions/latest"]

    learn(TICK, replace(ports, learner=None), datetime(2026, 7, 21, 7, tzinfo=UTC))

    assert documents(ports)["suggestions/latest"] == first
    assert isinstance(documents(ports)[MODEL]["model"], dict)


def test_a_bundle_without_a_learner_says_what_to_install(tmp_path: Path) -> None:
    ports = replace(store(tmp_path, owned(JULY), nobodys("cart-ui", JULY)), learner=None)

    with pytest.raises(BadInput, match="install trimtab"):
        learn(TICK, ports, NOW)
