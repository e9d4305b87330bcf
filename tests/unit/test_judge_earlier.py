"""What is looser counts after a day, what is stricter at once: rules of the last day keep their say."""

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from tests.judgement import CONFIG, NOW, OWNERS, POLICY, approved, facts, governance, line_of
from trimtab.policy.earlier import ORDER, Earlier, careful
from trimtab.policy.judge import judge
from trimtab.policy.loosened import loosened
from trimtab.records import Governance, PersonId, Stage, Tier

APPROVE = {"highest_stage": Stage.APPROVE}
NEWCOMER = OWNERS.replace(b"[platform-owner, ml-owner]", b"[platform-owner, ml-owner, finance-owner]")
OTHER_ACCOUNT = OWNERS.replace(b"forge: ml-owner", b"forge: ml-owner-2")
CLOSED = POLICY.replace(b"rules: []", b"rules: [{name: shut, when: [{fact: pool.name, is: batch}], holds: true}]")
TWO = POLICY.replace(b"rules: []", b"rules: [{name: two, when: [{fact: pool.name, is: batch}], tier: two-approvals}]")
LOWERED = TWO.replace(b"two-approvals", b"one-approval")
FROZEN = POLICY + b"freezes: [{name: sale, start: 2026-11-17, end: 2026-11-20}]\n"
ELSEWHEN = POLICY.replace(b"[mon, tue, wed, thu]", b"[sat]")
NO_WINDOW = POLICY.replace(b"windows:\n  - {weekdays: [mon, tue, wed, thu], from: 9, to: 16, time_zone: UTC}\n", b"")


def before(rules: Governance, hours: float = 1) -> Earlier:
    return Earlier(until=NOW - timedelta(hours=hours), commit=rules.commit, governance=rules)


@pytest.mark.security(2)
@pytest.mark.parametrize(
    ("old", "reason", "tier"),
    [
        (governance(CONFIG.replace(b"stage: guarded", b"stage: observe")), "report-only; stage: observe", Tier.REPORT),
        (governance(CONFIG.replace(b"stage: guarded", b"stage: approve")), "one-approval; guarded-stage: approve", Tier.ONE),
        (governance(policy=CLOSED), "policy: shut: pool.name is batch", Tier.AUTO),
        (governance(policy=TWO), "two-approvals; policy: two: pool.name is batch", Tier.TWO),
        (governance(policy=FROZEN), "freeze: sale until 2026-11-21 00:00 UTC", Tier.AUTO),
        (governance(policy=NO_WINDOW), "one-approval; has-window: none given", Tier.ONE),
        (governance(CONFIG.replace(b"count: count, ", b"")), "edit-exact: ", Tier.AUTO),
        (governance(policy=POLICY + b"evidence: {days_nonproduction: 60}\n"), "evidence-days: 35 days", None),
    ],
)
def test_what_the_rules_of_an_hour_ago_asked_is_still_asked(old: Governance, reason: str, tier: Tier | None) -> None:
    now = judge(facts(), governance(), NOW)

    verdict = judge(facts(), governance(), NOW, [before(old)])

    assert now.may_merge
    assert not verdict.may_merge
    assert reason in line_of(verdict, "rules until 2026-11-18 09:00 UTC").saw
    assert line_of(verdict, "rules until 2026-11-18 09:00 UTC").wanted == "what is looser counts from 2026-11-19 09:00 UTC"
    assert tier is None or verdict.tier is tier


@pytest.mark.security(2)
@pytest.mark.parametrize(("hours", "may_merge"), [(0, False), (23.9, False), (24, True), (1000, True)])
def test_after_a_day_the_rules_before_have_no_say(hours: float, may_merge: bool) -> None:
    assert judge(facts(), governance(), NOW, [before(governance(policy=CLOSED), hours)]).may_merge is may_merge


@pytest.mark.security(2)
def test_rules_that_were_only_just_replaced_count_from_now_on() -> None:
    replaced = Earlier(until=None, commit="c0de" * 10, governance=governance(policy=CLOSED))

    assert not judge(facts(), governance(), NOW, [replaced]).may_merge


@pytest.mark.security(2)
@pytest.mark.parametrize("new", [FROZEN, CLOSED, TWO, ELSEWHEN], ids=["freeze", "hold", "tier", "window"])
def test_a_tightening_acts_at_once(new: bytes) -> None:
    assert not judge(facts(), governance(policy=new), NOW, [before(governance())]).may_merge


@pytest.mark.security(2)
def test_a_new_window_opens_after_a_day() -> None:
    assert not judge(facts(), governance(), NOW, [before(governance(policy=ELSEWHEN))]).may_merge


@pytest.mark.security(2)
def test_a_higher_cap_counts_after_a_day() -> None:
    low, high = governance(policy=POLICY.replace(b"auto_merges_per_day: 2", b"auto_merges_per_day: 1")), governance()

    assert judge(facts(auto_merges_today=1), high, NOW).may_merge
    assert not judge(facts(auto_merges_today=1), high, NOW, [before(low)]).may_merge


@pytest.mark.security(2)
def test_of_all_limits_that_count_the_tightest_holds() -> None:
    old = governance(policy=POLICY.replace(b"{auto_merges_per_day: 2}", b"{auto_merges_per_day: 9, open_at_once: 1, cool_down_days: 30}"))

    limits = careful(governance(), [before(old)], NOW).limits

    assert (limits.auto_merges_per_day, limits.open_at_once, limits.cool_down_days) == (2, 1, 30)
    assert careful(governance(), [before(old, 24)], NOW) == governance()


# ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(2, 13)
@pytest.mark.parametrize(("owners", "person"), [(NEWCOMER, "finance-owner"), (OTHER_ACCOUNT, "ml-owner")])
def test_somebody_who_is_new_or_has_new_accounts_counts_after_a_day(owners: bytes, person: str) -> None:
    rules, whole = governance(owners=owners), facts(**APPROVE)
    said = approved(whole, rules, (person, "slack"))

    today, tomorrow = judge(said, rules, NOW, [before(governance())]), judge(said, rules, NOW, [before(governance(), 24)])

    assert not today.may_merge
    assert person not in today.approvers
    assert "too-new: " in line_of(today, "approval-void").saw
    assert tomorrow.may_merge


@pytest.mark.security(2)
def test_somebody_who_was_taken_out_stops_counting_at_once() -> None:
    rules, whole = governance(), facts(**APPROVE)

    verdict = judge(approved(whole, rules, ("finance-owner", "slack")), rules, NOW, [before(governance(owners=NEWCOMER))])

    assert "outside-scope: " in line_of(verdict, "approval-void").saw


@pytest.mark.security(2, 12)
def test_an_owner_of_the_pool_is_one_by_all_rules() -> None:
    rules, old = governance(), governance()
    mine = replace(rules, approvers=(replace(rules.approvers[0], owners=(PersonId("ml-owner"),)),))
    theirs = replace(old, approvers=(replace(old.approvers[0], owners=(PersonId("finance-owner"),)),))
    said = approved(facts(owners=()), mine, ("ml-owner", "forge"), ("platform-owner", "slack"))

    assert judge(said, mine, NOW).may_merge
    assert line_of(judge(said, mine, NOW, [before(theirs)]), "owner-approval").held is False


@pytest.mark.security(2)
def test_a_gate_that_asked_for_a_review_asks_for_it_another_day() -> None:
    strict, lax = governance(CONFIG + b"gates: [{path: 'clusters/**', gate: forge}]\n"), governance()
    said = approved(facts(**APPROVE), lax, ("ml-owner", "slack"))

    assert judge(said, lax, NOW).may_merge
    assert line_of(judge(said, lax, NOW, [before(strict)]), "gate").saw == "forge"
    assert not judge(said, lax, NOW, [before(strict)]).may_merge


# ── what cannot be known ─────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(2)
def test_rules_of_the_last_day_that_cannot_be_read_let_nothing_open_or_merge() -> None:
    lost = Earlier(until=NOW, commit="dead" * 10, governance=None, problem="they cannot be read any more")

    verdict = judge(facts(), governance(), NOW, [lost])

    assert (verdict.may_open, verdict.may_merge) == (False, False)
    assert line_of(verdict, "rules until 2026-11-18 10:00 UTC").saw == "they cannot be read any more"


VERSIONS = {
    "usual": governance(),
    "hold": governance(policy=CLOSED),
    "two": governance(policy=TWO),
    "freeze": governance(policy=FROZEN),
    "no window": governance(policy=NO_WINDOW),
    "observe": governance(CONFIG.replace(b"stage: guarded", b"stage: observe")),
    "approve": governance(CONFIG.replace(b"stage: guarded", b"stage: approve")),
    "newcomer": governance(owners=NEWCOMER),
    "account": governance(owners=OTHER_ACCOUNT),
    "forge": governance(CONFIG + b"gates: [{path: 'clusters/**', gate: forge}]\n"),
    "slack": governance(CONFIG + b"gates: [{path: 'clusters/**', gate: slack}]\n"),
    "nobody": governance(owners=OWNERS.split(b"approvers:")[0]),
}


@pytest.mark.security(2)
@pytest.mark.parametrize("people", [(), (("ml-owner", "slack"),), (("ml-owner", "forge"), ("platform-owner", "forge"))])
def test_no_version_of_before_ever_lets_something_through(people: tuple[tuple[str, str], ...]) -> None:
    """For every two versions: whatever merges by both together merges by each of them, and is asked at least as much."""
    for (new_name, new), (old_name, old) in product(VERSIONS.items(), repeat=2):
        both = judge(facts(), new, NOW, [before(old)])
        alone, then = judge(facts(), new, NOW), judge(facts(), old, NOW)
        assert ORDER.index(both.tier) == max(ORDER.index(alone.tier), ORDER.index(then.tier)), (new_name, old_name)
        assert set(both.approvers) <= set(alone.approvers) & set(then.approvers), (new_name, old_name)
        said = approved(facts(), new, *people)
        bound = replace(said, approvals=tuple(replace(yes, binding=replace(yes.binding, tier=both.tier)) for yes in said.approvals))
        if judge(bound, new, NOW, [before(old)]).may_merge:
            assert judge(said, new, NOW).may_merge, (new_name, old_name)
            assert judge(approved(facts(), old, *people), old, NOW).may_merge, (new_name, old_name)


# ── what people are told ─────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(2)
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (governance(), governance(owners=NEWCOMER), "finance-owner may approve for everything"),
        (governance(), governance(owners=OTHER_ACCOUNT), "ml-owner has other accounts"),
        (
            governance(owners=OWNERS.replace(b"  - {id: finance-owner, slack: U0FINANCE, forge: finance-owner}\n", b"")),
            governance(),
            "finance-owner is new",
        ),
        (governance(policy=CLOSED), governance(), "the rule shut is gone"),
        (governance(policy=TWO), governance(policy=LOWERED), "the rule two says something else"),
        (governance(policy=FROZEN), governance(), "the freeze sale is gone"),
        (governance(policy=FROZEN), governance(policy=FROZEN.replace(b"11-20", b"11-19")), "the freeze sale says something else"),
        (governance(policy=NO_WINDOW), governance(), "Trimtab may merge by itself at other hours"),
        (governance(CONFIG.replace(b"stage: guarded", b"stage: observe")), governance(), "the stage of cluster dev-east is guarded"),
        (governance(CONFIG.replace(b"stage: approve", b"stage: observe")), governance(), "the stage of everything is approve"),
        (
            governance(),
            governance(policy=POLICY.replace(b"{auto_merges_per_day: 2}", b"{auto_merges_per_day: 3, cool_down_days: 1}")),
            "the limit cool_down_days is 1 instead of 7",
        ),
        (governance(), governance(policy=POLICY + b"evidence: {coverage: 0.5}\n"), "coverage of evidence is 0.5 instead of 0.95"),
        (governance(CONFIG.replace(b"count: count, ", b"")), governance(), "the layout clusters is new or says something else"),
        (governance(), governance(CONFIG + b"gates: [{path: x, gate: slack}]\n"), "x is approved by slack"),
        (replace(governance(), asks_change_requests=True), governance(), "change requests are not asked for any more"),
    ],
)  # fmt: skip
def test_what_became_looser_is_said_in_words(old: Governance, new: Governance, said: str) -> None:
    assert said in loosened(old, new)


@pytest.mark.parametrize("new", [FROZEN, CLOSED, TWO, NO_WINDOW])
def test_what_only_became_stricter_is_not_called_looser(new: bytes) -> None:
    assert loosened(governance(), governance(policy=new)) == ()
