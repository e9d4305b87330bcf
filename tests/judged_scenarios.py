"""The four kinds of pull request that people see, for the goldens of words."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from tests.judgement import CONFIG, HEAD, NOW, POLICY, chart, cluster, edit, evidence, facts, finding, governance, pool
from trimtab.policy.judge import judge
from trimtab.records import (
    Facts,
    FieldChange,
    Finding,
    Governance,
    PastCase,
    Place,
    PlanOutcome,
    ProposalId,
    Quota,
    Stage,
    Subject,
    Tier,
    Undoing,
    Verdict,
)
from trimtab.units import Millicores, Money

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


# ── one of each kind of change ───────────────────────────────────────────────────────────────────────────────────────
def _of(kind: str, name: str, field: str, old: str, new: str, **more: Any) -> Finding:
    subject = Subject(cluster_uid=pool().cluster_uid, pool=name, field=field, kind=kind)  # type: ignore[arg-type]
    change = FieldChange(field=field, old=old, new=new)  # type: ignore[arg-type]
    return finding(subject=subject, changes=(change,), runner_up="", **more)


def _lines_of(path: str, *lines: str) -> str:
    """A diff as `changes` makes it, of a file that people wrote."""
    return f"--- a/{path}\n+++ b/{path}\n" + "".join(f"{line}\n" for line in lines)


def quota() -> tuple[Facts, Governance]:
    """A namespace's CPU quota: nothing on the bill, room for others."""
    path = "clusters/production/gke-data.yaml"
    whole = _of(
        "namespace", "pipelines", "cpu_cores", "24", "18", rule="quota-down", instance_type="", nodes_old=0, nodes_new=0,
        saving_list=Money(Decimal(0), "USD"), saving_effective=Money(Decimal(0), "USD"), price_source="no price: a quota is no capacity",
        evidence=evidence(
            source="hourly usage in the lake", chart=chart(peak=12.5, old=24, new=18), peak=12.5, typical=6.2, judged_steps=240,
            lines=(
                "In 10 judged days at most 12 CPU cores were asked for, waiting pods included.",
                "It frees 6 CPU cores of room; the bill gets smaller only where a pool does, and that is the pool's saving.",
            ),
        ),
        unknowns=("What an autoscaler would still add was not counted: it may ask for more than was ever asked for.",),
    )  # fmt: skip
    diff = _lines_of(
        path, "@@ -27,4 +27,4 @@", " namespaces:", "   - name: pipelines",
        '-    resource_allocation: { cpu_cores: "24", memory_MiB: "98304" }',
        '+    resource_allocation: { cpu_cores: "18", memory_MiB: "98304" }',
    )  # fmt: skip
    changed = edit(("namespaces[0].resource_allocation.cpu_cores", "24", "18"), path=path)
    return facts(
        finding=whole,
        place=Place(repo="gitops", path=path, cluster="data-production", pool="pipelines"),
        edit=replace(changed, diff=diff),
        cluster=cluster(name="data-production", project="data", tags={"env": "production"}, namespaces=("pipelines",)),
        declared=None,
        quota=Quota(cluster_uid=pool().cluster_uid, kind="namespace", name="pipelines", namespaces=("pipelines",), cpu=Millicores(24000)),
        declared_texts=(("cpu_cores", "24"),),
        nonproduction_since=None,
        owners=(("data", 1.0),),
        **BEFORE_OPENING,
    ), RULES


def workload() -> tuple[Facts, Governance]:
    """A container that asks for too much: an owner's own file, and a person who must look at it."""
    path = "apps/shop/cart.yaml"
    whole = _of(
        "workload", "shop/Deployment/cart/server", "cpu_request", "2", "500m", rule="cpu-request-down", nodes_old=7, nodes_new=6,
        evidence=evidence(
            source="hourly usage in the lake", unit="CPU cores of the fullest pod", chart=chart(peak=0.31, old=2.0, new=0.5), peak=0.31,
            typical=0.2, judged_steps=240,
            lines=("It lets pool web go from 7 to 6 nodes, beside what fewer nodes for the requests of today would already save.",),
        ),
        disruption=("Its pods are started anew: 12 of them.",),
        unknowns=("What the bill really charged for this pool is not known, so the saving is at list price only.",),
        saving_effective=None,
        needs_person="Its owner sets the request where the container is declared.",
    )  # fmt: skip
    return facts(
        finding=whole,
        place=Place(repo="gitops", path=path, cluster="dev-east", pool="shop/Deployment/cart/server"),
        edit=edit(("spec.template.spec.containers[0].resources.requests.cpu", '"2"', '"500m"'), path=path),
        **BEFORE_OPENING,
    ), RULES


def spot() -> tuple[Facts, Governance]:
    """The same nodes, bought otherwise: every node is replaced."""
    whole = _of(
        "pool", "batch", "capacity_type", "on-demand", "spot", rule="spot", nodes_new=6, is_repave=True, saving_effective=None,
        saving_list=Money(Decimal("911.04"), "USD"),
        evidence=evidence(
            lines=(
                ("A spot node-hour costs 0.115 USD instead of 0.384 USD, with the work that is done twice. "
                "Every workload here can be started again elsewhere."),
            ),
            chart=chart(new=48.0),
        ),
        unknowns=("How often spot nodes of this type are taken back here was read from a public list, not measured.",),
    )  # fmt: skip
    return facts(finding=whole, edit=edit(("node_groups[1].capacity_type", "on-demand", "spot")), **BEFORE_OPENING), RULES


def sharing() -> tuple[Facts, Governance]:
    """Several pods on one GPU: a pack's values, set by a person."""
    whole = _of(
        "pool", "gpu-infer", "gpu_sharing", "whole", "mig-1g.10gb", rule="gpu-sharing", instance_type="p4d.24xlarge",
        nodes_old=3, nodes_new=1, saving_list=Money(Decimal("47848.25"), "USD"), saving_effective=None,
        evidence=evidence(
            unit="GPUs", chart=chart(peak=17, old=24, new=56), peak=17.0, typical=11.0,
            lines=(
                ("Pods of ranker use never more than 9% of a card (99th percentile) and 6.2 GiB each. "
                "With 7 slices of each A100, 1 node would do where whole cards need 3."),
                "A slice has its own memory and its own cores; a pod cannot borrow from its neighbor.",
            ),
        ),
        unknowns=("How long an answer may take, and whether pods may share hardware with others at all, was not read.",),
        needs_person=(
            "Sharing is set for the whole pool, in the values of the profile's GPU operator or device plugin pack: MIG strategy single, "
            "configuration all-1g.10gb. Each node is drained once. A person sets it, watches, and then lowers the count."
        ),
    )  # fmt: skip
    infer = pool(name="gpu-infer", instance_type="p4d.24xlarge", count=3)
    return facts(
        finding=whole, edit=edit(("packs[2].values.mig.strategy", "none", "single"), path="profiles/gpu.yaml"), declared=infer,
        place=Place(repo="gitops", path="profiles/gpu.yaml", cluster="dev-east", pool="gpu-infer"),
        cluster=cluster(infer, pool()), instance_gpus=8, **BEFORE_OPENING,
    ), RULES  # fmt: skip


def rollback() -> tuple[Facts, Governance]:
    """What a change took is given back, because the pool did worse after it."""
    whole = _of(
        "pool", "batch", "count", "5", "6", rule="rollback", nodes_old=5, nodes_new=6, saving_list=Money(Decimal("-280.32"), "USD"),
        saving_effective=Money(Decimal("-241.10"), "USD"),
        evidence=evidence(
            chart=chart(peak=41.5, old=40, new=48), peak=41.5, violations_old=37,
            lines=("After the merge of 2026-11-10 14 pods waited longer than 2 minutes for a node; in 35 days before it none did.",),
        ),
    )  # fmt: skip
    return facts(
        finding=whole, edit=edit(("node_groups[1].count", "5", "6")), declared=pool(count=5),
        cluster=cluster(pool(count=5), pool(name="system", count=3)),
        undoes=Undoing(
            proposal=ProposalId("prop-9f1c20de77a1"), generation=1, merged_at=NOW.replace(day=16), tier=Tier.AUTO, approvals=(),
            rollback=(("count", "6"),), was_undone=False, reason="14 pods waited longer than 2 minutes for a node.",
        ), **BEFORE_OPENING,
    ), RULES  # fmt: skip


def terraform() -> tuple[Facts, Governance]:
    """A count behind a variable: the value stands in another file, and not all of it could be followed."""
    path = "terraform/terraform.tfvars"
    changed = replace(
        edit(("workers.count", '"6"', '"5"'), path=path),
        diff=_lines_of(
            path, "@@ -3,4 +3,4 @@", " workers = {", '-  count         = "6"', '+  count         = "5"',
            '   instance_type = "m6i.2xlarge"', " }",
        ),
        reads=(("terraform/eks.tf", "b10d" * 10), ("terraform/variables.tf", "b10e" * 10)),
        unsure=("Whether the pipeline passes another tfvars file that overrides terraform/terraform.tfvars could not be read.",),
    )  # fmt: skip
    return facts(
        edit=changed, place=Place(repo="gitops", path="terraform/eks.tf", cluster="dev-east", pool="batch"), plan=_plan(),
        is_plan_expected=True, is_plan_author_known=True, **BEFORE_OPENING,
    ), RULES  # fmt: skip


def _plan(**more: Any) -> PlanOutcome:
    whole = PlanOutcome(head=HEAD, by="github-actions[bot]", at=NOW, adds=0, changes=1, destroys=0)
    return replace(whole, **more)


def lost_cluster() -> tuple[Facts, Governance]:
    """One line in the file, and a plan that says it makes a cluster anew: nobody merges that unseen."""
    address = 'spectrocloud_cluster_eks.this["dev-east"]'
    plan = _plan(adds=1, destroys=1, changes=0, replaced=(address,), clusters_lost=(address,))
    return facts(plan=plan, is_plan_expected=True, is_plan_author_known=True), governance()


def unplanned() -> tuple[Facts, Governance]:
    """All is well, and the repo's own plan has not spoken yet."""
    return facts(is_plan_expected=True, is_plan_author_known=True), governance()


def group() -> tuple[Facts, Governance]:
    """Three pools of one file at once: one of them runs GPUs, so a person looks at all of them."""
    training = _gpu_finding()
    pools = (pool(), pool(name="gpu-train", instance_type="g5.12xlarge", count=4), pool(name="web"), pool(name="system", count=3))
    changes = tuple((f"node_groups[{number}].count", old, new) for number, old, new in ((1, "6", "5"), (2, "4", "3"), (3, "6", "5")))
    members = tuple(
        facts(
            finding=found,
            place=Place(repo="gitops", path="clusters/dev/dev-east.yaml", cluster="dev-east", pool=live.name),
            edit=edit(change),
            cluster=cluster(*pools),
            declared=live,
            instance_gpus=gpus,
            **BEFORE_OPENING,
        )
        for live, found, change, gpus in (
            (pools[0], finding(), changes[0], 0),
            (pools[1], replace(training, unknowns=()), changes[1], 4),
            (pools[2], finding(subject=Subject(cluster_uid=pool().cluster_uid, pool="web", field="count"), runner_up=""), changes[2], 0),
        )
    )
    return replace(members[1], edit=edit(*changes), members=members), RULES


KINDS = {
    "group": group,
    "quota": quota,
    "workload": workload,
    "spot": spot,
    "gpu-sharing": sharing,
    "rollback": rollback,
    "terraform-variable": terraform,
    "plan-loses-cluster": lost_cluster,
    "plan-awaited": unplanned,
}
"""One of each, for the words; what may merge is the judge's own business."""


def scenario(name: str) -> tuple[Facts, Governance, Verdict]:
    """Facts, rules and verdict of one of them."""
    whole, rules = (SCENARIOS | KINDS)[name]()
    return whole, rules, judge(whole, rules, NOW)
