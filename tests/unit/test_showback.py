"""The page's numbers and pictures, and the spreadsheet's guard."""

import csv
import io
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.adapters.wording import load_wording
from trimtab.errors import BadInput
from trimtab.records import NoForecast, OtherShare
from trimtab.render.showback import MOST_ROWS, Line, Outlook, Showback, Table, bars, day_chart, money, page, table_csv
from trimtab.render.spreadsheet import cell, csv_of
from trimtab.render.wording import Wording


def line(name: str, effective: str, currency: str = "USD") -> Line:
    amount = Decimal(effective)
    return Line(name=name, currency=currency, billed=amount, effective=amount, list=amount)


def table(*lines: Line) -> Table:
    return Table(id="team", title="By team", about="", lines=lines)


def outlook(*days: tuple[date, Decimal]) -> Outlook:
    return Outlook(currency="USD", days=days, forecast=None, anomalies=(), no_anomalies="")


def showback(*tables: Table, outlooks: tuple[Outlook, ...] = (), others: tuple[OtherShare, ...] = ()) -> Showback:
    return Showback(
        audience="team web", month="2026-07", made_at="2026-07-21 06:00 UTC", versions=(("cost", "version 3"),), reconciliations=(),
        tables=tables, outlooks=outlooks, others=others,
    )  # fmt: skip


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_text_that_would_act_in_a_spreadsheet_becomes_a_text(text: str) -> None:
    assert cell(text) == f"'{text}"


def test_numbers_stay_numbers_with_all_digits() -> None:
    assert [cell(value) for value in (Decimal("-1.20"), Decimal("1E-12"), Decimal("1E+3"), -5, None)] == [
        "-1.20", "0.000000000001", "1000", "-5", "",
    ]  # fmt: skip


@pytest.mark.security(26)
@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=2, max_size=4))
def test_no_text_reaches_a_spreadsheet_as_a_formula_and_none_is_lost(texts: list[str]) -> None:
    written = next(csv.reader(io.StringIO(csv_of(texts, []), newline="")))

    assert [cell.removeprefix("'") if own != cell else own for cell, own in zip(written, texts, strict=True)] == texts
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in written)


def test_less_than_a_cent_is_not_shown_as_nothing() -> None:
    assert [money(Decimal(text)) for text in ("0", "0.00000012", "-0.004", "1234567.891")] == ["0.00", "1.2e-7", "-0.004", "1,234,567.89"]


def test_bars_are_measured_within_their_currency_and_credits_have_none() -> None:
    drawn = bars(table(line("a", "100"), line("b", "25"), line("refund", "-10"), line("c", "7", "EUR")))

    assert [(bar.line.name, bar.percent) for bar in drawn] == [("a", 100.0), ("b", 25.0), ("c", 100.0)]


def test_an_unknown_day_has_no_bar() -> None:
    chart = day_chart(outlook((date(2026, 7, 1), Decimal(5)), (date(2026, 7, 3), Decimal(10))), "2026-07")

    assert chart is not None
    assert [bar.text for bar in chart.bars] == ["2026-07-01: 5.00 USD", "2026-07-03: 10.00 USD"]
    assert chart.bars[1].x - chart.bars[0].x == pytest.approx(2 * (chart.width - 16) / 31, abs=0.2)
    assert all(bar.y >= 16 and bar.y + bar.height <= chart.base + 0.1 for bar in chart.bars)


def test_a_month_without_cost_has_no_chart() -> None:
    assert day_chart(outlook((date(2026, 6, 30), Decimal(5))), "2026-07") is None


def test_a_long_table_says_how_much_of_it_is_elsewhere() -> None:
    long = table(*(line(f"team-{number:03}", "1") for number in range(MOST_ROWS + 3)))

    text = page(showback(long), load_wording())

    assert "3 more lines are in the CSV" in text
    assert f"team-{MOST_ROWS:03}" not in text


def test_why_there_is_no_forecast_is_said() -> None:
    none = NoForecast(month="2026-07", as_of=date(2026, 7, 5), reason="5 known days")
    made = Outlook(currency="USD", days=(), forecast=none, anomalies=(), no_anomalies="5 known days")

    text = page(showback(outlooks=(made,)), load_wording())

    assert "No forecast for 2026-07: 5 known days." in text
    assert "Unusual days cannot be told yet: 5 known days." in text


def test_a_bundle_without_the_page_says_so() -> None:
    with pytest.raises(BadInput, match=r"wording/showback\.html\.j2: missing"):
        page(showback(), Wording({}))


def test_costs_that_no_cloud_bills_stand_beside_the_bill_and_never_in_it() -> None:
    share = OtherShare(
        cost="palette", name="Palette <license>", team="ml", currency="USD", amount=Decimal("666.67"), reason="shared by cost"
    )

    html, bare = page(showback(others=(share,)), load_wording()), page(showback(), load_wording())

    assert "Palette &lt;license&gt;" in html
    assert "666.67" in html
    assert "Beside the bill" not in bare
    assert "beside the bill,Palette <license>: ml,USD,,666.67," in table_csv(showback(others=(share,)))
