"""The facts that travel between the parts: frozen, whole, and free of I/O.

Everything foreign is turned into one of these at the door (`sources/`, `adapters/*/protocol.py`); inside, nobody sees a foreign dict.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal, NewType

from trimtab.units import Bytes, Millicores, Money

ClusterUid = NewType("ClusterUid", str)
ProjectUid = NewType("ProjectUid", str)
ProposalId = NewType("ProposalId", str)
PersonId = NewType("PersonId", str)
CommitSha = NewType("CommitSha", str)
BillForm = Literal["focus", "cur", "azure", "gcp", "oci"]
"""The forms of bill that are read."""
ExportPart = Literal["all", "commitment-purchases"]
"""What of its files an export brings: Azure's ActualCost beside an AmortizedCost export of the same scope brings only the purchases."""
Json = dict[str, object]
"""A JSON object we wrote ourselves; foreign JSON never has this type."""

Cloud = Literal["aws", "gcp", "azure"]
Measure = Literal["BilledCost", "EffectiveCost"]
PoolField = Literal[
    "count", "min", "max", "instance_type", "capacity_type",
    "cpu_cores", "memory_mib", "gpu_limit",
    "cpu_request", "cpu_limit", "memory_request", "memory_limit", "gpu_request",
    "gpu_sharing", "storage_class",
]  # fmt: skip
"""What one change is about: of a pool, of a quota, of a workload's container, of a pool's GPUs, of a volume."""
Driver = Literal["cpu-seconds", "memory-seconds", "gpu-seconds", "network-bytes", "volume-bytes"]
"""What of their usage shared cost can be divided by."""
FieldUnit = Literal["cores", "millicores", "bytes", "mib", "gib", "pieces", "quantity"]
"""How a file writes an amount: as a plain number of these, or as a Kubernetes quantity ("8Gi", "500m")."""
Grouping = Literal["none", "file"]
SubjectKind = Literal["pool", "namespace", "workspace", "virtual-cluster", "workload", "volume"]


# ── What runs ────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, kw_only=True, slots=True)
class InstanceType:
    """One row of a price catalog; `price` is the on-demand price of one hour, None where the catalog has none."""

    name: str
    cloud: Cloud
    region: str
    cpu: Millicores
    memory: Bytes
    arch: str
    allocatable_cpu: Millicores
    allocatable_memory: Bytes
    max_pods: int
    price: Money | None
    spot_price: Money | None = None
    price_source: str = ""
    """Which list the prices are from and of when, for people; "" = the catalog says it for all."""
    gpu_model: str | None = None
    gpus: int = 0
    gpu_memory: Bytes = Bytes(0)
    """Memory of one GPU; 0 = the catalog does not say."""
    spot_interruption: int | None = None
    """AWS Spot Advisor bucket: 0 is under 5 % a month, 4 over 20 %; None = unknown, never safe."""
    not_in: tuple[str, ...] = ()
    """Zones of the region that do not have it; () = none are known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """A machine pool as its live cluster reports it, or as its file declares it."""

    cluster_uid: ClusterUid
    name: str
    instance_type: str
    count: int
    minimum: int | None = None
    """Autoscaler bounds; None on both = a static pool."""
    maximum: int | None = None
    capacity_type: Literal["on-demand", "spot"] = "on-demand"
    control_plane: bool = False
    """Also where it serves as both: a control plane that takes workloads is still one."""
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[str, ...] = ()
    machines: int | None = None
    """Live: how many machines there are now that are not going away, where that is another number than `count`; None = as many."""
    zones: tuple[str, ...] = ()
    """Availability zones it may be in; () = not said."""
    arch: str = ""
    """amd64 or arm64 as Palette says; "" = it does not."""
    surge: str = ""
    """How nodes are replaced: RollingUpdateScaleOut needs one more node for it, RollingUpdateScaleIn takes one away; "" = not said."""
    max_price: str = ""
    """Highest spot price it bids, as Palette has it; "" = none given, or not spot."""

    @property
    def is_autoscaled(self) -> bool:
        """True where the autoscaler may move the count: both bounds given, and apart."""
        return self.minimum is not None and self.maximum is not None and self.minimum != self.maximum


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """A live Palette cluster with its pools."""

    uid: ClusterUid
    name: str
    project_uid: ProjectUid
    project: str
    cloud: Cloud
    region: str
    state: str
    """Palette's own word: Running, Provisioning, Deleting …"""
    health: str
    is_repave_pending: bool
    tags: Mapping[str, str]
    pools: tuple[Pool, ...]
    namespaces: tuple[str, ...] = ()
    has_karpenter: bool = False
    """Its profiles install Karpenter: nodes come and go outside the pools, so that counting pools undercounts."""
    left_out: tuple["Refusal", ...] = ()
    """Pools that Palette has and `pools` has not, each with why ("*" = all of them): nothing is ever proposed for them."""

    def pool(self, name: str) -> Pool | None:
        """The pool of that name, or None."""
        return next((pool for pool in self.pools if pool.name == name), None)

    def pool_of(self, subject: "Subject") -> Pool | None:
        """The pool that a change is about; None where it is gone, or where the change is about something else."""
        return self.pool(subject.pool) if subject.kind == "pool" else None


# ── What was found ───────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What one proposal is about: it fixes the branch, the stream and the one pull request."""

    cluster_uid: ClusterUid
    pool: str
    """Name of the pool, or of what `kind` says: a namespace, a workspace, "namespace/Deployment/name/container"."""
    field: PoolField
    kind: SubjectKind = "pool"

    def __str__(self) -> str:
        return f"{self.cluster_uid}/{self.thing}/{self.field}"

    @property
    def thing(self) -> str:
        """The pool's name; of anything else with its kind in front: a namespace may have the name of a pool."""
        return self.pool if self.kind == "pool" else f"{self.kind}:{self.pool}"


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldChange:
    """One scalar, from its old value to its new one; texts as the file would hold them ("3", "g2-standard-8")."""

    field: PoolField
    old: str
    new: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ChartPoint:
    """One step of the evidence chart, in the unit the evidence names: demand at its highest in that step, and both capacities."""

    at: datetime
    demand: float | None
    """None = not measured; a gap is drawn as a gap."""
    capacity_old: float
    capacity_new: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What was measured, for how long, how completely, and what the past would have looked like."""

    start: datetime
    end: datetime
    coverage: float
    """Share of the expected samples that exist, 0 to 1."""
    source: str
    unit: str
    """What the chart counts: "GPUs", "CPU cores", "GiB"."""
    chart: tuple[ChartPoint, ...]
    peak: float
    typical: float
    """Median demand."""
    fitted_days: int
    judged_days: int
    """Days kept out of the fit and used to judge it; the two never overlap."""
    violations_old: int
    violations_new: int
    """Steps of the judged part in which demand did not fit."""
    judged_steps: int
    lines: tuple[str, ...] = ()
    """Sentences a reviewer should read, each with its number."""

    @property
    def days(self) -> int:
        """Whole days between start and end."""
        return (self.end - self.start).days


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A change that is worth making, with its proof."""

    rule: str
    subject: Subject
    changes: tuple[FieldChange, ...]
    """The subject's own change first; others only where the file must keep a law (count = min when autoscaled)."""
    instance_type: str
    nodes_old: int
    nodes_new: int
    saving_list: Money
    """Per month of 730 h, at list price."""
    saving_effective: Money | None
    """The same at what the bill really charged; None = no bill rows for this pool, and `unknowns` says so."""
    price_source: str
    evidence: Evidence
    is_repave: bool
    """True where nodes are replaced rather than added or removed."""
    disruption: tuple[str, ...] = ()
    """What could hurt while it is applied: PDBs, single replicas, local volumes."""
    runner_up: str = ""
    unknowns: tuple[str, ...] = ()
    saving_freed: Money | None = None
    """The part of `saving_list` that a commitment covers: capacity is freed, and no bill gets smaller. None = not known."""
    scores: "Scores | None" = None
    similar: tuple["PastCase", ...] = ()
    """The nearest recorded outcomes, nearest first; () = none was found, and the text says so."""
    workload_kinds: tuple[str, ...] = ()
    """Deployment, Job …: what ran there, by which past cases are compared; () = not known."""
    needs_person: str = ""
    """Why no scalar in Git says it (a new pool, a larger step): one sentence on what a person would do; "" = an edit does it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scores:
    """How a finding compares with others, each from 0 to 1."""

    cost: float
    """Effective saving as a share of what the subject costs."""
    risk: float
    """0 = nothing speaks against it."""
    velocity: float
    """1 = done by one small edit; less for repaves, stages, people."""
    confidence: float
    """How far the evidence carries: days, coverage, what was not read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PastCase:
    """A recorded outcome of a change like this one."""

    proposal: str
    what: str
    """One sentence: what was changed, where, and how it went."""
    distance: float
    """0 = the same in every feature, 1 = in none."""
    went_well: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Quota:
    """Limits on what a namespace, a workspace or a virtual cluster may ask for; None = not limited."""

    cluster_uid: ClusterUid
    kind: Literal["namespace", "workspace", "virtual-cluster"]
    name: str
    namespaces: tuple[str, ...]
    """Whose pods count against it; one written between slashes is a regular expression, found anywhere in a name."""
    clusters: tuple[ClusterUid, ...] = ()
    """Every cluster whose pods count against it, this one among them; () = this one alone."""
    cpu: Millicores | None = None
    memory: Bytes | None = None
    gpus: int | None = None
    problem: str = ""
    """Why it cannot be judged by this cluster alone, in one sentence; "" = it can. With one, `namespaces` may be empty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What Palette says a cluster's pools cost per hour at list price, for comparison with our own figure; it is no bill."""

    compute: Money
    storage: Money
    pools: tuple[tuple[str, Money], ...]
    """(pool, compute and storage), in Palette's order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditEntry:
    """One line of Palette's audit trail: a reason to look again, never a fact to act on."""

    uid: str
    at: datetime
    action: str
    """create, update, delete, publish, deploy, activity or action."""
    kind: str
    """Of the resource, in Palette's word: spectrocluster, cloudconfig, workspace …"""
    resource_uid: str
    resource: str
    project_uid: ProjectUid
    message: str
    """Outside text, for the log only."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredUse:
    """What Palette measured of one pod or namespace in one hour; None = not measured. It never knows GPUs, nodes or requests."""

    hour: datetime
    namespace: str
    pod: str
    """"" = the namespace as a whole."""
    cpu: Millicores | None
    memory: Bytes | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """An expected "no": what was looked at, which rule said no, and what would change that."""

    cluster_uid: ClusterUid
    pool: str
    rule: str
    """Machine-readable reason, for example "metrics-missing"."""
    reason: str
    """One sentence for people."""
    eligible_from: date | None = None
    needs: str = ""
    """What would make it possible, in one sentence; "" = nothing, or the reason says it."""
    kind: SubjectKind = "pool"


# ── Where it is written down ─────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a pool is declared in Git: file, cluster and pool as the file names them."""

    repo: str
    path: str
    cluster: str
    pool: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedEdit:
    """A byte-splice plan for one file: the blob it was made for, the blob it makes, and each change in words."""

    path: str
    base_blob: str
    """Git blob id of the bytes the plan was made from."""
    new_blob: str
    content: bytes
    changes: tuple[tuple[str, str, str], ...]
    """(key path, old text, new text), for example ("node_groups[1].count", "6", "4")."""
    diff: str
    """Unified diff, for people."""
    reads: tuple[tuple[str, str], ...] = ()
    """(path, git blob id) of every other file that decides what these bytes mean: a block that says `count = var.workers`."""
    unsure: tuple[str, ...] = ()
    """What could not be checked about it, a sentence each; whoever merges is told, and nothing of it merges by itself."""

    __pydantic_config__ = {"ser_json_bytes": "base64", "val_json_bytes": "base64"}  # noqa: RUF012 -- how `content` travels in JSON

    @property
    def semantic_digest(self) -> str:
        """Identity of what changes, apart from where in the file it stands; approvals bind to it."""
        return hashlib.sha256(repr((self.path, self.changes)).encode()).hexdigest()


# ── Judgement ────────────────────────────────────────────────────────────────────────────────────────────────────────
class Stage(StrEnum):
    """How far Trimtab may go for a scope."""

    OBSERVE = "observe"
    APPROVE = "approve"
    GUARDED = "guarded"

    @property
    def rank(self) -> int:
        """0 is the most careful."""
        return (Stage.OBSERVE, Stage.APPROVE, Stage.GUARDED).index(self)


class Tier(StrEnum):
    """What a change needs before it may merge."""

    AUTO = "auto-merge"
    ONE = "one-approval"
    TWO = "two-approvals"
    REPORT = "report-only"


@dataclass(frozen=True, kw_only=True, slots=True)
class VerdictLine:
    """One rule, what it saw, what it wanted, where both come from, and whether it held."""

    rule: str
    saw: str
    wanted: str
    source: str
    held: bool
    effect: Literal["blocks", "waits", "needs-person", "informs"] = "informs"
    """What happens where it does not hold: blocks = neither opens nor merges; waits = may open, merges once it holds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Risk:
    """Dimensions from 0 (none) to 4 (stop); the level is their maximum, never an average. None = unknown, and counts as 3."""

    headroom: int | None
    availability: int | None
    reversibility: int | None
    blast_radius: int | None
    data_quality: int | None
    step_size: int | None
    mapping: int | None

    def dimensions(self) -> dict[str, int | None]:
        """Name → level, in the order people read them."""
        return {
            "headroom": self.headroom,
            "availability": self.availability,
            "reversibility": self.reversibility,
            "blast radius": self.blast_radius,
            "data quality": self.data_quality,
            "step size": self.step_size,
            "mapping": self.mapping,
        }

    @property
    def level(self) -> int:
        """The worst dimension; an unknown one is never low."""
        return max(3 if value is None else value for value in self.dimensions().values())

    @property
    def word(self) -> str:
        """low, medium, high or severe."""
        return ("low", "low", "medium", "high", "severe")[self.level]


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """May this open, may it merge, and why: the one value that pull request, card, page and log are views of."""

    tier: Tier
    may_open: bool
    may_merge: bool
    """True only where everything its tier asks for is there now."""
    risk: Risk
    lines: tuple[VerdictLine, ...]
    policy_version: str
    judged_at: datetime
    approvers: tuple[PersonId, ...] = ()
    """Who may approve this; the gate resolves them when they decide."""
    risks: tuple[tuple[str, Risk], ...] = ()
    """(what it is about, its own risk) of each change, where several come together; `risk` is the worst of each dimension."""

    @property
    def reasons(self) -> tuple[VerdictLine, ...]:
        """The lines that did not hold."""
        return tuple(line for line in self.lines if not line.held)


# ── Decisions of people ──────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, kw_only=True, slots=True)
class Binding:
    """Everything an approval is bound to; when one of these moves, the approval is void and the moved one is named."""

    repo: str
    pull_request: int
    base_ref: str
    head: CommitSha
    semantic_digest: str
    base_blobs: tuple[tuple[str, str], ...]
    policy_version: str
    tier: Tier
    rollback: tuple[tuple[str, str], ...]
    """(field, old value) pairs that a rollback would restore."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Click:
    """A button pressed in Slack, as its signed request says it."""

    action: Literal["approve", "reject", "snooze", "evidence", "adjust", "acknowledge"]
    proposal: ProposalId
    """What the button is about; of an alert's `acknowledge`, the alert's key."""
    user: str
    """Slack user id."""
    channel: str
    message_ts: str
    reason: str = ""
    """Of a rejection: the chosen option's value."""
    head: str = ""
    """Head commit that the card showed; a click for another commit does not count."""
    value: str = ""
    """Of an adjustment: the value wanted instead."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """One person: one Slack id, one forge login."""

    id: PersonId
    """What the record calls them: a random key where the deployment keeps names apart, else what owners.yaml says."""
    slack: str
    forge: str
    name: str = ""
    """What owners.yaml calls them, where `id` is another word for it."""

    @property
    def called(self) -> str:
        """The name in owners.yaml."""
        return self.name or self.id


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Whether a person's two accounts may decide, read now. None = not known, and whoever is not known decides nothing."""

    person: PersonId
    slack: Literal["active", "guest", "external", "bot", "gone"] | None
    forge: Literal["active", "bot", "gone"] | None
    is_confirmed: bool
    """Both accounts have said that they are one person."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PeopleGroup:
    """Who is in a group of another system right now: "github:acme/platform", "gitlab:acme/platform", "slack:S0123ABC"."""

    name: str
    people: tuple[PersonId, ...]
    """Those of its members whom owners.yaml knows, sorted."""
    problem: str = ""
    """Why nobody can be named: it could not be read, or is not there; "" = it was read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeRequest:
    """A change request in the tenant's own system (ServiceNow), found by the proposal's id."""

    number: str
    state: str
    """Its own word, in lower case: new, assess, authorize, scheduled, implement, review, closed, canceled."""
    approval: str
    """requested, approved, rejected …; "" = it does not say."""
    url: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Undoing:
    """What a rollback undoes, and what was agreed on in advance when that was approved."""

    proposal: ProposalId
    generation: int
    merged_at: datetime
    tier: Tier
    """What the forward change needed."""
    approvals: tuple["Approval", ...]
    """Those it was merged with that still prove themselves, read again now; each is bound to the values that a rollback restores."""
    rollback: tuple[tuple[str, str], ...]
    """(field, value) pairs that it restores, as `Binding.rollback` writes them."""
    was_undone: bool
    """It was rolled back once already."""
    reason: str
    """What regressed, in one sentence."""
    change_request: ChangeRequest | None = None
    """The approved one that the forward change was merged with, as it is now; None = there was none, or it was not read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dated:
    """What a thing belongs to, and from when until when; two of one thing never overlap."""

    name: str
    """Id of the cost center or business unit above it."""
    valid_from: date | None = None
    """None = always."""
    valid_to: date | None = None
    """The first day on which it no longer holds; None = still holds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Team:
    """An owner of cost."""

    name: str
    cost_center: str
    """The last known one; "" = none."""
    channel: str
    """Slack channel id for its cards and alerts."""
    time_zone: str = "UTC"
    aliases: tuple[str, ...] = ()
    """Other values of labels and annotations that mean this team."""
    cost_centers: tuple[Dated, ...] = ()
    """Where it stood when; () = always in `cost_center`."""
    valid_from: date | None = None
    valid_to: date | None = None
    """The first day on which no cost is its any more."""
    holidays: tuple[date, ...] = ()
    """Days in its own calendar on which nobody is expected to decide."""
    email: str = ""
    teams_webhook: str = ""
    """Name of a Microsoft Teams workflow webhook in the deployment's secrets; "" = none."""
    people: tuple[PersonId, ...] = ()
    """Who may see its cost, beside those who may see all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """What a scope may cost a month, judged on allocated cost after each ingest; exactly one scope is given."""

    id: str
    amount: Decimal
    currency: str
    team: str | None = None
    namespace: tuple[str, str] | None = None
    """(cluster, namespace)."""
    project: str | None = None
    """Palette project."""
    owner: str | None = None
    """Team that is told; None = the team it is about, or that owns the namespace, else the default channel."""
    thresholds: tuple[Decimal, ...] = (Decimal("0.5"), Decimal("0.8"), Decimal(1), Decimal("1.25"))
    """Shares of the amount at which somebody is told, of what is spent and of what is forecast."""
    action: Literal["none", "freeze-growth"] = "none"
    """freeze-growth: once it is spent, a pull request that lowers the scope's quota to what it asks for now; through every gate."""
    escalate_to: str = ""
    """Channel that is told when nobody reacts; "" = nobody."""
    escalate_after_hours: int = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class CloudBudget:
    """Whose a cloud's own budget is, by the id in its notices: Google's budgetId, Azure's BudgetId, AWS's "account/name"."""

    id: str
    team: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Slo:
    """A query whose answer says that users are hurt, for the clusters that it names."""

    name: str
    cluster: str | None
    """Name or uid; None = every cluster."""
    query: str
    """PromQL with one value; `$pool` stands for the pool's name, quoted."""
    bad: Literal["above", "below"]
    threshold: float


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchRules:
    """How long and by what a merged change is watched."""

    hours: int = 24
    failures: int = 2
    """Bad looks in a row that make a regression; a single one may be noise."""
    slos: tuple[Slo, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketRules:
    """When a finding becomes a ticket in the tenant's own system, one per fingerprint."""

    system: Literal["jira", "servicenow"]
    project: str
    """Jira project key, or ServiceNow assignment group."""
    saving_at_least: Decimal
    """A month, in the config's currency, effective where known."""
    without_owner: bool = True
    """Findings that no team answers for get one too, whatever they save."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessRules:
    """Who may see whose cost, and what is hidden before cost leaves the deployment."""

    see_all: tuple[PersonId, ...] = ()
    mask: Literal["none", "shares", "rounded"] = "none"
    """What pull requests, cards and messages show instead of amounts: shares of the whole, or two digits of each amount."""
    public_repos: bool = False
    """Amounts may be shown in a repo that anybody can read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CostCenter:
    """Where finance books a team's cost."""

    id: str
    name: str = ""
    parent: str | None = None
    """A cost center above this one, whose business unit is this one's too."""
    business_units: tuple[Dated, ...] = ()
    """Its own; () = its parent's, or none."""
    valid_from: date | None = None
    valid_to: date | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnerRule:
    """One way from a row to its team; the first that matches wins. Every given condition must hold (regular expressions, full match)."""

    id: str
    labels: tuple[str, ...] = ()
    """Take the team from the first of these labels whose value is a known team's name, slug or alias; none = no match."""
    annotations: tuple[str, ...] = ()
    """The same from annotations, asked after the labels."""
    namespace: str | None = None
    cluster: str | None = None
    project: str | None = None
    """The Palette project of the cluster."""
    account: str | None = None
    tag: tuple[str, str] | None = None
    """(tag key, value pattern) on the bill row, for cost outside clusters."""
    team: str | None = None
    """The team it gives; None only together with labels or annotations."""
    valid_from: date | None = None
    """First day of charges that it decides."""
    valid_to: date | None = None
    """First day of charges that it no longer decides."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherCost:
    """A cost that no cloud bills, as the config states it: it stands beside the bill, never in it."""

    id: str
    name: str
    currency: str
    monthly: Decimal
    """A whole month's amount; its decimals are the precision that it is shared at, at least cents."""
    start: date
    end: date | None = None
    """The first day that it costs nothing any more."""
    by: Literal["even", "cost", "gpu-hours", "weights"]
    """What it is shared by: all teams alike, effective cost in its currency, GPU-hours held, or the weights given."""
    weights: tuple[tuple[str, int], ...] = ()
    """(team, weight), for `weights`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShareWeight:
    """What one consumer counts in a split; of the days when it counts."""

    value: int
    """Millionths; only the ratio to the others matters."""
    team: str | None = None
    cluster: str | None = None
    """None = the cluster of the cost that is shared."""
    namespace: str | None = None
    """Either a team or a namespace."""
    valid_from: date | None = None
    valid_to: date | None = None
    """The first day on which it no longer counts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedRule:
    """Which cost is shared, over whom, by what; the first rule that matches a cost shares it.

    Every given condition must hold (regular expressions, full match).
    """

    id: str
    cluster: str | None = None
    service: str | None = None
    resource_type: str | None = None
    category: str | None = None
    """FOCUS ChargeCategory."""
    tag: tuple[str, str] | None = None
    """(tag key, value pattern) on the bill row."""
    namespace: str | None = None
    """Shares what these namespaces were allocated on their nodes; without it the rule shares bill rows that are no node's."""
    over: Literal["namespaces", "teams"] = "namespaces"
    split: Literal["even", "proportional", "weighted", "driver"] = "proportional"
    """proportional = by allocated effective cost, weighted = by `weights`, driver = by `driver`."""
    driver: Driver | None = None
    weights: tuple[ShareWeight, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PrivateRate:
    """What capacity costs where no cloud sends a bill; the first rate that matches a cluster and day prices its nodes."""

    id: str
    currency: str
    cluster: str | None = None
    project: str | None = None
    cpu: Decimal
    """Per CPU and hour."""
    memory: Decimal
    """Per GiB and hour."""
    gpu: Decimal = Decimal(0)
    """Per GPU and hour."""
    storage: Decimal = Decimal(0)
    """Per GiB of a volume and hour."""
    valid_from: date | None = None
    valid_to: date | None = None
    """The first day that it no longer prices."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AllocationRules:
    """How cost is divided; the defaults hold where `.trimtab/allocation.yaml` is absent."""

    idle: Literal["show", "share"] = "show"
    idle_by: Literal["node", "cluster"] = "node"
    cpu_weight: int = 31_611
    memory_weight: int = 4_237
    gpu_weight: int = 950_000
    """Base prices of a CPU, a GiB and a GPU, in millionths; only their ratio matters. These are OpenCost's (configs/default.json)."""
    shared: tuple[SharedRule, ...] = ()
    rates: tuple[PrivateRate, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherShare:
    """One team's share of such a cost for a period; team None = nobody could be named, and `reason` says why."""

    cost: str
    """Id of the cost in the config."""
    name: str
    team: str | None
    currency: str
    amount: Decimal
    reason: str
    """How it was shared, or why it was not, for people."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ApproverScope:
    """Who may approve for which pools; the narrowest matching scope counts."""

    cluster_uid: ClusterUid | None
    pool: str | None
    people: tuple[PersonId, ...]
    groups: tuple[str, ...] = ()
    """Groups of other systems whose members may too ("github:acme/platform", "slack:S0123ABC"); resolved when somebody decides."""
    owners: tuple[PersonId, ...] = ()
    """Of these people, those who answer for the pool: where two approvals are asked, one is theirs. () = any of them."""
    path: str | None = None
    """Glob of files; None = any file."""


# ── The forge ────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, kw_only=True, slots=True)
class PullRequest:
    """A pull or merge request as the forge reports it now."""

    repo: str
    number: int
    url: str
    title: str
    body: str
    state: Literal["open", "closed", "merged"]
    is_draft: bool
    author: str
    head_ref: str
    head: CommitSha
    base_ref: str
    base: CommitSha
    """Tip of the base branch now, not when the pull request was opened."""
    is_mergeable: bool | None
    """None = the forge has not computed it yet."""
    merge_commit: CommitSha | None = None
    is_queued: bool = False
    """It waits in the forge's merge queue."""
    is_from_fork: bool = False
    """Its head is in another repository: never ours, whatever the branch is called."""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    """A commit on a proposal's branch."""

    sha: CommitSha
    author: str
    committer: str
    parents: tuple[CommitSha, ...]
    tree: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Review:
    """The newest review of one person."""

    login: str
    state: Literal["approved", "changes-requested", "commented", "dismissed"]
    commit: CommitSha
    at: datetime
    may_write: bool
    is_bot: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Comment:
    """A comment of a pull request."""

    login: str
    is_bot: bool
    text: str
    at: datetime
    edited_by: str | None = ""
    """Login of who last changed it, for whoever may write to a repo may often change what others said there; "" = nobody did, None = the
    forge does not say who."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """What one system said of a commit: a check run, a commit status, a pipeline."""

    name: str
    by: str
    """Whose it is as the forge vouches for it: an App's login or id, who set a status; "" = the forge cannot say."""
    conclusion: Literal["success", "failure", "pending", "neutral"]
    url: str = ""
    summary: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Issue:
    """An issue that we opened: the page on which everything pending stands."""

    number: int
    url: str
    title: str
    body: str
    is_open: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanOutcome:
    """What the repo's own plan says that merging `head` would do."""

    head: CommitSha
    by: str
    at: datetime | None
    """When it was said; None = the forge does not say."""
    adds: int
    changes: int
    destroys: int
    """Resources deleted or replaced."""
    deleted: tuple[str, ...] = ()
    """Addresses, where the plan names any."""
    replaced: tuple[str, ...] = ()
    clusters_lost: tuple[str, ...] = ()
    """Addresses of whole clusters among them."""
    is_failed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Merged:
    """It is merged, as `commit`."""

    commit: CommitSha


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeRefused:
    """The forge said no; `reason` is a machine word, `detail` its own sentence."""

    reason: Literal["head-moved", "base-moved", "conflict", "not-open", "not-allowed", "checks", "unknown"]
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Queued:
    """The forge's merge queue took it; it merges there, or falls out again, once its own commit was checked."""

    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueEntry:
    """One pull request as the forge's merge queue would merge it."""

    number: int
    base: CommitSha
    """What comes before it in the queue."""
    commit: CommitSha
    """Base and this pull request together: required checks are asked for this commit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ForgeRules:
    """What the repo's own rules do, as far as it matters for merging by ourselves."""

    requires_review: bool
    requires_our_check: bool
    """A required check that only our gate identity can set."""
    catches_moved_base: bool
    """Strict checks, a merge queue, or a forge that compares the base itself."""
    may_bypass: bool
    protects_config: bool
    """`.trimtab/` needs a code owner's review."""
    details: tuple[str, ...] = ()
    has_merge_queue: bool = False
    guards_our_branches: bool | None = None
    """Nobody but us may push to `trimtab/`; None = the forge does not say, which is no."""
    voids_old_approvals: bool | None = None
    """A push takes earlier approvals away and who committed cannot approve; a forge whose approvals name no commit needs it."""
    is_archived: bool = False
    is_public: bool | None = None
    """Anybody can read the repo; None = the forge does not say, which counts as yes."""


# ── The record ───────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One immutable line of a stream, with the state folded up to it."""

    stream: str
    n: int
    kind: str
    at: datetime
    actor: str
    """A function ("propose"), a person's id, or "forge"."""
    reason: str
    body: Json
    state: Json
    nonce: str
    """Its writer's own mark: reading it back tells who won a race."""
    previous: str
    """Hash of entry n-1; 64 zeros for the first."""
    hash: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Break:
    """A place where the record does not hold together."""

    key: str
    problem: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the record stood when a commit was made, as the commit itself says."""

    commit: CommitSha
    stream: str
    n: int
    hash: str


# ── Metrics ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class MetricSeries:
    """One series of a range query."""

    labels: Mapping[str, str]
    points: tuple[tuple[int, float], ...]
    """(seconds since 1970, value), oldest first; what is not measured has no point."""


# ── Cost ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, kw_only=True, slots=True)
class ExportDrop:
    """A complete delivery of one billing export for one period: what its completion signal says."""

    export: str
    """Slug of the configured export."""
    period: str
    """YYYY-MM."""
    run_id: str
    submitted_at: datetime
    files: tuple[str, ...]
    """Object URLs, all under the export's own prefix."""
    sizes: tuple[int, ...] = ()
    """Bytes of each file, where the signal says them; () = it does not."""
    rows: tuple[int, ...] = ()
    """Data rows of each file, where the signal says them; () = it does not."""
    part: ExportPart = "all"
    form: BillForm | None
    """None = each file's header says it."""
    billing_account: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Reconciliation:
    """Promise 1 as numbers: the four parts of one currency, and the bill they must equal."""

    currency: str
    measure: Measure
    billed: Decimal
    allocated: Decimal
    idle: Decimal
    unallocated: Decimal
    not_kubernetes: Decimal

    @property
    def difference(self) -> Decimal:
        """Parts minus bill; anything but zero is a bug and closes nothing."""
        return self.allocated + self.idle + self.unallocated + self.not_kubernetes - self.billed

    @property
    def unallocated_share(self) -> Decimal | None:
        """Of what was billed, 0 to 1; None = nothing was, or more came back than was paid."""
        return self.unallocated / self.billed if self.billed > 0 else None


# ── Outlook ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """What a month will have cost when it is over; what is known of it is exact, the rest is estimated."""

    month: str
    """YYYY-MM."""
    as_of: date
    """The last day that counted as known."""
    since: date
    """First day of the month that is in the total: later than the 1st only where the series began later."""
    spent: Decimal
    """The month's known days."""
    total: Decimal
    low: Decimal
    high: Decimal
    level: float
    """How often the total should fall between low and high, 0 to 1."""
    method: str
    estimated_days: int
    missing_days: int
    """Of the estimated days, those that are over and have no value: unknown, not zero."""
    trials: int
    """How often every method was tried on this series' own past."""
    errors: tuple[tuple[str, float], ...]
    """Method → mean absolute error of a day in those trials, as a share of a usual day; best first."""
    coverage: float | None
    """How often the interval held in those trials; None = too few to say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NoForecast:
    """An expected "no": why nothing is said about a month."""

    month: str
    as_of: date
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Contribution:
    """One part's share of a day's surprise; None = it has too short a past to say what was expected of it."""

    name: str
    change: Decimal | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Anomaly:
    """A day that cost what no such weekday did before."""

    day: date
    since: date
    """First day of the run of unusual days that this one belongs to: one surprise is told once."""
    expected: Decimal
    actual: Decimal
    score: float
    """How many usual deviations apart they are; negative = less than expected."""
    contributions: tuple[Contribution, ...] = ()
    """Largest first, unknown ones last."""


# ── Notices ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetNotice:
    """A cloud says that a budget passed, or is forecast to pass, a threshold."""

    source: Literal["aws", "gcp", "azure", "trimtab"]
    """trimtab = our own anomaly detection."""
    budget: str
    """Stable id where the source has one, else its name."""
    name: str
    period: str
    """Start of the budget's interval as the source says it; "" where it says none."""
    kind: Literal["actual", "forecast", "anomaly"]
    """An anomaly's `budget` is its stable id, its `budgeted` what was expected."""
    threshold: Decimal | None
    """Share of the budget, 0.9 = 90 %; None = a heartbeat, or the source did not say it in a form we can read."""
    amount: Decimal | None
    budgeted: Decimal | None
    currency: str | None
    raw: str
    is_heartbeat: bool = False
    """True = the source reports regularly and no threshold is crossed: nothing to tell."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a merged change really did, against what it promised."""

    proposal: ProposalId
    is_applied: bool
    is_healthy: bool | None
    """None = the metrics cannot say; never taken for health."""
    promised: Money
    measured: Money | None
    days: int
    notes: tuple[str, ...] = ()
    members: tuple["Outcome", ...] = ()
    """Of each change, in the proposal's own order, where several came together; () = there was one."""


# ── The rules of a tenant (`.trimtab/`, read at one commit of the default branch) ────────────────────────────────────
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


# ── What a judge is told ─────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, kw_only=True, slots=True)
class Approval:
    """One person's yes, and what it was bound to when it was given."""

    person: PersonId
    via: Literal["slack", "forge"]
    at: datetime
    binding: Binding
    key: str = ""
    """Inbox key of the signed request it came in, which is verified again whenever the yes counts; a review has none, it is read again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Everything a verdict is made from, loaded before judging so that judging does no I/O. None = unknown, and never in our favor."""

    proposal: ProposalId
    finding: Finding
    place: Place | None
    edit: PlannedEdit | None
    cluster: Cluster | None
    """Read from Palette now."""
    declared: Pool | None
    """What the file says now of a pool."""
    nonproduction_since: date | None
    """From the deployment's list, where both uids match; None = production."""
    highest_stage: Stage
    owners: tuple[tuple[str, float], ...]
    """Teams and their shares of the pool's demand, largest first."""
    demand_now: tuple[float, float] | None
    """(running + pending requests, capacity after the change) in the evidence's unit, read now."""
    forge_rules: ForgeRules | None
    pull_request: PullRequest | None
    commits: tuple[Commit, ...] = ()
    our_login: str = ""
    is_base_blob_unmoved: bool | None = None
    is_merge_exactly_the_plan: bool | None = None
    approvals: tuple[Approval, ...] = ()
    earlier: tuple[str, ...] = ()
    """What the stream remembers of this fingerprint: "rejected", "rolled-back", "reverted", "closed"."""
    others_open: tuple[ProposalId, ...] = ()
    """Open proposals on the same cluster's same pool."""
    last_change: datetime | None = None
    """Last merge that touched this pool."""
    share_of_pools: float = 0.0
    """Share of all pools this run proposes to touch."""
    share_of_pools_today: float = 0.0
    """Share of all pools that any run of this day proposed to touch."""
    auto_merges_today: int = 0
    open_count: int = 0
    stop_reason: str | None = None
    alerts: tuple[str, ...] = ()
    """Health alerts of its project that came in, and after which nobody has read the project again yet."""
    plan: PlanOutcome | None = None
    """What the repo's own plan says of this very head; None = nothing was said, or by nobody who counts."""
    is_plan_expected: bool = False
    """The layout says that somebody plans every pull request."""
    is_plan_author_known: bool = False
    """And whose word counts."""
    instance_gpus: int | None = None
    """GPUs of one node of the pool, from the catalog; None = unknown, which is never "none"."""
    quota: Quota | None = None
    """The quota that a change is about, read from Palette now."""
    declared_texts: tuple[tuple[PoolField, str], ...] = ()
    """What the file says now of the changed fields of a quota."""
    members: tuple["Facts", ...] = ()
    """Where several changes come together, the facts of each, with its share of the edit; what is said here is then said of all."""
    standings: tuple[Standing, ...] | None = None
    """Of everybody who said yes, or is about to; None = not read, and then nobody's yes counts."""
    groups: tuple[PeopleGroup, ...] = ()
    """The groups that the change's scopes name, as they are now."""
    recent_authors: tuple[str, ...] | None = None
    """Logins that wrote or merged a change of `.trimtab/` or of the touched file in the last 7 days; None = not known."""
    requested_by: tuple[PersonId, ...] = ()
    """Who asked for the run, or for this value."""
    is_record_sound: bool | None = None
    """The stream's hashes hold from its first entry on; None = not read."""
    change_request: ChangeRequest | None = None
    is_change_request_unread: bool = False
    """True = rules ask for one, and its system gave no answer: there may be one, and it is not taken for approved."""
    undoes: Undoing | None = None
    """Of a rollback: what it undoes, and what was agreed on in advance."""
    rollbacks_today: int = 0
    burning: tuple[str, ...] = ()
    """SLO queries of the config that are bad right now on the change's cluster, by name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One change of several that come as one pull request."""

    finding: Finding
    fingerprint: str
    """Its own: people turn down each change, never the group."""
    place: Place
    team: str | None
    owners: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """A finding with the edit that carries it out, as it stands in its stream."""

    id: ProposalId
    stream: str
    fingerprint: str
    """Subject + rule + target bucket: the memory of rejection, snooze and revert hangs on it."""
    generation: int
    finding: Finding
    place: Place
    edit: PlannedEdit
    branch: str
    base_ref: str
    base: CommitSha
    """The base commit the plan was made on."""
    valid_at: datetime
    """When its evidence was complete; an older run never overwrites a newer one."""
    team: str | None
    """The team with the largest share, None where no owner is known."""
    run: str
    owners: tuple[tuple[str, float], ...] = ()
    """Teams and their shares of the pool's cost, largest first."""
    requested_by: tuple[PersonId, ...] = ()
    """Who asked for it, or for its value; the clock is nobody."""
    undoes: ProposalId | None = None
    """Of a rollback: the proposal whose last merge it undoes."""
    members: tuple[Member, ...] = ()
    """Every change, in the order in which the edit lists them, where it carries out several; `finding` is then the one that saves most."""

    @property
    def parts(self) -> tuple["Proposal", ...]:
        """Each change as a proposal of its own, with its share of the edit's changes; one that is alone is its own part."""
        parts, at = [], 0
        for member in self.members:
            end = at + len(member.finding.changes)
            edit = replace(self.edit, changes=self.edit.changes[at:end])
            own = replace(self, finding=member.finding, fingerprint=member.fingerprint, place=member.place, edit=edit)
            parts.append(replace(own, team=member.team, owners=member.owners, members=()))
            at = end
        return tuple(parts) or (self,)
