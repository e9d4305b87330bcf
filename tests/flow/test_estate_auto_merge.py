"""The estate's one change that may merge by itself: real demand, real rules, a real pull request; and what takes that away from it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.estate_lake import estate_usage
from trimtab.adapters.catalog import BundledCatalog
from trimtab.adapters.localforge import LocalForge, Rules, init_bare, protect
from trimtab.analysis.demand import Demand
from trimtab.analysis.rightsize import analyze
from trimtab.changes import branch_name, declared_pool, find_place, layout_of, plan_edit
from trimtab.demo.estate.clusters import CLUSTERS, DEV_SANDBOX
from trimtab.demo.estate.deployment import LISTED_SINCE
from trimtab.demo.estate.gitops import gitops_files
from trimtab.demo.estate.model import AS_OF, END, START
from trimtab.flow.effects import CHECK
from trimtab.flow.facts import capacity_after
from trimtab.policy.judge import judge
from trimtab.policy.rules import parse_governance
from trimtab.records import CommitSha, EvidenceFloor, Facts, Finding, Governance, ProposalId, Stage, Tier

PROPOSED = AS_OF + timedelta(minutes=25)
"""Monday 2026-08-03 09:25 UTC."""
MERGED = AS_OF + timedelta(minutes=35)
CLUSTER = DEV_SANDBOX.cluster
RULES = parse_governance(gitops_files(), CommitSha("0" * 40))


@pytest.fixture(scope="module")
def demand(tmp_path_factory: pytest.TempPathFactory) -> Demand:
    found = estate_usage(tmp_path_factory.mktemp("lake")).demand(CLUSTER.uid, "general", START, END)
    assert found is not None
    return found


def _finding(demand: Demand) -> Finding:
    pool = CLUSTER.pool("general")
    assert pool is not None
    answers = analyze(
        pool=pool, cluster=CLUSTER, demand=demand, catalog=BundledCatalog(), effective_rate=Decimal("0.192"), now=PROPOSED,
        floor=EvidenceFloor(), is_nonproduction=True,
    )  # fmt: skip
    (finding,) = (answer for answer in answers if isinstance(answer, Finding))
    return finding


def _facts(finding: Finding, root: Path, rules: Governance = RULES) -> Facts:
    """All that is known of the proposal once its pull request is open on the estate's forge."""
    forge = LocalForge({"gitops": root / "gitops.git"})
    base = init_bare(root / "gitops.git", gitops_files(), "The estate", START)
    protect(forge, "gitops", Rules(required_checks=(CHECK,), protects_config=True))
    place = find_place(gitops_files(), "gitops", rules.layouts, CLUSTER.name, "general")
    content = gitops_files()[place.path]
    layout = layout_of({place.path: content}, place, rules.layouts)
    edit = plan_edit(gitops_files(), place, layout, finding.changes)
    branch = branch_name(finding.subject, CLUSTER.name)
    head = forge.commit_files("gitops", branch, base, None, {edit.path: edit.content}, "Shrink", PROPOSED)
    assert head is not None
    pull = forge.open_pull_request("gitops", head_ref=branch, base_ref="main", title="Shrink", body="", labels=(), at=PROPOSED)
    return Facts(
        proposal=ProposalId("prop-0123456789ab"), finding=finding, place=place, edit=edit, cluster=CLUSTER,
        declared=declared_pool({place.path: content}, place, layout, CLUSTER.uid),
        nonproduction_since=LISTED_SINCE, highest_stage=Stage.GUARDED,
        owners=(("web", 0.86),), demand_now=(finding.evidence.peak, capacity_after(finding.evidence)),
        forge_rules=forge.rules("gitops", "main"), pull_request=pull, commits=forge.commits("gitops", base, head),
        our_login=forge.login, is_base_blob_unmoved=True,
        is_merge_exactly_the_plan=forge.merge_changes("gitops", base, head) == {edit.path: edit.content},
        share_of_pools=7 / sum(len(cluster.pools) for cluster in CLUSTERS), open_count=6, instance_gpus=0, is_record_sound=True,
    )  # fmt: skip


def test_the_oversized_development_pool_merges_by_itself_on_monday_morning(demand: Demand, tmp_path: Path) -> None:
    finding = _finding(demand)

    verdict = judge(_facts(finding, tmp_path), RULES, MERGED)

    assert [(change.field, change.old, change.new) for change in finding.changes] == [("count", "8", "6")]
    assert (finding.unknowns, finding.disruption) == ((), ())
    assert max(value for value in verdict.risk.dimensions().values() if value is not None) == 1
    assert [line for line in verdict.lines if not line.held] == []
    assert (verdict.tier, verdict.may_open, verdict.may_merge) == (Tier.AUTO, True, True)


def test_the_same_pool_needs_a_person_where_nobody_read_its_budgets(demand: Demand, tmp_path: Path) -> None:
    """An estate that is measured by Prometheus alone: unknown is never low risk."""
    finding = _finding(replace(demand, drains={}))

    verdict = judge(_facts(finding, tmp_path), RULES, MERGED)

    assert finding.unknowns == ("PodDisruptionBudgets, local volumes or anti-affinity of 3 of 3 workloads were not read.",)
    assert (verdict.tier, verdict.may_merge) == (Tier.ONE, False)


def test_the_same_pool_needs_a_person_where_a_drain_would_hurt(demand: Demand, tmp_path: Path) -> None:
    hurt = replace(demand.drains["dev-web/api"], has_local_volume=True)
    finding = _finding(replace(demand, drains={**demand.drains, "dev-web/api": hurt}))

    verdict = judge(_facts(finding, tmp_path), RULES, MERGED)

    assert len(finding.disruption) == 1
    assert "dev-web/api" in finding.disruption[0]
    assert (verdict.tier, verdict.may_merge) == (Tier.ONE, False)


def test_it_waits_for_the_window_on_a_friday(demand: Demand, tmp_path: Path) -> None:
    verdict = judge(_facts(_finding(demand), tmp_path), RULES, MERGED + timedelta(days=4))

    assert (verdict.tier, verdict.may_open, verdict.may_merge) == (Tier.AUTO, True, False)
    assert [line.rule for line in verdict.lines if not line.held] == ["window"]
