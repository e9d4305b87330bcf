"""One change that may merge by itself, whole; tests replace the one thing that they are about."""

import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from trimtab.policy.judge import binding_of, judge
from trimtab.policy.rules import parse_governance
from trimtab.records import (
    Approval,
    ChartPoint,
    Cluster,
    ClusterUid,
    Commit,
    CommitSha,
    Evidence,
    Facts,
    FieldChange,
    Finding,
    ForgeRules,
    Governance,
    Member,
    PersonId,
    Place,
    PlannedEdit,
    Pool,
    ProjectUid,
    Proposal,
    ProposalId,
    PullRequest,
    Stage,
    Standing,
    Subject,
    Verdict,
)
from trimtab.units import Money

NOW = datetime(2026, 11, 18, 10, tzinfo=UTC)
"""A Wednesday, inside the window."""
UID = ClusterUid("64b0c0ffee64b0c0ffee0001")
BOT = "trimtab[bot]"
HEAD = CommitSha("4f2d" * 10)
BASE = CommitSha("a11c" * 10)

CONFIG = b"""\
version: 1
currency: USD
stage: approve
stages:
  - {cluster: dev-east, stage: guarded}
layouts:
  - name: clusters
    files: ["clusters/**/*.yaml"]
    cluster: name
    pools: node_groups
    pool_name: name
    fields: {count: count, min: min, max: max, instance_type: instance_type}
"""
POLICY = b"""\
version: 1
rules: []
windows:
  - {weekdays: [mon, tue, wed, thu], from: 9, to: 16, time_zone: UTC}
limits: {auto_merges_per_day: 2}
"""
OWNERS = b"""\
version: 1
people:
  - {id: platform-owner, slack: U0PLATFORM, forge: platform-owner}
  - {id: ml-owner, slack: U0ML, forge: ml-owner}
  - {id: finance-owner, slack: U0FINANCE, forge: finance-owner}
teams:
  - {name: batch, cost_center: cc-100, channel: C0BATCH}
  - {name: ml, cost_center: cc-200, channel: C0ML}
rules:
  - {id: by-label, label: team}
approvers:
  - {people: [platform-owner, ml-owner]}
"""


def files(config: bytes = CONFIG, policy: bytes = POLICY, owners: bytes = OWNERS) -> dict[str, bytes]:
    return {".trimtab/config.yaml": config, ".trimtab/policy.yaml": policy, ".trimtab/owners.yaml": owners}


def governance(config: bytes = CONFIG, policy: bytes = POLICY, owners: bytes = OWNERS) -> Governance:
    return parse_governance(files(config, policy, owners), CommitSha("c0de" * 10))


def chart(peak: float = 29.4, old: float = 48.0, new: float = 40.0, days: int = 35) -> tuple[ChartPoint, ...]:
    """Working days with a hump, and one gap."""
    start = datetime(2026, 11, 18, tzinfo=UTC) - timedelta(days=days)

    def demand(step: int) -> float | None:
        at = start + timedelta(hours=6 * step)
        if step in {41, 42}:
            return None
        share = 0.35 if at.weekday() > 4 else 0.75 + 0.25 * math.sin(step * 0.9)
        return round(peak * min(1.0, share), 2)

    return tuple(
        ChartPoint(at=start + timedelta(hours=6 * step), demand=demand(step), capacity_old=old, capacity_new=new)
        for step in range(days * 4)
    )


def evidence(**changes: Any) -> Evidence:
    whole = Evidence(
        start=datetime(2026, 10, 14, tzinfo=UTC),
        end=datetime(2026, 11, 18, tzinfo=UTC),
        coverage=0.996,
        source="Prometheus of dev-east, 5-minute samples",
        unit="CPU cores",
        chart=chart(),
        peak=29.4,
        typical=13.1,
        fitted_days=25,
        judged_days=10,
        violations_old=0,
        violations_new=0,
        judged_steps=2880,
        lines=("CPU decides the size: memory never needed more than 61 of 128 GiB.",),
    )
    return replace(whole, **changes)


def finding(**changes: Any) -> Finding:
    whole = Finding(
        rule="idle-nodes",
        subject=Subject(cluster_uid=UID, pool="batch", field="count"),
        changes=(FieldChange(field="count", old="6", new="5"),),
        instance_type="m6i.2xlarge",
        nodes_old=6,
        nodes_new=5,
        saving_list=Money(Decimal("280.32"), "USD"),
        saving_effective=Money(Decimal("241.10"), "USD"),
        price_source="AWS list prices of 2026-11-01",
        evidence=evidence(),
        is_repave=False,
        runner_up="4 x m6i.2xlarge would cost 1,121.28 USD a month and miss 3 judged steps, but replaces no node.",
    )
    return replace(whole, **changes)


def diff(*changes: tuple[str, str, str]) -> str:
    """What the change looks like in a file of that shape."""
    lines = [f"-    {key.rpartition('.')[2]}: {old}\n+    {key.rpartition('.')[2]}: {new}\n" for key, old, new in changes]
    return f"@@ -11,{len(lines)} +11,{len(lines)} @@\n{''.join(lines)}"


def edit(*changes: tuple[str, str, str], path: str = "clusters/dev/dev-east.yaml") -> PlannedEdit:
    changes = changes or (("node_groups[1].count", "6", "5"),)
    return PlannedEdit(
        path=path,
        base_blob="b10b" * 10,
        new_blob="b10c" * 10,
        content=b"name: dev-east\n",
        changes=changes,
        diff=diff(*changes),
    )


def pool(**changes: Any) -> Pool:
    return replace(Pool(cluster_uid=UID, name="batch", instance_type="m6i.2xlarge", count=6), **changes)


def cluster(*pools: Pool, **changes: Any) -> Cluster:
    whole = Cluster(
        uid=UID,
        name="dev-east",
        project_uid=ProjectUid("5eed5eed5eed5eed5eed0001"),
        project="sandbox",
        cloud="aws",
        region="us-east-1",
        state="Running",
        health="Healthy",
        is_repave_pending=False,
        tags={"env": "dev"},
        pools=pools or (pool(), pool(name="system", count=3), pool(name="master", count=3, control_plane=True)),
        namespaces=("batch", "monitoring"),
    )
    return replace(whole, **changes)


RULES = ForgeRules(
    requires_review=False,
    requires_our_check=True,
    catches_moved_base=True,
    may_bypass=False,
    protects_config=True,
    guards_our_branches=True,
    is_public=False,
)


def pull_request(**changes: Any) -> PullRequest:
    whole = PullRequest(
        repo="gitops",
        number=7,
        url="https://forge.example/gitops/7",
        title="Shrink dev-east/batch",
        body="",
        state="open",
        is_draft=False,
        author=BOT,
        head_ref="trimtab/dev-east/batch/count",
        head=HEAD,
        base_ref="main",
        base=BASE,
        is_mergeable=True,
    )
    return replace(whole, **changes)


def commit(author: str = BOT, committer: str = BOT) -> Commit:
    return Commit(sha=HEAD, author=author, committer=committer, parents=(BASE,), tree="7ee7" * 10)


def facts(**changes: Any) -> Facts:
    whole = Facts(
        proposal=ProposalId("prop-0123456789ab"),
        finding=finding(),
        place=Place(repo="gitops", path="clusters/dev/dev-east.yaml", cluster="dev-east", pool="batch"),
        edit=edit(),
        cluster=cluster(),
        declared=pool(),
        nonproduction_since=date(2026, 1, 5),
        highest_stage=Stage.GUARDED,
        owners=(("batch", 0.92), ("ml", 0.08)),
        demand_now=(17.5, 40.0),
        forge_rules=RULES,
        pull_request=pull_request(),
        commits=(commit(),),
        our_login=BOT,
        is_base_blob_unmoved=True,
        is_merge_exactly_the_plan=True,
        share_of_pools=0.2,
        instance_gpus=0,
        standings=tuple(standing(person) for person in ("platform-owner", "ml-owner", "finance-owner")),
        recent_authors=(),
        is_record_sound=True,
    )
    return replace(whole, **changes)


def standing(person: str, **changes: Any) -> Standing:
    """Somebody whose both accounts are theirs and in use."""
    return replace(Standing(person=PersonId(person), slack="active", forge="active", is_confirmed=True), **changes)


def with_finding(**changes: Any) -> Facts:
    return facts(finding=finding(**changes))


def approved(whole: Facts, rules: Governance, *people: tuple[str, str], now: datetime = NOW, at: datetime | None = None) -> Facts:
    """The same facts, with a yes by each (person, via), bound to what is there now."""
    binding = binding_of(whole, rules, judge(whole, rules, now).tier)
    yes = tuple(Approval(person=PersonId(person), via=via, at=at or now, binding=binding) for person, via in people)  # type: ignore[arg-type]
    return replace(whole, approvals=(*whole.approvals, *yes))


def line_of(verdict: Verdict, rule: str) -> Any:
    """The last line of a rule; a missing one is an error of the test."""
    return [line for line in verdict.lines if line.rule == rule][-1]


def proposal(whole: Facts | None = None, **changes: Any) -> Proposal:
    whole = whole or facts()
    assert whole.place is not None
    assert whole.edit is not None
    made = Proposal(
        id=whole.proposal,
        stream=f"proposals/{whole.proposal}",
        fingerprint="fp-66aa12",
        generation=1,
        finding=whole.finding,
        place=whole.place,
        edit=whole.edit,
        branch="trimtab/dev-east/batch/count",
        base_ref="main",
        base=BASE,
        valid_at=whole.finding.evidence.end,
        team="batch",
        run="run-20261118t060000z",
        owners=whole.owners,
        members=tuple(_member(member) for member in whole.members),
    )
    return replace(made, **changes)


def _member(whole: Facts) -> Member:
    assert whole.place is not None
    name = whole.finding.subject.pool
    return Member(finding=whole.finding, fingerprint=f"fp-{name}", place=whole.place, team="batch", owners=whole.owners)
