"""For every form of bill: what is billed in the lake is what the rows say, to the last digit, whatever the rows are."""

import tempfile
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cloud_bills import AZURE, GCP, OCI, RESERVED, Row, ports_at, read_in, write_csv
from trimtab.flow.ingest import Loaded

amounts = st.decimals(min_value=-1_000_000, max_value=1_000_000, places=12, allow_nan=False, allow_infinity=False)
currencies = st.sampled_from(["USD", "EUR", "JPY"])
months = st.sampled_from(["06", "07"])
few = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
Bill = tuple[Row, Decimal]
"""A row, and what it adds to what was billed."""


def text(amount: Decimal) -> str:
    return f"{amount:f}"


def azure(amount: Decimal, currency: str, month: str, kind: int) -> Bill:
    kinds: list[tuple[Row, Decimal]] = [
        ({}, amount),
        ({"ChargeType": "Refund"}, amount),
        ({"ChargeType": "RoundingAdjustment", "PricingModel": ""}, amount),
        (RESERVED | {"ChargeType": "Purchase"}, amount),
        (RESERVED | {"ChargeType": "UnusedReservation"}, Decimal(0)),
    ]
    changes, billed = kinds[kind % len(kinds)]
    days = {"Date": f"2026-{month}-13", "BillingPeriodStartDate": f"2026-{month}-01", "BillingPeriodEndDate": f"2026-{month}-30"}
    return AZURE | days | {"BillingCurrencyCode": currency, "CostInBillingCurrency": text(amount)} | changes, billed


def gcp(amount: Decimal, currency: str, month: str, kind: int) -> Bill:
    credit, types = amount / 4, ["COMMITTED_USAGE_DISCOUNT", "PROMOTION", "SUSTAINED_USAGE_DISCOUNT", "UNHEARD_OF"]
    credit = credit.quantize(Decimal("0.000000000001"))
    listed = f'[{{"amount":"{credit:f}","type":"{types[kind % 4]}"}},{{"amount":"{-amount:f}","type":"{types[(kind + 1) % 4]}"}}]'
    return GCP | {"cost": text(amount), "currency": currency, "invoice.month": f"2026{month}", "credits": listed}, credit


def oci(amount: Decimal, currency: str, month: str, kind: int) -> Bill:
    correction = {"lineItem/isCorrection": "true"} if kind % 3 == 0 else {}
    times = {"lineItem/intervalUsageStart": f"2026-{month}-13T10:00Z", "lineItem/intervalUsageEnd": f"2026-{month}-13T11:00Z"}
    return OCI | times | {"cost/myCost": text(amount), "cost/currencyCode": currency} | correction, amount


def billed(loaded: Mapping[str, object]) -> dict[tuple[str, str], Decimal]:
    return {
        (period, money.currency): money.amount for period, found in loaded.items() if isinstance(found, Loaded) for money in found.billed
    }


def check(make: Callable[[Decimal, str, str, int], Bill], drawn: list[tuple[Decimal, str, str, int]], cut: int) -> None:
    expected: dict[tuple[str, str], Decimal] = {}
    rows: list[Row] = []
    for amount, currency, month, kind in drawn:
        row, adds = make(amount, currency, month, kind)
        rows.append(row)
        key = f"2026-{month}", currency
        expected[key] = expected.get(key, Decimal(0)) + adds

    with tempfile.TemporaryDirectory() as folder:
        parts = [part for part in (rows[: cut % len(rows)], rows[cut % len(rows) :]) if part]
        # A column that nobody reads keeps two files of equal rows from being taken for one file under two names.
        files = [
            write_csv(Path(folder) / f"{number}.csv", *(row | {"part": str(number)} for row in part)) for number, part in enumerate(parts)
        ]
        assert billed(read_in(ports_at(Path(folder)), *files)) == expected


bills = st.lists(st.tuples(amounts, currencies, months, st.integers(0, 60)), min_size=1, max_size=12)


@few
@given(bills)
def test_what_azure_billed_is_what_the_lake_holds(drawn: list[tuple[Decimal, str, str, int]]) -> None:
    """Unused commitments were billed when they were bought; refunds and roundings count as they stand."""
    check(azure, drawn, cut=0)


@few
@given(bills, st.integers(0, 12))
def test_what_google_billed_is_cost_and_all_credits(drawn: list[tuple[Decimal, str, str, int]], cut: int) -> None:
    check(gcp, drawn, cut)


@few
@given(bills, st.integers(0, 12))
def test_what_oracle_billed_is_what_the_lake_holds(drawn: list[tuple[Decimal, str, str, int]], cut: int) -> None:
    check(oci, drawn, cut)
