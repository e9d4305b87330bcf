"""A proposal, and what a judge is told about it."""

from dataclasses import dataclass, replace
from datetime import date, datetime

from trimtab.records.findings import Finding, Place, PlannedEdit, Quota
from trimtab.records.forge import Commit, ForgeRules, PlanOutcome, PullRequest
from trimtab.records.inventory import Cluster, Pool
from trimtab.records.names import CommitSha, PersonId, PoolField, ProposalId
from trimtab.records.people import Approval, ChangeRequest, PeopleGroup, Standing, Undoing
from trimtab.records.verdicts import Stage


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
