"""The four kinds of pull request that people see, for the goldens of words."""

from dataclasses import replace
from decimal import Decimal

from tests.judgement import CONFIG, NOW, POLICY, chart, cluster, edit, evidence, facts, finding, governance, pool
from trimtab.policy.judge import judge
from trimtab.records import Facts, FieldChange, Finding, Governance, PastCase, Place, Stage, Subject, Verdict
from trimtab.units import Money

BEFORE_OPENING = {"pull_request": None, "commits": (), "is_merge_exactly_the_plan": None}
RULES = governance(
    policy=POLICY.replace(b"rules: []", b"rules:\n  - {name: gpu-pools, when: [{fact: instance.gpus, at-least: 1}], tier: one-approval}")
)


def _gpu_finding() -> Finding:
    return finding(
        rule="node-count-down",
        subject=Subject(cluster_uid=pool().cluster_uid, pool="gpu-train", field="count"),
        changes=(FieldChange(field="count", old="4", new="3"),),
        instance_type="g5.12xlarge",
        nodes_old=4,
        nodes_new=3,
        saving_list=Money(Decimal("4140.56"), "USD"),
        saving_effective=Money(Decimal("2070.28"), "USD"),
        saving_freed=Money(Decimal("2070.28"), "USD"),
        evidence=evidence(
            source="Prometheus of ml-dev, 5-minute samples",
            unit="GPUs",
            chart=chart(peak=11.0, old=16, new=12),
            peak=11.0,
            typical=6.0,
            lines=(
                "In 10 judged days 3 g5.12xlarge nodes would have carried every 5-minute step; the busiest needed 2.8 of 3.",
                "Waiting pods are counted: 0.4% of the demand had no place.",
            ),
        ),
        disruption=("trainer is a StatefulSet: its pods move one by one.",),
        unknowns=("PodDisruptionBudgets and local volumes were not read.",),
        runner_up="",
        similar=(
            PastCase(
                proposal="prop-9f1c20de77a1", what="ml-dev/gpu-infer: count 5 to 4 on 2026-08-12: the pool did worse after it.",
                distance=0.08, went_well=False,
            ),
            PastCase(
                proposal="prop-0c4477ab12ee",
                what="ml-lab/train: count 6 to 5 on 2026-07-02: the pool stayed well, and it saved 3,900 USD of 4,140 USD a month.",
                distance=0.14, went_well=True,
            ),
        ),
    )  # fmt: skip


def gpu() -> tuple[Facts, Governance]:
    """GPUs in proven non-production: a policy rule and the risk both ask for one person."""
    training = pool(name="gpu-train", instance_type="g5.12xlarge", count=4)
    return facts(
        finding=_gpu_finding(),
        place=Place(repo="gitops", path="clusters/dev/ml-dev.yaml", cluster="ml-dev", pool="gpu-train"),
        edit=edit(("node_groups[2].count", "4", "3"), path="clusters/dev/ml-dev.yaml"),
        declared=training,
        cluster=cluster(training, pool(name="system", count=3), name="ml-dev", project="ml-sandbox"),
        owners=(("ml", 1.0),),
        demand_now=(7.0, 12.0),
        instance_gpus=4,
        **BEFORE_OPENING,
    ), RULES


def production() -> tuple[Facts, Governance]:
    """Another instance type in production, and a freeze: two people, then the end of the freeze."""
    base, rules = gpu()
    shop = pool(name="shop-web", instance_type="m6i.4xlarge", count=9)
    whole = finding(
        rule="instance-type-down",
        subject=Subject(cluster_uid=shop.cluster_uid, pool="shop-web", field="instance_type"),
        changes=(FieldChange(field="instance_type", old="m6i.4xlarge", new="m6i.2xlarge"),),
        instance_type="m6i.2xlarge",
        nodes_old=9,
        nodes_new=9,
        saving_list=Money(Decimal("2522.88"), "USD"),
        saving_effective=None,
        evidence=evidence(
            source="Prometheus of shop-prod, 5-minute samples",
            unit="GiB",
            chart=chart(peak=214, old=576, new=288),
            peak=214.0,
            typical=160.2,
            lines=("Memory decides the size: CPU never needed more than 31 of 144 cores.",),
        ),
        is_repave=True,
        disruption=("cart is a StatefulSet: its pods move one by one.", "search runs a single replica: it is away while it moves."),
        unknowns=("What the bill really charged for this pool is not known, so the saving is at list price only.",),
        runner_up="",
    )
    rules = governance(CONFIG, POLICY + b"freezes: [{name: year-end-sale, start: 2026-11-16, end: 2026-11-30}]\n")
    return replace(
        base,
        finding=whole,
        place=Place(repo="gitops", path="clusters/prod/shop.yaml", cluster="shop-prod", pool="shop-web"),
        edit=edit(("node_groups[0].instance_type", "m6i.4xlarge", "m6i.2xlarge"), path="clusters/prod/shop.yaml"),
        declared=shop,
        cluster=cluster(shop, pool(name="system", count=3), name="shop-prod", project="shop", tags={"env": "prod"}),
        nonproduction_since=None,
        owners=(("shop", 0.81), ("search", 0.19)),
        demand_now=(180.0, 288.0),
        instance_gpus=0,
    ), rules


def observed() -> tuple[Facts, Governance]:
    """Nobody has allowed anything yet: the same words as a report."""
    return facts(highest_stage=Stage.OBSERVE, **BEFORE_OPENING), governance()


def automatic() -> tuple[Facts, Governance]:
    """Low risk in proven non-production, inside the window."""
    return facts(**BEFORE_OPENING), governance()


SCENARIOS = {"auto-merge": automatic, "one-approval-gpu": gpu, "two-approvals": production, "report-only": observed}


def scenario(name: str) -> tuple[Facts, Governance, Verdict]:
    """Facts, rules and verdict of one of them."""
    whole, rules = SCENARIOS[name]()
    return whole, rules, judge(whole, rules, NOW)
