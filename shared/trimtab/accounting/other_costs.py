"""Costs that no cloud bills: licenses, platform fees, support contracts. They come from config, with dates and a driver.

They stand beside the bill on a statement and never in it: the parts that add up to the bill are the bill's alone.
"""

import calendar
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

from trimtab.records import OtherCost, OtherShare

LEAST_PLACES = 2


def amount_of(cost: OtherCost, month: date) -> Decimal:
    """What a month of it costs, at the precision that the config states, at least cents; by the day where it begins or ends inside.

    `month` is the first of the month. 1000.00 a month from the 10th of a month of 31 days: 709.68.
    """
    days = calendar.monthrange(month.year, month.month)[1]
    following = month + timedelta(days=days)
    covered = (min(cost.end or following, following) - max(cost.start, month)).days
    exact = cost.monthly * max(covered, 0) / days
    return exact.quantize(_unit(cost), rounding=ROUND_HALF_EVEN)


def shares_of(cost: OtherCost, month: date, drivers: Mapping[str, Mapping[str, Decimal]]) -> tuple[OtherShare, ...]:
    """The month's amount over the teams, adding up to it exactly.

    `drivers`: driver → team → how much of it the team had; of `even`, the days that it existed, by which stated weights count too.
    What cannot be shared stands as one line without a team.
    """
    amount = amount_of(cost, month)
    if not amount:
        return ()
    weights = {team: weight for team, weight in _weights(cost, drivers).items() if weight > 0}
    if not weights:
        driver = f"cost in {cost.currency}" if cost.by == "cost" else cost.by
        reason = f"no team had any {driver} this month" if cost.by in {"cost", "gpu-hours"} else "no team that shares it was there"
        return (OtherShare(cost=cost.id, name=cost.name, team=None, currency=cost.currency, amount=amount, reason=reason),)
    words = f"shared by {cost.by}" if cost.by != "even" else "shared evenly"
    return tuple(
        OtherShare(cost=cost.id, name=cost.name, team=team, currency=cost.currency, amount=part, reason=words)
        for team, part in largest_remainder(amount, weights, _unit(cost)).items()
    )


def _weights(cost: OtherCost, drivers: Mapping[str, Mapping[str, Decimal]]) -> dict[str, Decimal]:
    if cost.by == "weights":
        there = drivers.get("even", {})
        return {team: weight * there.get(team, Decimal(0)) for team, weight in cost.weights}
    return dict(drivers.get(f"{cost.by} {cost.currency}" if cost.by == "cost" else cost.by, {}))


def largest_remainder(amount: Decimal, weights: Mapping[str, Decimal], unit: Decimal) -> dict[str, Decimal]:
    """An amount in whole units over positive weights: each its exact share cut down, the units left to the largest cuts, ties by name."""
    units = int(amount / unit)
    size, sign = abs(units), (-1 if units < 0 else 1)
    # Fractions: a product of two long decimals has more digits than a Decimal keeps.
    total = sum((Fraction(weight) for weight in weights.values()), Fraction(0))
    exact = {name: size * Fraction(weight) / total for name, weight in weights.items()}
    whole = {name: int(share) for name, share in exact.items()}
    cut = sorted(weights, key=lambda name: (whole[name] - exact[name], name))
    extra = set(cut[: size - sum(whole.values())])
    return {name: sign * (whole[name] + (name in extra)) * unit for name in sorted(weights)}


def _unit(cost: OtherCost) -> Decimal:
    exponent = cost.monthly.as_tuple().exponent
    places = -exponent if isinstance(exponent, int) else 0
    return Decimal(1).scaleb(-max(places, LEAST_PLACES))
