"""What opens, what merges, and who must say yes: one change that may merge by itself, and one mutation at a time."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from tests.judgement import (
    BASE,
    CONFIG,
    NOW,
    OWNERS,
    POLICY,
    RULES,
    approved,
    cluster,
    commit,
    edit,
    evidence,
    facts,
    finding,
    governance,
    line_of,
    pool,
    pull_request,
    with_finding,
)
from trimtab import globs
from trimtab.errors import Refused
from trimtab.policy.judge import binding_of, judge, moved
from trimtab.records import Facts, FieldChange, Governance, Place, ProposalId, Stage, Tier
from trimtab.units import Money

APPROVAL = {"highest_stage": Stage.APPROVE}
FREEZE = b"freezes: [{name: year-end-close, start: 2026-11-16, end: 2026-11-20}]\n"


def test_a_low_risk_change_in_proven_nonproduction_merges_by_itself() -> None:
    verdict = judge(facts(), governance(), NOW)

    assert (verdict.tier, verdict.may_open, verdict.may_merge) == (Tier.AUTO, True, True)
    assert verdict.reasons == ()


def test_before_there_is_a_pull_request_it_may_open_and_not_merge() -> None:
    verdict = judge(facts(pull_request=None, commits=(), is_merge_exactly_the_plan=None), governance(), NOW)

    assert (verdict.tier, verdict.may_open, verdict.may_merge) == (Tier.AUTO, True, False)


def test_without_readable_rules_nothing_opens_and_the_reason_is_said() -> None:
    verdict = judge(facts(), None, NOW)

    assert (verdict.tier, verdict.may_open, verdict.may_merge) == (Tier.REPORT, False, False)
    assert [line.rule for line in verdict.reasons] == ["governance"]


STOPS: list[tuple[str, str, Facts]] = [
    ("run-permit", "blocks", facts(stop_reason="stopped by platform-owner")),
    ("stage", "blocks", facts(highest_stage=Stage.OBSERVE)),
    ("cluster-known", "blocks", facts(cluster=None)),
    ("cluster-known", "blocks", facts(cluster=cluster(uid="64b0c0ffee64b0c0ffee0002"))),
    ("cluster-running", "blocks", facts(cluster=cluster(state="Deleting"))),
    ("cluster-running", "blocks", facts(cluster=cluster(state=""))),
    ("repave-pending", "blocks", facts(cluster=cluster(is_repave_pending=True))),
    ("worker-pool", "blocks", facts(cluster=cluster(pool(name="other")))),
    ("worker-pool", "blocks", facts(cluster=cluster(pool(control_plane=True)))),
    ("worker-pool", "blocks", facts(declared=pool(control_plane=True))),
    ("edit-planned", "blocks", facts(place=None)),
    ("edit-planned", "blocks", facts(edit=None)),
    ("edit-exact", "blocks", facts(edit=edit(("node_groups[1].count", "6", "4")))),
    ("edit-exact", "blocks", facts(edit=edit(("node_groups[1].min", "6", "5")))),
    ("edit-exact", "blocks", facts(edit=edit(("node_groups[1].count", "6", "5"), ("node_groups[0].count", "3", "2")))),
    ("edit-exact", "blocks", facts(edit=edit(("node_groups[1].discount", "6", "5")))),
    ("file-as-measured", "blocks", facts(declared=pool(count=7))),
    ("live-equals-file", "blocks", facts(cluster=cluster(pool(count=8)))),
    ("live-equals-file", "blocks", facts(cluster=cluster(pool(instance_type="m6i.4xlarge")))),
    ("live-equals-file", "blocks", facts(declared=None)),
    ("never-to-zero", "blocks", with_finding(changes=(FieldChange(field="count", old="6", new="0"),), nodes_new=0)),
    ("demand-fits", "blocks", facts(demand_now=(41.0, 40.0))),
    ("demand-fits", "blocks", facts(demand_now=(float("nan"), 40.0))),
    ("demand-fits", "waits", facts(demand_now=None)),
    ("evidence-days", "blocks", with_finding(evidence=evidence(start=NOW - timedelta(days=13)))),
    ("evidence-days", "blocks", facts(nonproduction_since=None, finding=finding(evidence=evidence(start=NOW - timedelta(days=29))))),
    ("evidence-coverage", "blocks", with_finding(evidence=evidence(coverage=0.94))),
    ("evidence-coverage", "blocks", with_finding(evidence=evidence(coverage=float("nan")))),
    ("evidence-fresh", "blocks", with_finding(evidence=evidence(end=NOW - timedelta(days=8)))),
    ("evidence-fresh", "blocks", with_finding(evidence=evidence(end=NOW + timedelta(days=1)))),
    ("one-at-a-time", "blocks", facts(others_open=(ProposalId("prop-other"),))),
    ("cool-down", "blocks", facts(last_change=NOW - timedelta(days=6))),
    ("breaker", "blocks", facts(share_of_pools=0.5)),
    ("only-ours", "blocks", facts(commits=(commit(), commit(author="somebody")))),
    ("only-ours", "blocks", facts(commits=(commit(committer="somebody"),))),
    ("only-ours", "blocks", facts(commits=(commit(author=""),))),
    ("only-ours", "blocks", facts(pull_request=pull_request(author="somebody"))),
    ("only-ours", "blocks", facts(our_login="")),
    ("only-ours", "waits", facts(commits=())),
    ("cluster-healthy", "waits", facts(cluster=cluster(health="UnHealthy"))),
    ("cluster-healthy", "waits", facts(cluster=cluster(health=""))),
    ("base-unmoved", "waits", facts(is_base_blob_unmoved=False)),
    ("base-unmoved", "waits", facts(is_base_blob_unmoved=None)),
    ("merge-exact", "waits", facts(is_merge_exactly_the_plan=False)),
    ("merge-exact", "waits", facts(is_merge_exactly_the_plan=None)),
    ("pull-request", "waits", facts(pull_request=None)),
    ("pull-request", "waits", facts(pull_request=pull_request(state="closed"))),
    ("pull-request", "waits", facts(pull_request=pull_request(state="merged"))),
    ("pull-request", "waits", facts(pull_request=pull_request(is_draft=True))),
    ("pull-request", "waits", facts(pull_request=pull_request(is_mergeable=False))),
    ("pull-request", "waits", facts(pull_request=pull_request(is_mergeable=None))),
    ("auto-merge-cap", "waits", facts(auto_merges_today=2)),
]


@pytest.mark.security(22)
@pytest.mark.parametrize(("rule", "effect", "changed"), STOPS, ids=[f"{rule}-{index}" for index, (rule, _, _) in enumerate(STOPS)])
def test_each_thing_that_is_wrong_stops_the_merge_and_is_named(rule: str, effect: str, changed: Facts) -> None:
    verdict = judge(changed, governance(), NOW)

    assert not verdict.may_merge
    assert rule in [line.rule for line in verdict.reasons]
    assert line_of(verdict, rule).effect == effect
    if effect == "blocks":
        assert not verdict.may_open


ASKS: list[tuple[str, Facts]] = [
    ("nonproduction", facts(nonproduction_since=None)),
    ("nonproduction", facts(nonproduction_since=date(2026, 11, 5))),
    ("nonproduction", facts(nonproduction_since=date(2027, 1, 1))),
    ("production-marks", facts(cluster=cluster(name="east-prod"))),
    ("production-marks", facts(cluster=cluster(tags={"env": "Production"}))),
    ("production-marks", facts(cluster=cluster(project="prd"))),
    ("production-marks", facts(cluster=cluster(namespaces=("shop-prod",)))),
    ("production-marks", facts(cluster=cluster(pool(labels={"tier": "prod"})))),
    ("guarded-stage", facts(highest_stage=Stage.APPROVE)),
    ("repave", with_finding(is_repave=True)),
    ("backtest", with_finding(evidence=evidence(violations_new=1))),
    ("backtest", with_finding(evidence=evidence(judged_steps=0))),
    ("disruption", with_finding(disruption=("queue is a StatefulSet: its pods move one by one.",))),
    ("earlier", facts(earlier=("rejected",))),
    ("earlier", facts(earlier=("merged",))),
    ("earlier", facts(earlier=("rolled-back", "snoozed"))),
    ("forge-rules", facts(forge_rules=None)),
    ("forge-rules", facts(forge_rules=replace(RULES, requires_our_check=False))),
    ("forge-rules", facts(forge_rules=replace(RULES, may_bypass=True))),
    ("forge-rules", facts(forge_rules=replace(RULES, catches_moved_base=False))),
    ("forge-rules", facts(forge_rules=replace(RULES, guards_our_branches=None))),
    ("forge-rules", facts(forge_rules=replace(RULES, protects_config=False))),
    ("forge-rules", facts(forge_rules=replace(RULES, requires_review=True))),
    ("low-risk", facts(instance_gpus=4)),
    ("low-risk", facts(instance_gpus=None)),
    ("low-risk", facts(owners=())),
    ("low-risk", with_finding(unknowns=("Local volumes were not read.",))),
]


@pytest.mark.parametrize(("rule", "changed"), ASKS, ids=[f"{rule}-{index}" for index, (rule, _) in enumerate(ASKS)])
def test_each_doubt_asks_for_a_person_and_is_named(rule: str, changed: Facts) -> None:
    verdict = judge(changed, governance(), NOW)

    assert verdict.tier in {Tier.ONE, Tier.TWO, Tier.REPORT}
    assert not verdict.may_merge
    assert rule in [line.rule for line in verdict.reasons]


def test_nonprod_in_a_name_is_not_production() -> None:
    verdict = judge(
        facts(cluster=cluster(name="east-nonprod", namespaces=("product-search", "non-prod"))),
        governance(CONFIG.replace(b"dev-east", b"east-nonprod")),
        NOW,
    )

    assert line_of(verdict, "production-marks").held
    assert verdict.tier is Tier.AUTO


def test_a_saving_that_is_not_known_at_the_bills_prices_is_no_risk() -> None:
    verdict = judge(with_finding(saving_effective=None, unknowns=("What the bill charged is not known.",)), governance(), NOW)

    assert verdict.tier is Tier.AUTO


@pytest.mark.parametrize("saving", ["0.01", "1000000", "-500"])
def test_a_saving_never_buys_a_lower_gate(saving: str) -> None:
    money = Money(Decimal(saving), "USD")

    rich = judge(with_finding(saving_list=money, saving_effective=money, is_repave=True), governance(), NOW)

    assert rich.lines == judge(with_finding(is_repave=True), governance(), NOW).lines


def test_no_window_given_means_never_by_itself() -> None:
    verdict = judge(facts(), governance(policy=b"version: 1\n"), NOW)

    assert verdict.tier is Tier.ONE
    assert "has-window" in [line.rule for line in verdict.reasons]


def test_outside_the_window_it_waits_unless_a_person_says_yes() -> None:
    sunday = datetime(2026, 11, 22, 10, tzinfo=UTC)

    waiting = judge(facts(), governance(), sunday)
    told = judge(approved(facts(), governance(), ("ml-owner", "slack"), now=sunday), governance(), sunday)

    assert (waiting.tier, waiting.may_open, waiting.may_merge) == (Tier.AUTO, True, False)
    assert [line.rule for line in waiting.reasons] == ["window"]
    assert told.may_merge


def test_a_window_is_in_its_own_time_zone() -> None:
    policy = b"version: 1\nwindows: [{weekdays: [wed], from: 9, to: 10, time_zone: Asia/Tokyo}]\n"

    assert judge(facts(), governance(policy=policy), datetime(2026, 11, 18, 0, 30, tzinfo=UTC)).may_merge
    assert not judge(facts(), governance(policy=policy), datetime(2026, 11, 18, 9, 30, tzinfo=UTC)).may_merge


def test_a_freeze_stops_every_merge_and_names_itself() -> None:
    rules = governance(policy=POLICY + FREEZE)

    verdict = judge(approved(facts(), rules, ("ml-owner", "forge")), rules, NOW)

    assert (verdict.may_open, verdict.may_merge) == (True, False)
    assert line_of(verdict, "freeze").saw == "year-end-close until 2026-11-21 00:00 UTC"


# ── stages ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("stages", "tier"),
    [
        (b"{cluster: dev-east, stage: guarded}", Tier.AUTO),
        (b"{cluster: 64b0c0ffee64b0c0ffee0001, stage: guarded}", Tier.AUTO),
        (b"{project: sandbox, stage: guarded}", Tier.AUTO),
        (b"{project: another, stage: guarded}", Tier.ONE),
        (b"{cluster: dev-east, stage: guarded}, {project: sandbox, stage: approve}", Tier.ONE),
        (b"{cluster: dev-east, stage: guarded}, {team: ml, stage: observe}", Tier.REPORT),
        (b"{team: batch, stage: guarded}", Tier.ONE),
        (b"{cluster: dev-east, team: batch, stage: guarded}", Tier.ONE),
    ],
)
def test_the_most_careful_stage_counts_and_a_team_can_only_tighten(stages: bytes, tier: Tier) -> None:
    """Whose workload runs where comes from labels; a label must never give permission."""
    config = CONFIG.replace(b"stages:\n  - {cluster: dev-east, stage: guarded}", b"stages: [" + stages + b"]")

    assert judge(facts(), governance(config), NOW).tier is tier


@pytest.mark.security(2)
def test_the_deployment_is_the_ceiling_of_the_repo() -> None:
    assert judge(facts(highest_stage=Stage.OBSERVE), governance(), NOW).tier is Tier.REPORT
    assert judge(facts(highest_stage=Stage.APPROVE), governance(), NOW).tier is Tier.ONE


# ── policy rules ─────────────────────────────────────────────────────────────────────────────────────────────────────
def rule(when: str, tier: str = "two-approvals") -> Governance:
    return governance(policy=POLICY.replace(b"rules: []", f"rules: [{{name: extra, when: [{when}], tier: {tier}}}]".encode()))


@pytest.mark.parametrize(
    ("when", "tier"),
    [
        ("{fact: pool.name, is: batch}", Tier.TWO),
        ("{fact: pool.name, is: other}", Tier.AUTO),
        ("{fact: pool.name, in: [a, batch]}", Tier.TWO),
        ("{fact: instance.type, matches: 'm6i[.].*'}", Tier.TWO),
        ("{fact: instance.type, matches: 'm6i'}", Tier.AUTO),
        ("{fact: evidence.days, at-most: 35}", Tier.TWO),
        ("{fact: evidence.days, at-least: 36}", Tier.AUTO),
        ("{fact: change.nodes_new, in: [4, 5]}", Tier.TWO),
        ("{fact: change.repave, is: false}", Tier.TWO),
        ("{fact: environment.nonproduction, is: true}", Tier.TWO),
        ("{fact: pool.name, is: batch}, {fact: cluster.cloud, is: gcp}", Tier.AUTO),
        ("{fact: saving.monthly, at-least: 200}", Tier.TWO),
        ("{fact: risk.level, at-most: 1}", Tier.TWO),
    ],
)
def test_a_policy_rule_raises_what_it_matches(when: str, tier: Tier) -> None:
    assert judge(facts(), rule(when), NOW).tier is tier


def test_a_rule_never_lowers() -> None:
    assert judge(facts(instance_gpus=None), rule("{fact: pool.name, is: batch}", "one-approval"), NOW).tier is Tier.TWO


def test_a_rule_about_something_unknown_counts_as_matching() -> None:
    """A rule that cannot be evaluated must not let the change slip past it."""
    verdict = judge(facts(cluster=None), rule("{fact: cluster.cloud, is: gcp}", "report-only"), NOW)

    assert verdict.tier is Tier.REPORT
    assert line_of(verdict, "policy: extra").saw == "cluster.cloud is unknown"


# ── approvals ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_one_approval_is_enough_where_one_is_asked() -> None:
    waiting = judge(facts(**APPROVAL), governance(), NOW)
    told = judge(approved(facts(**APPROVAL), governance(), ("platform-owner", "slack")), governance(), NOW)

    assert [line.rule for line in waiting.reasons if line.effect == "waits"] == ["approvals"]
    assert waiting.approvers == ("ml-owner", "platform-owner")
    assert told.may_merge


@pytest.mark.security(12)
@pytest.mark.parametrize(
    ("people", "may_merge"),
    [
        ([("platform-owner", "slack")], False),
        ([("platform-owner", "slack"), ("ml-owner", "slack")], False),
        ([("platform-owner", "slack"), ("platform-owner", "forge")], False),
        ([("platform-owner", "forge"), ("platform-owner", "forge")], False),
        ([("platform-owner", "slack"), ("ml-owner", "forge")], True),
        ([("platform-owner", "forge"), ("ml-owner", "forge")], True),
    ],
)
def test_two_approvals_are_two_people_and_one_of_them_reviews_on_the_forge(people: list[tuple[str, str]], may_merge: bool) -> None:
    risky = facts(owners=())

    verdict = judge(approved(risky, governance(), *people), governance(), NOW)

    assert verdict.tier is Tier.TWO
    assert verdict.may_merge is may_merge
    assert line_of(verdict, "forge-review").held is any(via == "forge" for _, via in people)


@pytest.mark.security(5)
def test_only_the_people_of_the_narrowest_scope_count() -> None:
    owners = (
        OWNERS
        + b"  - {cluster_uid: 64b0c0ffee64b0c0ffee0001, pool: batch, people: [finance-owner]}\n  - {pool: batch, people: [ml-owner]}\n"
    )
    rules = governance(owners=owners)
    person = facts(**APPROVAL)

    assert judge(person, rules, NOW).approvers == ("finance-owner",)
    assert not judge(approved(person, rules, ("ml-owner", "forge")), rules, NOW).may_merge
    assert judge(approved(person, rules, ("finance-owner", "forge")), rules, NOW).may_merge


@pytest.mark.security(5)
@pytest.mark.parametrize(
    "relabelled",
    [{"owners": (("ml", 1.0),)}, {"cluster": cluster(tags={"owner": "finance"}, namespaces=("finance",))}],
)
def test_labels_and_shares_never_change_who_may_approve(relabelled: dict[str, object]) -> None:
    assert judge(facts(**relabelled), governance(), NOW).approvers == judge(facts(), governance(), NOW).approvers


@pytest.mark.security(13)
def test_nobody_approves_their_own_commits() -> None:
    owned = facts(**APPROVAL, commits=(commit(), commit(committer="ML-Owner")))

    verdict = judge(approved(owned, governance(), ("ml-owner", "forge")), governance(), NOW)

    assert verdict.approvers == ("platform-owner",)
    assert "nobody approves their own change" in line_of(verdict, "approval-void").saw
    assert not verdict.may_merge


def test_where_nobody_may_approve_it_says_so() -> None:
    verdict = judge(facts(**APPROVAL), governance(owners=OWNERS.split(b"approvers:")[0]), NOW)

    assert line_of(verdict, "approvals").saw == "only 0 people may approve here"
    assert not verdict.may_merge


@pytest.mark.parametrize("days", [-1, 8])
def test_an_approval_from_the_future_or_of_long_ago_does_not_count(days: int) -> None:
    told = approved(facts(**APPROVAL), governance(), ("ml-owner", "forge"), at=NOW - timedelta(days=days))

    assert not judge(told, governance(), NOW).may_merge


@pytest.mark.parametrize(
    ("gate", "via", "may_merge"),
    [("forge", "slack", False), ("forge", "forge", True), ("slack", "slack", True), ("slack", "forge", False), ("both", "slack", True)],
)
def test_a_gate_decides_where_a_file_is_approved(gate: str, via: str, may_merge: bool) -> None:
    rules = governance(CONFIG + f"gates: [{{path: 'clusters/**', gate: {gate}}}]\n".encode())

    verdict = judge(approved(facts(**APPROVAL), rules, ("ml-owner", via)), rules, NOW)

    assert verdict.may_merge is may_merge
    assert line_of(verdict, "gate").saw == gate


def test_where_the_forge_demands_a_review_that_review_is_the_approval() -> None:
    strict = facts(forge_rules=replace(RULES, requires_review=True))

    assert not judge(approved(strict, governance(), ("ml-owner", "slack")), governance(), NOW).may_merge
    assert judge(approved(strict, governance(), ("ml-owner", "forge")), governance(), NOW).may_merge


MOVED: list[tuple[str, Facts, Governance]] = [
    ("the repo", facts(**APPROVAL, pull_request=pull_request(repo="other")), governance()),
    ("the pull request", facts(**APPROVAL, pull_request=pull_request(number=8)), governance()),
    ("the base branch", facts(**APPROVAL, pull_request=pull_request(base_ref="release")), governance()),
    ("the head commit", facts(**APPROVAL, pull_request=pull_request(head=BASE)), governance()),
    ("the change itself", facts(**APPROVAL, edit=edit(("node_groups[2].count", "6", "5"))), governance()),
    ("the file below the change", facts(**APPROVAL, edit=replace(edit(), base_blob="beef" * 10)), governance()),
    ("the policy", facts(**APPROVAL), governance(policy=POLICY + b"# a comment\n")),
    ("what it needs", facts(**APPROVAL, owners=()), governance()),
]


@pytest.mark.security(10)
@pytest.mark.parametrize(("what", "later", "rules"), MOVED, ids=[what for what, _, _ in MOVED])
def test_an_approval_is_void_when_anything_it_was_bound_to_moves(what: str, later: Facts, rules: Governance) -> None:
    """Security 10: each bound thing changed alone between approval and merge."""
    yes = approved(facts(**APPROVAL), governance(), ("platform-owner", "forge"), ("ml-owner", "forge")).approvals

    verdict = judge(replace(later, approvals=yes), rules, NOW)

    assert not verdict.may_merge
    assert f"{what} moved from " in line_of(verdict, "approval-void").saw


@pytest.mark.security(10)
def test_a_moved_rollback_voids_too() -> None:
    then = binding_of(facts(), governance(), Tier.ONE)

    assert moved(then, replace(then, rollback=(("count", "7"),))) == ("what a rollback restores moved from count 6 to count 7",)
    assert moved(then, then) == ()


def test_there_is_nothing_to_approve_before_there_is_a_pull_request() -> None:
    with pytest.raises(Refused, match="nothing to approve yet"):
        binding_of(facts(pull_request=None), governance(), Tier.ONE)


# ── rollback ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def rollback(new: int) -> Facts:
    change = FieldChange(field="count", old="5", new=str(new))
    return facts(
        finding=finding(rule="rollback", changes=(change,), nodes_old=5, nodes_new=new, evidence=evidence(end=NOW - timedelta(days=20))),
        edit=edit(("node_groups[1].count", "5", str(new))),
        declared=pool(count=5),
        cluster=cluster(pool(count=5), pool(name="system", count=3)),
        last_change=NOW - timedelta(days=1),
        earlier=("merged",),
    )


def test_a_rollback_that_only_adds_needs_no_cool_down_and_no_new_evidence() -> None:
    assert judge(rollback(6), governance(), NOW).may_open


@pytest.mark.security(20)
def test_a_rollback_that_takes_away_is_held_like_any_change() -> None:
    assert not judge(rollback(4), governance(), NOW).may_open


def test_an_open_proposal_does_not_count_against_itself() -> None:
    assert judge(facts(open_count=10, others_open=(facts().proposal,)), governance(), NOW).may_open
    assert not judge(facts(open_count=10, pull_request=None, commits=()), governance(), NOW).may_open


@pytest.mark.parametrize(
    ("path", "glob", "is_fit"),
    [
        ("clusters/dev/a.yaml", "clusters/**/*.yaml", True),
        ("clusters/a.yaml", "clusters/**/*.yaml", True),
        ("clusters/dev/a.yaml", "clusters/*.yaml", False),
        ("clusters/dev/a.yaml", "clusters/**", True),
        ("clustersX/a.yaml", "clusters/**", False),
        ("a+b.yaml", "a+b.yaml", True),
        ("aab.yaml", "a+b.yaml", False),
    ],
)
def test_globs_stay_within_folders_unless_doubled(path: str, glob: str, is_fit: bool) -> None:
    assert globs.matches(path, [glob]) is is_fit


@pytest.mark.security(4)
def test_a_place_in_a_production_folder_takes_auto_merge_away() -> None:
    place = Place(repo="gitops", path="prod/dev-east.yaml", cluster="dev-east", pool="batch")
    config = CONFIG.replace(b"clusters/**", b"prod/**")

    verdict = judge(facts(place=place, edit=edit(path="prod/dev-east.yaml")), governance(config), NOW)

    assert verdict.tier is Tier.ONE
    assert line_of(verdict, "production-marks").saw == "path prod/dev-east.yaml"
