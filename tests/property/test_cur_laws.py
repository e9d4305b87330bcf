"""Whatever a month of AWS is made of, nothing of it is lost or counted twice on its way to FOCUS."""

from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cur_bills import PLAN, RESERVATION, Row, covered, fee, line, plan_fee, reservation_fee, total, true_up, upfront, write_csv
from trimtab.adapters.duckdb import DuckDb
from trimtab.flow.inspect_files import header_of, stage
from trimtab.sources import cur, staging
from trimtab.sources.mapping import Reading

amounts = st.integers(0, 10**13).map(lambda units: Decimal(units).scaleb(-10))
signed = st.integers(-(10**13), 10**13).map(lambda units: Decimal(units).scaleb(-10))
KINDS = ("Usage", "Tax", "Credit", "Refund", "Fee", "BundledDiscount", "EdpDiscount")


@st.composite
def months(draw: st.DrawFn) -> list[Row]:
    """Lines of every kind; a commitment's fees are what its usage costs, and what nothing used."""
    rows = [line(kind, str(cost)) for kind, cost in draw(st.lists(st.tuples(st.sampled_from(KINDS), signed), max_size=6))]
    plans = draw(st.lists(st.tuples(amounts, amounts), max_size=4))
    for cost, effective in plans:
        rows += covered(str(cost), str(effective))
    reserved = draw(st.lists(amounts, max_size=4))
    rows += [line("DiscountedUsage", "0", reservation_effective_cost=str(each), **RESERVATION) for each in reserved]
    unused, unused_upfront, amortized = draw(amounts), draw(amounts), draw(amounts)
    used = sum((effective for _, effective in plans), Decimal(0))
    rows.append(plan_fee(str(used + unused - amortized), committed=str(used + unused), used=str(used), amortized=str(amortized)))
    whole = sum(reserved, Decimal(0)) + unused + unused_upfront
    parts = {"unused": str(unused), "unused_upfront": str(unused_upfront), "amortized": str(amortized)}
    rows.append(reservation_fee(str(whole - amortized), **parts))
    rows += [fee("SavingsPlanUpfrontFee", str(draw(amounts)), **PLAN), fee("Fee", str(draw(amounts)), **RESERVATION)]
    return [row | {"bill_invoice_id": draw(st.sampled_from(("", "a", "b")))} for row in rows]


def sums(rows: list[Row]) -> dict[str, tuple[Decimal, Decimal]]:
    """Invoice → billed and effective cost, as the engine has them."""
    with TemporaryDirectory() as folder:
        path, place = write_csv(Path(folder) / "b.csv", rows), Path(folder) / "staged.parquet"
        with DuckDb(directories=(Path(folder),), scratch=Path(folder) / "spill", memory_mb=200).session() as session:
            session.run(staging.MACROS)
            header = header_of(path, "b.csv", session)
            reading = Reading(header=header, path=str(path), number=0, account="*", period=None)
            stage(staging.staging_sql(reading, cur.mapping_of(header)), place, "b.csv", session)
            query = f"""SELECT coalesce("InvoiceId", ''), sum("BilledCost"), sum("EffectiveCost") FROM read_parquet('{place}') GROUP BY 1"""
            return {str(invoice): (Decimal(str(billed)), Decimal(str(effective))) for invoice, billed, effective in session.rows(query)}


@settings(max_examples=10, deadline=None)
@given(months())
def test_unblended_is_amortized_and_true_up_and_upfront(rows: list[Row]) -> None:
    """The identity of AWS's own dashboards, to the last digit."""
    found = sums(rows)

    assert sum(billed for billed, _ in found.values()) == total(rows)
    assert sum(effective for _, effective in found.values()) + true_up(rows) + upfront(rows) == total(rows)


@settings(max_examples=5, deadline=None)
@given(months())
def test_an_invoice_is_billed_what_its_lines_are_less_what_cancels(rows: list[Row]) -> None:
    """Covered usage and its negation are on the same invoice in a real bill; here they are wherever chance put them."""
    counted = [row for row in rows if row["line_item_line_item_type"] not in {"SavingsPlanCoveredUsage", "SavingsPlanNegation"}]

    found = sums(rows)

    for invoice in {row["bill_invoice_id"] for row in rows}:
        assert found[invoice][0] == total(row for row in counted if row["bill_invoice_id"] == invoice)
