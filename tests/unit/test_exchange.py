"""Dated rates: a charge takes its own day's, or last week's; what is missing is named, and nothing is guessed."""

from datetime import date
from decimal import Decimal

import pytest

from trimtab.accounting.exchange import day_rates, parse_rates
from trimtab.errors import BadInput

TABLE = b"date,from,to,rate\n2026-07-03,USD,EUR,0.91\n2026-07-06,USD,EUR,0.92\n\n2026-07-06,GBP,EUR,1.15\n"


def test_a_weekend_takes_the_last_rate_before_it() -> None:
    rates = parse_rates(TABLE, "fx.csv")

    assert [rates.on(date(2026, 7, day), "USD", "EUR") for day in (3, 4, 5, 6)] == [Decimal("0.91")] * 3 + [Decimal("0.92")]


def test_a_rate_is_never_older_than_a_week_nor_from_tomorrow() -> None:
    rates = parse_rates(TABLE, "fx.csv")

    assert rates.on(date(2026, 7, 13), "USD", "EUR") == Decimal("0.92")
    assert rates.on(date(2026, 7, 14), "USD", "EUR") is None
    assert rates.on(date(2026, 7, 2), "USD", "EUR") is None


def test_nothing_is_inverted_or_chained() -> None:
    rates = parse_rates(TABLE, "fx.csv")

    assert rates.on(date(2026, 7, 6), "EUR", "USD") is None
    assert rates.on(date(2026, 7, 6), "USD", "GBP") is None


def test_a_currency_in_itself_needs_no_rate() -> None:
    assert parse_rates(b"date,from,to,rate\n", "fx.csv").on(date(2026, 7, 6), "EUR", "EUR") == 1


def test_missing_rates_are_named_once() -> None:
    days = [("USD", date(2026, 7, 3)), ("USD", date(2026, 7, 2)), ("USD", date(2026, 7, 2)), ("EUR", date(2026, 7, 2))]

    found, missing = day_rates(parse_rates(TABLE, "fx.csv"), days, "EUR")

    assert found == {("USD", date(2026, 7, 3)): Decimal("0.91"), ("EUR", date(2026, 7, 2)): Decimal(1)}
    assert missing == ("USD on 2026-07-02",)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("2026-07-32,USD,EUR,1", "line 2: '2026-07-32' is no date"),
        ("07/03/2026,USD,EUR,1", "is no date"),
        ("2026-07-03,usd,EUR,1", "'usd' is no currency code"),
        ("2026-07-03,USD,EUR,0", "'0' is no rate"),
        ("2026-07-03,USD,EUR,-1", "'-1' is no rate"),
        ("2026-07-03,USD,EUR,NaN", "'NaN' is no rate"),
        ("2026-07-03,USD,EUR,1e400", "is no rate"),
        ("2026-07-03,USD,EUR,0.1234567890123", "at most 12 decimals"),
        ("2026-07-03,USD,EUR", "3 cells"),
        ("2026-07-03,USD,USD,2", "USD to itself is 1"),
        ("2026-07-03,USD,EUR,1\n2026-07-03,USD,EUR,2", "line 3: USD to EUR on 2026-07-03 stands there twice"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(line: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        parse_rates(f"date,from,to,rate\n{line}\n".encode(), "fx.csv")


@pytest.mark.parametrize("content", [b"", b"day,from,to,rate\n", b"\xff\xfe", b'date,from,to,rate\n"2026'])
def test_a_file_that_is_no_table_is_named(content: bytes) -> None:
    with pytest.raises(BadInput, match=r"fx\.csv"):
        parse_rates(content, "fx.csv")


def test_a_mark_at_the_start_and_repeated_lines_do_no_harm() -> None:
    content = b"\xef\xbb\xbfdate,from,to,rate\n2026-07-03,USD,EUR,0.9\n2026-07-03,USD,EUR,0.90\n"

    assert parse_rates(content, "fx.csv").on(date(2026, 7, 3), "USD", "EUR") == Decimal("0.9")
