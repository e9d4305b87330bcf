"""Who owns cost, how shared cost is divided, and what is watched for whom."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from trimtab.records.names import ClusterUid, Driver, PersonId


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
