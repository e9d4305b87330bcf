"""Costs that no cloud bills: the day they begin, how they are shared, and that nothing of them is lost."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.judgement import files, governance
from tests.outlook import cells, cube_of
from trimtab.accounting.other_costs import amount_of, largest_remainder, shares_of
from trimtab.attribution.cube import team_summary, whole_summary
from trimtab.attribution.summary import Summary
from trimtab.errors import BadInput
from trimtab.flow.other_costs import with_other_costs
from trimtab.policy.cost_file import COSTS
from trimtab.policy.rules import parse_governance
from trimtab.records import CommitSha, OtherCost, Team

JULY = date(2026, 7, 1)
LICENSE = OtherCost(id="palette", name="Palette license", currency="USD", monthly=Decimal("1000.00"), start=date(2026, 1, 1), by="cost")
DRIVERS = {
    "even": {"ml": Decimal(31), "web": Decimal(31), "data": Decimal(31)},
    "cost USD": {"ml": Decimal(2), "web": Decimal(1)},
    "gpu-hours": {"ml": Decimal("7.5")},
}


def parts(cost: OtherCost, month: date = JULY) -> dict[str | None, Decimal]:
    return {share.team: share.amount for share in shares_of(cost, month, DRIVERS)}


@pytest.mark.parametrize(
    ("start", "end", "amount"),
    [
        (date(2026, 1, 1), None, "1000.00"),
        (date(2026, 7, 10), None, "709.68"),
        (date(2026, 1, 1), date(2026, 7, 2), "32.26"),
        (date(2026, 8, 1), None, "0.00"),
        (date(2026, 1, 1), date(2026, 7, 1), "0.00"),
    ],
)
def test_a_month_that_it_covers_in_part_costs_its_days(start: date, end: date | None, amount: str) -> None:
    assert amount_of(replace(LICENSE, start=start, end=end), JULY) == Decimal(amount)


def test_it_is_shared_by_its_driver_to_the_cent() -> None:
    assert parts(LICENSE) == {"ml": Decimal("666.67"), "web": Decimal("333.33")}
    assert parts(replace(LICENSE, by="even")) == {"data": Decimal("333.34"), "ml": Decimal("333.33"), "web": Decimal("333.33")}
    assert parts(replace(LICENSE, by="gpu-hours")) == {"ml": Decimal("1000.00")}
    assert parts(replace(LICENSE, by="weights", weights=(("web", 3), ("ml", 1)))) == {"ml": Decimal("250.00"), "web": Decimal("750.00")}


def test_a_cost_in_a_currency_that_nobody_pays_in_is_nobodys_and_says_so() -> None:
    """A driver in dollars says nothing of euros."""
    (share,) = shares_of(replace(LICENSE, currency="EUR"), JULY, DRIVERS)

    assert (share.team, share.amount, share.reason) == (None, Decimal("1000.00"), "no team had any cost in EUR this month")


@pytest.mark.parametrize(
    ("by", "shares"),
    [
        ("even", {"data": "378.05", "ml": "378.05", "web": "243.90"}),
        ("weights", {"ml": "607.84", "web": "392.16"}),
    ],
)
def test_a_team_that_ended_has_the_days_that_it_was_there_and_none_after(by: Literal["even", "weights"], shares: dict[str, str]) -> None:
    """A share of a team that is no more would be on a statement that nobody gets."""
    weights = (("gone", 5), ("ml", 1), ("web", 1)) if by == "weights" else ()
    ends = {"ml": None, "data": None, "web": date(2026, 7, 21), "gone": JULY}
    known = tuple(Team(name=name, cost_center="", channel="", valid_to=end) for name, end in ends.items())
    rules = replace(governance(), teams=known, other_costs=(replace(LICENSE, by=by, weights=weights),))

    found = with_other_costs(cube_of(cells("ml", {JULY: Decimal(30)})), rules).other_costs

    assert {share.team: share.amount for share in found} == {team: Decimal(amount) for team, amount in shares.items()}


def test_weights_of_teams_that_are_no_more_leave_it_to_nobody() -> None:
    cost = replace(LICENSE, by="weights", weights=(("gone", 5),))

    (share,) = shares_of(cost, JULY, DRIVERS)

    assert (share.team, share.amount, share.reason) == (None, Decimal("1000.00"), "no team that shares it was there")


def test_a_rebate_is_shared_like_a_charge() -> None:
    assert parts(replace(LICENSE, monthly=Decimal("-100.00"))) == {"ml": Decimal("-66.67"), "web": Decimal("-33.33")}


@given(
    st.decimals(-(10**9), 10**9, places=2),
    st.dictionaries(st.text(min_size=1, max_size=5), st.decimals("0.000000000001", 10**14, places=12), min_size=1, max_size=9),
)
def test_shares_add_up_and_are_less_than_a_unit_away_from_exact(amount: Decimal, weights: dict[str, Decimal]) -> None:
    unit = Decimal("0.01")

    found = largest_remainder(amount, weights, unit)

    assert sum(found.values(), Decimal(0)) == amount
    total = sum(weights.values(), Decimal(0))
    assert all(abs(found[name] - amount * weight / total) < unit for name, weight in weights.items())


# ── The file ─────────────────────────────────────────────────────────────────────────────────────────────────────────
FILE = b"""
version: 1
costs:
  - { id: palette, name: Palette license, currency: USD, monthly: "1000.00", from: 2026-01-01, by: cost }
  - { id: support, name: GPU support, currency: EUR, monthly: "99.5", from: 2026-01-01, to: 2026-12-01, by: weights, weights: { ml: 2 } }
"""


def parsed(content: bytes) -> tuple[OtherCost, ...]:
    return parse_governance(files() | {COSTS: content}, CommitSha("c0de" * 10)).other_costs


def test_the_config_states_them_with_dates_and_a_driver() -> None:
    license_, support = parsed(FILE)

    assert license_ == LICENSE
    assert (support.monthly, support.end, support.weights) == (Decimal("99.5"), date(2026, 12, 1), (("ml", 2),))
    assert parse_governance(files(), CommitSha("c0de" * 10)).other_costs == ()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"1000.00"', b"1000.00", r"costs\[0\]\.monthly"),
        (b'"1000.00"', b'"1e3"', r"costs\[0\]\.monthly"),
        (b"to: 2026-12-01", b"to: 2025-12-01", "is not after from"),
        (b"{ ml: 2 }", b"{ nobody: 2 }", r"costs\[1\]\.weights: no team 'nobody'"),
        (b"by: cost", b"by: weights", "given with `by: weights`"),
        (b"id: support", b"id: palette", "stands there twice"),
        (b"by: cost", b"by: cost, share: 1", "unknown key"),
    ],
)
def test_a_cost_that_cannot_be_read_names_its_key(old: bytes, new: bytes, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        parsed(FILE.replace(old, new))


# ── On the summary ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_they_stand_beside_the_bill_and_a_team_sees_its_own_alone() -> None:
    cost = {date(2026, 7, 1): Decimal(30)}
    cube = cube_of([*cells("ml", cost), *cells("web", cost | {date(2026, 7, 2): Decimal(30)})])

    whole = with_other_costs(cube, replace(governance(), other_costs=(LICENSE,)))

    everything = whole_summary(whole)
    assert [(share.team, share.amount) for share in everything.other_costs] == [("ml", Decimal("333.33")), ("web", Decimal("666.67"))]
    assert everything.reconciliations == whole_summary(cube).reconciliations
    assert everything.by_team == whole_summary(cube).by_team
    assert [share.team for share in team_summary(whole, "web", "web").other_costs] == ["web"]
    assert Summary.from_json(everything.to_json()) == everything
