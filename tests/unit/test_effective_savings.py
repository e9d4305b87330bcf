"""What a change really saves: at the bill's rates, and never what a commitment pays for anyway."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.judgement import finding, pool
from trimtab.analysis.case import LIST_ONLY
from trimtab.analysis.savings import COVER_UNKNOWN, Billed, on_spot, rate, settled
from trimtab.records import FieldChange, Finding, Refusal, Subject
from trimtab.units import Money

PRICE = Money(Decimal("0.40"), "USD")


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


def billed(**changes: object) -> Billed:
    """A hundred dollars of machines, nothing covered, a tenth off by contract."""
    values: dict[str, object] = {
        "period": "p-2026-10", "currency": "USD", "list": Decimal(100), "effective": Decimal(90), "covered_list": Decimal(0),
        "covered_effective": Decimal(0), "kinds": (), "is_spend": False,
    }  # fmt: skip
    return Billed(**(values | changes))  # type: ignore[arg-type]


PLAN = billed(
    covered_list=Decimal(40), covered_effective=Decimal("28.8"), effective=Decimal("82.8"), kinds=("Compute Savings Plan",), is_spend=True
)
RESERVED = replace(PLAN, kinds=("Reservation",), is_spend=False)


def shrink(**changes: object) -> Finding:
    """Two of six nodes go: 584 USD at list."""
    whole = finding(
        changes=(FieldChange(field="count", old="6", new="4"),), nodes_old=6, nodes_new=4, saving_list=usd("584"), saving_effective=None,
        unknowns=(LIST_ONLY,),
    )  # fmt: skip
    return replace(whole, **changes)  # type: ignore[arg-type]


def another(field: str, old: str, new: str, saving: str) -> Finding:
    whole = shrink(changes=(FieldChange(field=field, old=old, new=new),), nodes_new=6, saving_list=usd(saving), is_repave=True)  # type: ignore[arg-type]
    return replace(whole, subject=replace(whole.subject, field=field))  # type: ignore[arg-type]


def same_family(old: str, new: str) -> bool:
    return old.split(".", maxsplit=1)[0] == new.split(".", maxsplit=1)[0]


def known(answer: Finding | Refusal) -> Finding:
    assert isinstance(answer, Finding), answer
    return answer


def test_without_a_commitment_all_of_it_is_saved_at_the_bills_discount() -> None:
    found = known(settled(shrink(), billed(), PRICE, same_family))

    assert (found.saving_effective, found.saving_freed) == (usd("525.600000"), usd("0"))
    assert found.unknowns == ()


def test_what_a_savings_plan_covers_is_freed_and_not_saved_and_one_sentence_says_so() -> None:
    found = known(settled(shrink(), PLAN, PRICE, same_family))

    assert (found.saving_effective, found.saving_freed) == (usd("315.360000"), usd("233.600000"))
    (sentence,) = found.evidence.lines[-1:]
    assert sentence == (
        "In 2026-10, 40% of what these machines cost at list price was covered (Compute Savings Plan). "
        "That part, 233.60 USD a month, is freed for others and not saved: it is paid until the commitment ends."
    )


def test_what_is_covered_whole_saves_nothing() -> None:
    whole = billed(covered_list=Decimal(100), covered_effective=Decimal(72), effective=Decimal(72), kinds=("capacity reservation",))

    found = known(settled(shrink(), whole, PRICE, same_family))

    assert (found.saving_effective, found.saving_freed) == (usd("0.000000"), usd("584.000000"))


def test_growth_is_not_made_cheap_by_a_commitment_that_is_used_already() -> None:
    found = known(settled(shrink(saving_list=usd("-584"), nodes_new=8), PLAN, PRICE, same_family))

    assert (found.saving_effective, found.saving_freed) == (usd("-525.600000"), usd("0"))


def test_a_dearer_type_of_another_family_is_paid_beside_the_reservation_that_stays() -> None:
    """1,752 USD of which 40 % is reserved becomes 2,628: only 946.08 goes, at a tenth off 2,365.20 comes."""
    found = known(settled(another("instance_type", "m6i.2xlarge", "m6a.4xlarge", "-876"), RESERVED, PRICE, same_family))

    assert found.saving_effective == usd("-1419.120000")


def test_spot_is_paid_on_top_of_what_a_commitment_pays_for_anyway() -> None:
    """Six machines at 1,752 USD; on spot they cost 700. 40 % of the old cost stays, so 946.08 goes and 700 comes."""
    found = known(settled(another("capacity_type", "on-demand", "spot", "1052"), PLAN, PRICE, same_family))

    assert found.saving_effective == usd("246.080000")


def test_spot_that_costs_more_than_the_commitment_leaves_is_refused() -> None:
    most = replace(PLAN, covered_list=Decimal(80), covered_effective=Decimal("57.6"), effective=Decimal("75.6"))

    answer = settled(another("capacity_type", "on-demand", "spot", "1052"), most, PRICE, same_family)

    assert isinstance(answer, Refusal)
    assert answer.rule == "commitment-stays"
    assert "384.64 USD a month more" in answer.reason
    assert answer.needs


@pytest.mark.parametrize(
    ("new", "cover", "saved"),
    [
        ("m6i.xlarge", PLAN, "473.040000"),
        ("m6a.2xlarge", PLAN, "473.040000"),
        ("m6i.xlarge", RESERVED, "473.040000"),
        ("m6a.2xlarge", RESERVED, "157.680000"),
    ],
)
def test_a_reservation_stays_with_its_family_and_a_plan_follows(new: str, cover: Billed, saved: str) -> None:
    found = known(settled(another("instance_type", "m6i.2xlarge", new, "876"), cover, PRICE, same_family))

    assert found.saving_effective == usd(saved)


@pytest.mark.parametrize(
    "cover",
    [
        billed(list=Decimal(0), effective=Decimal(0)),
        billed(covered_list=Decimal(101)),
        billed(covered_list=Decimal(-1)),
        billed(effective=Decimal(-5)),
        billed(covered_effective=Decimal(30)),
        billed(kinds=("Reservation",)),
    ],
    ids=["older-or-free", "more-than-all", "below-zero", "credits", "covered-without-list-cost", "upfront-without-list-cost"],
)
def test_a_bill_that_cannot_say_is_said_and_never_taken_for_uncovered(cover: Billed) -> None:
    found = known(settled(shrink(), cover, PRICE, same_family))

    assert (found.saving_effective, found.saving_freed, found.unknowns) == (None, None, (COVER_UNKNOWN,))


def test_no_bill_and_a_bill_in_another_currency_are_list_only_each_in_its_words() -> None:
    none = known(settled(shrink(), None, PRICE, same_family))
    euros = known(settled(shrink(), billed(currency="EUR and USD"), PRICE, same_family))

    assert none.unknowns == (LIST_ONLY,)
    assert euros.unknowns == ("The bill has this pool in EUR and USD, its prices are in USD: the saving is at list price only.",)
    assert (none.saving_effective, euros.saving_effective) == (None, None)


def test_without_a_list_price_a_move_away_from_a_reservation_is_not_reckoned() -> None:
    found = known(settled(another("capacity_type", "on-demand", "spot", "1052"), PLAN, None, same_family))

    assert (found.saving_effective, found.unknowns) == (None, (COVER_UNKNOWN,))


def test_what_saves_nothing_at_list_saves_nothing() -> None:
    quota = shrink(saving_list=usd("0"), subject=Subject(cluster_uid=pool().cluster_uid, pool="ml", field="gpu_limit", kind="namespace"))

    assert known(settled(quota, None, None, same_family)).saving_effective == usd("0")


def test_the_rate_of_a_node_hour_is_what_nothing_covers() -> None:
    assert rate(PLAN, PRICE) == Decimal("0.216000000")
    assert rate(None, PRICE) is None
    assert rate(billed(currency="EUR"), PRICE) is None


def test_of_an_autoscaled_pool_only_what_runs_on_average_stays_paid() -> None:
    """Its finding counts the largest size, its saving the average: no commitment covers machines that never ran."""
    move = replace(another("instance_type", "m5.2xlarge", "r5.xlarge", "350.40"), nodes_old=10, nodes_new=10)
    covered = billed(covered_list=Decimal(20), covered_effective=Decimal(16), effective=Decimal(96), kinds=("Reservation",))

    found = known(settled(move, covered, PRICE, same_family, 3.0))

    assert isinstance(settled(move, covered, PRICE, same_family), Refusal)
    # 3 nodes cost 876 a month: 80 % of that is not covered, and the new machines cost 525.60.
    assert found.saving_effective == usd("175.200000")


def test_on_spot_the_bills_discount_is_not_taken_off_twice() -> None:
    """Bills give spot hours their on-demand list cost, and our list saving is at the spot price already."""
    spot = billed(list=Decimal(100), effective=Decimal(30))

    found = known(settled(shrink(), on_spot(spot), PRICE, same_family))

    assert (found.saving_effective, found.saving_freed) == (usd("584.000000"), usd("0"))
    assert rate(on_spot(spot), PRICE) == Decimal("0.400000000")
