"""The facts that travel between the parts: frozen, whole, and free of I/O.

Everything foreign is turned into one of these at the door (`sources/`, `adapters/*/protocol.py`); inside, nobody sees a foreign dict.
"""

from trimtab.records.costs import (
    Anomaly,
    BudgetNotice,
    Contribution,
    ExportDrop,
    Forecast,
    MetricSeries,
    NoForecast,
    Outcome,
    Reconciliation,
)
from trimtab.records.findings import (
    AuditEntry,
    ChartPoint,
    Estimate,
    Evidence,
    FieldChange,
    Finding,
    MeasuredUse,
    PastCase,
    Place,
    PlannedEdit,
    Quota,
    Scores,
)
from trimtab.records.forge import (
    Check,
    Comment,
    Commit,
    ForgeRules,
    Issue,
    Merged,
    MergeRefused,
    PlanOutcome,
    PullRequest,
    Queued,
    QueueEntry,
    Review,
)
from trimtab.records.inventory import Cluster, InstanceType, Pool, Refusal, Subject
from trimtab.records.ledger import Break, Entry, Mark
from trimtab.records.names import (
    BillForm,
    Cloud,
    ClusterUid,
    CommitSha,
    Driver,
    ExportPart,
    FieldUnit,
    Grouping,
    Json,
    Measure,
    PersonId,
    PoolField,
    ProjectUid,
    ProposalId,
    SubjectKind,
)
from trimtab.records.owners import (
    AccessRules,
    AllocationRules,
    ApproverScope,
    Budget,
    CloudBudget,
    CostCenter,
    Dated,
    OtherCost,
    OtherShare,
    OwnerRule,
    PrivateRate,
    SharedRule,
    ShareWeight,
    Slo,
    Team,
    TicketRules,
    WatchRules,
)
from trimtab.records.people import Approval, Binding, ChangeRequest, Click, PeopleGroup, Person, Standing, Undoing
from trimtab.records.proposals import Facts, Member, Proposal
from trimtab.records.rules import (
    ChangeWindow,
    Condition,
    EvidenceFloor,
    Freeze,
    GateRule,
    Governance,
    Layout,
    Limits,
    PolicyRule,
    StageRule,
)
from trimtab.records.verdicts import Risk, Stage, Tier, Verdict, VerdictLine

__all__ = [
    "AccessRules", "AllocationRules", "Anomaly", "Approval", "ApproverScope", "AuditEntry", "BillForm", "Binding", "Break", "Budget",
    "BudgetNotice", "ChangeRequest", "ChangeWindow", "ChartPoint", "Check", "Click", "Cloud", "CloudBudget", "Cluster", "ClusterUid",
    "Comment", "Commit", "CommitSha", "Condition", "Contribution", "CostCenter", "Dated", "Driver", "Entry", "Estimate", "Evidence",
    "EvidenceFloor", "ExportDrop", "ExportPart", "Facts", "FieldChange", "FieldUnit", "Finding", "Forecast", "ForgeRules", "Freeze",
    "GateRule", "Governance", "Grouping", "InstanceType", "Issue", "Json", "Layout", "Limits", "Mark", "Measure", "MeasuredUse", "Member",
    "MergeRefused", "Merged", "MetricSeries", "NoForecast", "OtherCost", "OtherShare", "Outcome", "OwnerRule", "PastCase", "PeopleGroup",
    "Person", "PersonId", "Place", "PlanOutcome", "PlannedEdit", "PolicyRule", "Pool", "PoolField", "PrivateRate", "ProjectUid",
    "Proposal", "ProposalId", "PullRequest", "QueueEntry", "Queued", "Quota", "Reconciliation", "Refusal", "Review", "Risk", "Scores",
    "ShareWeight", "SharedRule", "Slo", "Stage", "StageRule", "Standing", "Subject", "SubjectKind", "Team", "TicketRules", "Tier",
    "Undoing", "Verdict", "VerdictLine", "WatchRules",
]  # fmt: skip
