"""Laws of order and of sums: nobody shares a place, nothing saves more than it costs, and every score is a share."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tests.judgement import UID, chart, evidence, finding
from trimtab.analysis.ranking import is_growth, rank, scored, together, top, worth
from trimtab.flow.runs import Analysis, PoolCost
from trimtab.flow.totals import pool_totals, run_totals
from trimtab.records import FieldChange, Finding, PastCase, Subject
from trimtab.units import Money

amounts = st.decimals(min_value=-9999, max_value=9999, places=2)
currencies = st.sampled_from(["USD", "EUR"])


@st.composite
def findings(draw: st.DrawFn, currency: str = "", kind: str = "pool") -> Finding:
    money = currency or draw(currencies)
    listed = draw(amounts)
    real = draw(st.none() | st.decimals(min_value=0, max_value=1, places=3))
    name = draw(st.sampled_from(["web", "batch", "ml"]))
    old, new = draw(st.integers(1, 40)), draw(st.integers(0, 60))
    days = draw(st.integers(0, 20))
    seen = chart(peak=draw(st.floats(0, 100)), new=draw(st.floats(0, 90)), days=2)
    proof = evidence(
        judged_days=days, judged_steps=days * 24, violations_old=draw(st.integers(0, 30)), violations_new=draw(st.integers(0, 30)),
        coverage=draw(st.floats(0, 1) | st.just(float("nan"))), chart=seen,
    )  # fmt: skip
    return finding(
        subject=Subject(cluster_uid=UID, pool=name, field="count", kind=kind),  # type: ignore[arg-type]
        changes=(FieldChange(field="count", old=str(old), new=str(new)),), nodes_old=old, nodes_new=new, evidence=proof,
        saving_list=Money(listed, money), saving_effective=None if real is None else Money(listed * real, money),
        saving_freed=None if real is None else Money(max(Decimal(0), listed * (1 - real)), money),
        unknowns=tuple("?" * draw(st.integers(0, 3))), disruption=tuple("!" * draw(st.integers(0, 5))), is_repave=draw(st.booleans()),
        needs_person=draw(st.sampled_from(["", "a person adds the pool"])),
    )  # fmt: skip


cases = st.lists(
    st.builds(PastCase, proposal=st.just("prop-1"), what=st.just(""), distance=st.floats(0, 1), went_well=st.booleans()), max_size=3
)


@given(st.lists(findings(), max_size=12).flatmap(lambda found: st.tuples(st.just(found), st.permutations(found))))
def test_the_order_is_the_same_whoever_comes_first(found: tuple[list[Finding], list[Finding]]) -> None:
    one, other = ([(str(each.subject), worth(each), each.saving_list) for each in rank(order)] for order in found)

    assert one == other


@given(st.lists(findings(currency="USD"), max_size=12))
def test_growth_comes_first_then_what_saves_most(found: list[Finding]) -> None:
    order = rank(found)

    growth = [is_growth(one) for one in order]
    assert growth == sorted(growth, reverse=True)
    saved = [worth(one).amount for one in order if not is_growth(one)]
    assert saved == sorted(saved, reverse=True)
    assert [one for one in order if one in top(found, 10)][:10] == top(found, 10)


@given(findings(), st.none() | st.builds(Money, amounts, currencies), cases)
def test_every_score_is_a_share(found: Finding, costs: Money | None, similar: Sequence[PastCase]) -> None:
    """Whatever the metrics hold: NaN coverage, no judged day, a capacity of zero."""
    scores = scored(found, costs=costs, similar=similar).scores

    assert scores is not None
    assert all(0 <= value <= 1 for value in (scores.cost, scores.risk, scores.velocity, scores.confidence))


@given(findings(), cases)
def test_a_bad_past_raises_care_and_a_good_one_lowers_nothing(found: Finding, similar: list[PastCase]) -> None:
    alone, with_past = scored(found).scores, scored(found, similar=similar).scores

    assert alone is not None
    assert with_past is not None
    assert with_past.risk >= alone.risk
    if all(case.went_well for case in similar):
        assert with_past == alone


@given(findings(), st.integers(1, 4))
def test_more_unknowns_never_look_safer_or_surer(found: Finding, more: int) -> None:
    fewer, many = scored(found).scores, scored(replace(found, unknowns=(*found.unknowns, *("?" * more)))).scores

    assert fewer is not None
    assert many is not None
    assert many.risk >= fewer.risk
    assert many.confidence <= fewer.confidence


def test_what_saves_nothing_stands_behind_what_does_whatever_its_currency() -> None:
    """Quotas carry the tenant's currency and a zero; amounts of two currencies are never compared."""
    zero = finding(saving_list=Money(Decimal(0), "EUR"), saving_effective=Money(Decimal(0), "EUR"))

    assert rank([zero, finding()]) == [finding(), zero]


# ── together ─────────────────────────────────────────────────────────────────────────────────────────────────────────
savings = st.lists(st.decimals(min_value=-500, max_value=5000, places=2), max_size=6)


@given(savings, st.decimals(min_value=0, max_value=3000, places=2))
def test_levers_multiply_so_nothing_ever_saves_more_than_it_costs(found: list[Decimal], costs: Decimal) -> None:
    whole = together([Money(amount, "USD") for amount in found], Money(costs, "USD"))

    assert 0 <= whole.share <= 1
    assert 0 <= whole.overlap <= 1
    assert 0 <= whole.saving.amount <= costs
    assert whole.saving.amount <= sum((amount for amount in found if amount > 0), Decimal(0)) + Decimal("0.000001")


def test_half_and_half_are_three_quarters_and_one_alone_is_itself() -> None:
    half = Money(Decimal(50), "USD")

    assert together([half, half], Money(Decimal(100), "USD")).saving == Money(Decimal(75), "USD")
    assert together([Money(Decimal("33.33"), "USD")], Money(Decimal(100), "USD")).saving == Money(Decimal("33.33"), "USD")


@given(st.lists(findings(currency="USD"), max_size=8), st.lists(findings(currency="USD", kind="workload"), max_size=4))
def test_a_run_never_saves_more_than_all_its_pools_cost(pools: list[Finding], workloads: list[Finding]) -> None:
    costs = tuple(PoolCost(pool=name, monthly=Money(Decimal(1000), "USD")) for name in ("web", "batch", "ml"))
    analysis = Analysis(run="run-1", cluster_uid=UID, findings=(*pools, *workloads), refusals=(), costs=costs)

    (total,) = run_totals([analysis])

    assert total.saving_list.amount <= total.costs.amount == 3000
    assert all(one.saving_list.amount <= 1000 for one in pool_totals(analysis))
    for part in (total.saving_effective, total.saving_freed):
        assert part is None or 0 <= part.amount <= total.saving_list.amount + Decimal("0.0001")


def test_a_run_without_prices_has_no_total() -> None:
    assert run_totals([Analysis(run="run-1", cluster_uid=UID, findings=(finding(),), refusals=())]) == []
