"""The rules of a tenant, as `.trimtab/` says them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from trimtab.records.names import CommitSha, FieldUnit, Grouping, PoolField, SubjectKind
from trimtab.records.owners import (
    AccessRules,
    AllocationRules,
    ApproverScope,
    Budget,
    CloudBudget,
    CostCenter,
    OtherCost,
    OwnerRule,
    Team,
    TicketRules,
    WatchRules,
)
from trimtab.records.people import Person
from trimtab.records.verdicts import Stage, Tier


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """Where one kind of file says what a pool, a quota or a container is, as key paths; Palette has no official YAML shape."""

    name: str
    files: tuple[str, ...]
    """Globs (`clusters/**/*.yaml`); `{cluster}` and `{namespace}` stand for what that part of the path names."""
    cluster: str = ""
    """Key path of the cluster's name, "name"; "*" = what these files declare belongs to no one cluster (a workspace); "" where the path
    or `cluster_name` says it, else where the root is a list of clusters that each have `name`."""
    cluster_name: str = ""
    """The one cluster that all these files are for, where neither they nor their paths say it."""
    pools: str = ""
    """Key path of the list of pools, "node_groups" or "spec.forProvider.machinePool"; "" = the document itself is the one thing, or
    the list of them."""
    pool_name: str = ""
    """Key path of its name inside each."""
    pool: str = ""
    """The name of the one thing that these files are about, where they do not say it: "inference/Deployment/llm/server"."""
    kind: SubjectKind = "pool"
    """What it is that is found there."""
    object: str = ""
    """The kind of Kubernetes object to look for, "ResourceQuota"; "workload" = every container of Deployments, Jobs and their like."""
    fields: Mapping[PoolField, str]
    """Field → key inside a pool. A field that is not here is one the repo's Terraform does not consume: never edited."""
    units: Mapping[PoolField, FieldUnit] = field(default_factory=dict)
    """Field → how the file writes it, where that is not what is usual for the field."""
    delivery: Literal["apply-on-push", "atlantis", "hcp-terraform", "argo"] = "apply-on-push"
    plan_author: str = ""
    """Login whose comments and checks say what a merge would do; anybody else's are only words. "" = nobody's."""

    @property
    def expects_plan(self) -> bool:
        """True where a pull request is planned before it merges."""
        return self.delivery in ("atlantis", "hcp-terraform") or bool(self.plan_author)


@dataclass(frozen=True, kw_only=True, slots=True)
class StageRule:
    """A stage for a scope; every given condition must hold, the most careful matching rule wins."""

    stage: Stage
    project: str | None = None
    cluster: str | None = None
    team: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class GateRule:
    """Which gate decides for files that match the glob."""

    path: str
    gate: Literal["forge", "slack", "both"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Freeze:
    """A time without merges; it names itself when it blocks."""

    name: str
    start: datetime
    end: datetime
    time_zone: str = "UTC"
    """Where its days begin and end, and in which its times are told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeWindow:
    """Local hours in which Trimtab may merge by itself."""

    weekdays: tuple[int, ...]
    """0 = Monday."""
    from_hour: int
    to_hour: int
    """Exclusive."""
    time_zone: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Rate limits and breakers."""

    pull_requests_per_hour: int = 4
    commits_per_hour: int = 12
    """Pushes to a repo, new ones and those that follow a moved base: each runs every check of the repo."""
    open_at_once: int = 10
    auto_merges_per_day: int = 3
    share_of_pools_per_run: float = 0.34
    share_of_pools_per_day: float = 0.5
    cool_down_days: int = 7
    rollbacks_per_day: int = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidenceFloor:
    """How much must have been measured."""

    days_nonproduction: int = 14
    days_production: int = 30
    coverage: float = 0.95


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """One predicate of a policy rule: a fact's name, an operator, a value."""

    fact: str
    operator: Literal["is", "is-not", "in", "not-in", "at-most", "at-least", "matches"]
    value: str | int | float | bool | tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicyRule:
    """If every condition holds, at least this tier is asked for (rules only ever raise it)."""

    name: str
    when: tuple[Condition, ...]
    tier: Tier | None
    """None = it only holds."""
    holds: bool = False
    """While every condition holds, nothing merges: neither by itself nor approved."""
    time_zone: str = "UTC"
    """Where its `time.…` facts are read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Governance:
    """`.trimtab/` whole, at one commit."""

    commit: CommitSha
    version: str
    """sha256 over the files' bytes: the policy version."""
    default_stage: Stage
    stages: tuple[StageRule, ...]
    gates: tuple[GateRule, ...]
    layouts: tuple[Layout, ...]
    teams: tuple[Team, ...]
    people: tuple[Person, ...]
    owner_rules: tuple[OwnerRule, ...]
    approvers: tuple[ApproverScope, ...]
    rules: tuple[PolicyRule, ...]
    freezes: tuple[Freeze, ...]
    windows: tuple[ChangeWindow, ...]
    """None given = Trimtab never merges by itself."""
    limits: Limits
    evidence: EvidenceFloor
    currency: str = "USD"
    other_costs: tuple[OtherCost, ...] = ()
    allocation: AllocationRules = AllocationRules()
    cost_centers: tuple[CostCenter, ...] = ()
    labels: tuple[str, ...] = ("trimtab", "cost")
    """Of every pull request; `{risk}` and `{environment}` stand for their words."""
    has_dashboard: bool = True
    """Whether an issue lists what is pending."""
    grouping: Grouping = "none"
    """Which changes come as one pull request: each alone, or all of one cluster that are made in the same file."""
    budgets: tuple[Budget, ...] = ()
    cloud_budgets: tuple[CloudBudget, ...] = ()
    watch: WatchRules = WatchRules()
    access: AccessRules = AccessRules()
    tickets: TicketRules | None = None
    annotates_clusters: bool = False
    """Whether a cluster's annotations in Palette say what is proposed for it; it makes Terraform see a difference."""
    asks_change_requests: bool = False
    """Whether the tenant's change requests are looked up for each proposal."""
