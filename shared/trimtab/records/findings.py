"""What was found, by which evidence, and where it is written down."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from trimtab.records.inventory import Subject
from trimtab.records.names import ClusterUid, PoolField, ProjectUid
from trimtab.units import Bytes, Millicores, Money


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
