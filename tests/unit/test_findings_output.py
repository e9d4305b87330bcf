"""What `trimtab rightsize` prints: the ten that matter, the sum that never adds up to more than there is, each no with its way out."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from tests.judgement import NOW, UID, evidence, finding
from trimtab.analysis.ranking import scored
from trimtab.cli.findings import grouped, only, print_first, print_ranked, print_whole
from trimtab.cli.findings_form import as_json
from trimtab.errors import BadInput
from trimtab.flow.runs import Analysis, Plan, PoolCost
from trimtab.records import Finding, PastCase, Refusal, Subject
from trimtab.units import Money

NAMES = {str(UID): "dev-east"}
FROZEN = Plan(run="run-1", at=NOW, governance="v1", commits=(), usage_version=7, clusters=(UID,))


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


def found(pool: str = "batch", **changes: object) -> Finding:
    whole = finding(subject=Subject(cluster_uid=UID, pool=pool, field="count"), saving_freed=usd("0"))
    return scored(replace(whole, **changes), costs=usd("1681.92"))  # type: ignore[arg-type]


def refusal(pool: str = "web", rule: str = "metrics-missing", **changes: object) -> Refusal:
    whole = Refusal(
        cluster_uid=UID, pool=pool, rule=rule, reason="Nothing was measured for this pool.", needs="A collector.",
        eligible_from=date(2026, 12, 18),
    )  # fmt: skip
    return replace(whole, **changes)  # type: ignore[arg-type]


def analysis(*findings: Finding, refusals: tuple[Refusal, ...] = ()) -> Analysis:
    costs = tuple(PoolCost(pool=name, monthly=usd("1681.92")) for name in ("batch", "web"))
    return Analysis(run="run-1", cluster_uid=UID, findings=findings, refusals=refusals, costs=costs)


def told(capsys: pytest.CaptureFixture[str]) -> str:
    """What stands on stdout, without the breaks of lines."""
    return " ".join(capsys.readouterr().out.split())


def test_the_table_says_what_is_saved_listed_and_freed_and_what_it_all_comes_to(capsys: pytest.CaptureFixture[str]) -> None:
    half = found(saving_effective=usd("140.16"), saving_freed=usd("140.16"))

    print_first([analysis(half)], NAMES)

    text = told(capsys)
    assert "1 dev-east/batch count 6 → 5 140.16 280.32 140.16" in text
    assert "In all: 280.32 USD of 3,363.84 USD a month at list price (8%), 140.16 USD really saved" in text
    assert "140.16 USD more is freed, not saved" in text


def test_no_more_than_ten_stand_first_and_the_rest_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    many = [found(f"pool-{number:02}") for number in range(14)]
    useless = found("quota", saving_list=usd("0"), saving_effective=usd("0"))

    print_first([analysis(*many, useless)], NAMES)
    first = told(capsys)
    print_first([analysis(*many, useless)], NAMES, everything=True)
    everything = told(capsys)

    assert "pool-09" in first
    assert "pool-10" not in first
    assert "5 more findings, 4 with a gain of their own: --all shows them" in first
    assert "15 dev-east/quota" in everything


def test_two_levers_on_one_pool_multiply(capsys: pytest.CaptureFixture[str]) -> None:
    whole = found(saving_list=usd("1681.92"), saving_effective=usd("1681.92"))
    half = found(saving_list=usd("840.96"), saving_effective=usd("840.96"), rule="spot")

    print_whole([analysis(whole, replace(half, subject=replace(half.subject, field="capacity_type")))], NAMES)

    assert "All 2 savings together: 1,681.92 USD of 1,681.92 USD a month at list price (100%), 1,681.92 USD really saved" in told(capsys)


def test_a_saving_that_is_not_known_makes_no_sum_of_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    print_first([analysis(found(), found("web", saving_effective=None))], NAMES)

    assert "what is really saved is not known of all of them" in told(capsys)


def test_refusals_stand_by_reason_with_what_would_make_them_possible_and_the_first_date(capsys: pytest.CaptureFixture[str]) -> None:
    later = refusal("ml", eligible_from=date(2027, 1, 3))

    print_first([analysis(refusals=(later, refusal(), refusal("x", "fits", needs="", eligible_from=None)))], NAMES)

    text = told(capsys)
    assert "metrics-missing dev-east/ml, dev-east/web Nothing was measured for this pool. A collector. 2026-12-18" in text
    assert [rule for rule, _ in grouped([refusal("x", "fits"), later, refusal()])] == ["metrics-missing", "fits"]


def test_one_pool_shows_chart_both_sizes_misses_bound_and_what_nobody_knows(capsys: pytest.CaptureFixture[str]) -> None:
    proof = evidence(violations_old=4, violations_new=2, judged_steps=240)

    print_whole([analysis(found(evidence=proof, unknowns=("Budgets were not read.",)))], NAMES)

    text = told(capsys)
    assert "judged on the 10 after them: 2.78 misses per 1,000 node-hours as it is, 1.67 as proposed" in text
    for part in ("now 48", "proposed 40", "Runner-up - 4 x m6i.2xlarge", "Not known - Budgets were not read.", "None on record"):
        assert part in text


def test_similar_cases_are_shown_and_a_bad_one_cannot_be_overlooked(capsys: pytest.CaptureFixture[str]) -> None:
    case = PastCase(proposal="prop-2", what="dev-west/batch: count 4 to 3: it was undone.", distance=0.1, went_well=False)
    whole = scored(found(), similar=(case,))

    print_whole([analysis(whole)], NAMES)

    assert "BADLY (90% alike): dev-west/batch: count 4 to 3: it was undone." in told(capsys)


def test_the_form_for_scripts_is_whole_and_its_order_is_the_tables() -> None:
    value = as_json(
        FROZEN, [analysis(found(), found("web", saving_effective=usd("900")), refusals=(refusal(), refusal("*", "edge")))], NAMES
    )

    assert set(value) == {"run", "at", "usage_version", "top", "together", "pools", "findings", "refusals"}
    assert [item["where"] for item in value["top"]] == ["dev-east/web", "dev-east/batch"]  # type: ignore[attr-defined]
    assert set(value["top"][0]) == {  # type: ignore[index]
        "where", "what", "rule", "currency", "saving_effective", "saving_list", "saving_freed", "scores", "misses_per_1000",
        "bad_days_bound", "why_not_more", "needs_person",
    }  # fmt: skip
    assert len(value["refusals"]) == 2  # type: ignore[arg-type]


def test_one_pool_is_only_that_pool_and_an_unknown_one_is_named() -> None:
    both = analysis(found(), found("web"), refusals=(refusal("web"), refusal("*", "not-running")))
    pools = ["dev-east/batch", "dev-east/web"]

    (kept,) = only([both], NAMES, "dev-east/batch", pools)

    assert [one.subject.pool for one in kept.findings] == ["batch"]
    assert [(one.pool, one.rule) for one in kept.refusals] == [("*", "not-running")]
    assert [cost.pool for cost in kept.costs] == ["batch"]
    with pytest.raises(BadInput, match=r"--pool dev-east/nope: no such pool; Palette has dev-east/batch, dev-east/web"):
        only([both], NAMES, "dev-east/nope", pools)


def test_what_is_done_instead_of_each_other_is_not_saved_twice(capsys: pytest.CaptureFixture[str]) -> None:
    """Another type and shared GPUs answer the same idle GPU."""
    first = found(saving_list=usd("840.96"), saving_effective=usd("840.96"))
    other = replace(first, subject=replace(first.subject, field="instance_type"), rule="instance-type-other")
    shared = replace(first, subject=replace(first.subject, field="gpu_sharing"), rule="gpu-sharing", saving_list=usd("420.48"))

    print_first([analysis(other, shared)], NAMES)

    text = told(capsys)
    assert "In all: 840.96 USD of 3,363.84 USD a month at list price (25%), 840.96 USD really saved." in text
    assert "1 saving is in no sum: of volumes, of pools whose cost is not known, or instead of a larger one." in text


def test_amounts_name_their_currency_where_there_are_two(capsys: pytest.CaptureFixture[str]) -> None:
    euros = Money(Decimal(90), "EUR")

    print_ranked([found(), found("web", saving_list=euros, saving_effective=euros, saving_freed=None)], NAMES)
    both = told(capsys)
    print_ranked([found()], NAMES)

    assert "280.32 USD" in both
    assert "90.00 EUR" in both
    assert "What matters first, in USD a month" in told(capsys)


def test_a_long_place_breaks_at_its_slashes_and_the_table_stays_in_its_width(capsys: pytest.CaptureFixture[str]) -> None:
    place = Subject(cluster_uid=UID, pool=f"features/Deployment/feature-store/{'x' * 63}", field="cpu_request", kind="workload")

    print_ranked([replace(found(), subject=place)], NAMES)

    lines = capsys.readouterr().out.splitlines()
    assert any("Deployment/feature-store/ " in line for line in lines)
    assert max(len(line) for line in lines) <= 120


def test_machines_that_a_commitment_pays_for_are_not_said_to_save_zero(capsys: pytest.CaptureFixture[str]) -> None:
    print_whole([analysis(found(saving_effective=usd("0"), saving_freed=usd("280.32")))], NAMES)

    assert "Saves nothing on the bill, and frees 280.32 USD a month for others; saves 280.32 USD a month at list price" in told(capsys)
