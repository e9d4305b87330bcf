"""Load everything a verdict is made from, so that judging itself does no I/O; what cannot be read stays None, and None never helps."""

from dataclasses import replace
from datetime import date, datetime

from trimtab.changes import Files, declared_pool, declared_values, layout_of
from trimtab.errors import BadInput, NotYet, Refused, Upstream
from trimtab.flow.code_owners import rules_for
from trimtab.flow.freezes import frozen_rule
from trimtab.flow.ground import Ground
from trimtab.flow.health_alerts import open_alerts
from trimtab.flow.life import Life
from trimtab.flow.live import live_quota, quota_asks
from trimtab.flow.neighbors import Neighbors, neighbors_of
from trimtab.flow.plans import layouts_of, plan_by_all
from trimtab.flow.replan import files_of, is_unmoved, replan
from trimtab.flow.runs import live_pools
from trimtab.flow.slo_readings import burning
from trimtab.flow.still_now import is_still_now
from trimtab.flow.undoing import rolled_back_on, undoing_of
from trimtab.policy.earlier import counting
from trimtab.ports import Ports
from trimtab.records import (
    ChangeRequest,
    Cluster,
    ClusterUid,
    Commit,
    CommitSha,
    Evidence,
    Facts,
    Governance,
    Json,
    Layout,
    Place,
    Pool,
    PoolField,
    Proposal,
    ProposalId,
    PullRequest,
    Undoing,
)


def load_facts(life: Life, ports: Ports, ground: Ground, now: datetime, *, is_thorough: bool, seen: PullRequest | None) -> Facts:
    """The facts about one proposal, read now; `seen` is its pull request where the forge has just answered with it.

    Unless it is thorough, a head that has the id of our own commit is taken for that commit, and what merging it does is reckoned from
    the files: enough to say what a proposal waits for, and never enough to merge.
    """
    proposal, governance = life.planned(), ground.governance
    repository = ports.settings.repository(proposal.place.repo)
    files = files_of(proposal, ground.base, ports)
    cluster = ports.palette.cluster(proposal.finding.subject.cluster_uid)
    pull_request = seen or (ports.forge.pull_request(repository.id, life.pull_request.number) if life.pull_request else None)
    others, pools = neighbors_of(life, ports), live_pools(ports, now)
    voices = _voices(ground, now)
    planned_by = _planned_by(proposal.place.path, voices)
    together = max(0, len(proposal.members) - 1)
    request, is_unread = _change_request(proposal.id, voices, ports)
    undoes, is_its_unread = _undone_as_it_is(undoing_of(proposal, governance, ports), voices, ports, is_asked=not (request or is_unread))
    whole = Facts(
        proposal=proposal.id,
        finding=proposal.finding,
        place=proposal.place,
        edit=proposal.edit,
        cluster=cluster,
        declared=_declared(files, proposal.place, governance, cluster),
        nonproduction_since=nonproduction_since(ports, cluster),
        highest_stage=ports.settings.highest_stage,
        owners=proposal.owners,
        demand_now=demand_now(ports, proposal, now),
        forge_rules=rules_for(repository.id, proposal.edit.path, ground, ports),
        pull_request=pull_request,
        commits=_commits(ports, life, ground.base, pull_request, is_thorough=is_thorough),
        our_login=ports.forge.login,
        is_base_blob_unmoved=is_unmoved(files, proposal),
        is_merge_exactly_the_plan=_is_exactly_the_plan(ports, life, ground, pull_request, files, is_thorough=is_thorough),
        earlier=(*others.earlier(proposal), *_frozen(proposal, ports)),
        others_open=others.open_beside(proposal),
        last_change=others.last_change(proposal),
        share_of_pools=others.share_of_run(pools),
        share_of_pools_today=others.share_of_day(now.date(), pools),
        auto_merges_today=together + others.merged_by_itself_on(now.date()),
        open_count=together + others.open_count(),
        stop_reason=ports.permit.stop_reason(),
        alerts=open_alerts(ports, cluster.project_uid if cluster else None),
        quota=live_quota(proposal.finding.subject, ports),
        declared_texts=_declared_texts(files, proposal, governance),
        plan=plan_by_all(life, planned_by, pull_request, ports) if planned_by else None,
        is_plan_expected=bool(planned_by),
        is_plan_author_known=bool(planned_by) and all(any(layout.plan_author for layout in layouts) for layouts in planned_by),
        instance_gpus=_gpus(ports, cluster, proposal.finding.instance_type),
        requested_by=proposal.requested_by,
        change_request=request,
        is_change_request_unread=is_unread or is_its_unread,
        undoes=undoes,
        rollbacks_today=rolled_back_on(others.lives, now.date()),
        burning=tuple(dict.fromkeys(name for voice in voices for name in burning(cluster, voice, ports, now))),
    )
    if not proposal.members:
        return whole
    members = tuple(_of_part(whole, part, others, files, governance, ports, now) for part in proposal.parts)
    return replace(whole, members=members)


def _of_part(
    whole: Facts, part: Proposal, others: Neighbors, files: Files, governance: Governance | None, ports: Ports, now: datetime
) -> Facts:
    """What is known of one change of several: its own finding, place and share of the edit; limits count all of them."""
    return replace(
        whole,
        finding=part.finding,
        place=part.place,
        edit=part.edit,
        declared=_declared(files, part.place, governance, whole.cluster),
        owners=part.owners,
        demand_now=demand_now(ports, part, now),
        earlier=(*others.earlier(part), *_frozen(part, ports)),
        others_open=others.open_beside(part),
        last_change=others.last_change(part),
        quota=live_quota(part.finding.subject, ports),
        declared_texts=_declared_texts(files, part, governance),
        instance_gpus=_gpus(ports, whole.cluster, part.finding.instance_type),
    )


def _voices(ground: Ground, now: datetime) -> tuple[Governance, ...]:
    """All rules that have a say in what is read: those of now, and those of the last day."""
    earlier = (version.governance for version in counting(ground.earlier, now))
    return tuple(rules for rules in (ground.governance, *earlier) if rules is not None)


def _planned_by(path: str, voices: tuple[Governance, ...]) -> list[tuple[Layout, ...]]:
    """The layouts of this file in each of the rules by which somebody plans it; the same ones once."""
    found: list[tuple[Layout, ...]] = []
    for layouts in (layouts_of(path, rules) for rules in voices):
        if any(layout.expects_plan for layout in layouts) and layouts not in found:
            found.append(layouts)
    return found


def _change_request(proposal: ProposalId, voices: tuple[Governance, ...], ports: Ports) -> tuple[ChangeRequest | None, bool]:
    """(the tenant's change request for this proposal, where rules ask for one; whether it could not be read).

    None = there is none, or nobody to ask. A system that does not answer lets this proposal wait, and keeps nothing else from going on.
    """
    if not any(rules.asks_change_requests for rules in voices) or ports.tickets is None:
        return None, False
    try:
        return ports.tickets.change_request(proposal), False
    except (BadInput, Refused, Upstream) as error:
        ports.log.warning("change-request.unread", proposal=proposal, input=str(error))
        return None, True


def _undone_as_it_is(
    undoes: Undoing | None, voices: tuple[Governance, ...], ports: Ports, *, is_asked: bool
) -> tuple[Undoing | None, bool]:
    """(what is undone, with the change request that it was merged with as that is now; whether that could not be read).

    Unless it `is_asked` for, nobody looks, and there is none: the undoing's own change request goes before it.
    """
    if undoes is None or undoes.change_request is None:
        return undoes, False
    its, is_unread = _still(undoes.proposal, undoes.change_request, voices, ports) if is_asked else (None, False)
    return replace(undoes, change_request=its), is_unread


def _still(proposal: ProposalId, was: ChangeRequest, voices: tuple[Governance, ...], ports: Ports) -> tuple[ChangeRequest | None, bool]:
    """(the change request that a proposal was merged with, as it is now; whether it could not be read).

    A newer one that names the same proposal is about something else: whoever approved it weighed another change.
    """
    found, is_unread = _change_request(proposal, voices, ports)
    return found if found and found.number == was.number else None, is_unread


def demand_now(ports: Ports, proposal: Proposal, now: datetime) -> tuple[float, float] | None:
    """(running + pending requests of the newest measured hour, capacity after the change), in the evidence's unit; None = not known.

    An hour that is long over says nothing of now.
    """
    subject = proposal.finding.subject
    if subject.kind != "pool":
        return _quota_demand_now(ports, proposal, now)
    document = _demand_document(ports, subject.cluster_uid, now)
    pools = document.get("pools") if document else None
    pool = pools.get(subject.pool) if isinstance(pools, dict) else None
    wanted = pool.get(proposal.finding.evidence.unit) if isinstance(pool, dict) else None
    if wanted is None or not proposal.finding.evidence.chart:
        return None
    return float(wanted), capacity_after(proposal.finding.evidence)


def _quota_demand_now(ports: Ports, proposal: Proposal, now: datetime) -> tuple[float, float] | None:
    evidence = proposal.finding.evidence
    quota = live_quota(proposal.finding.subject, ports)
    if quota is None or not evidence.chart:
        return None
    found = {uid: _demand_document(ports, uid, now) for uid in quota.clusters or (quota.cluster_uid,)}
    asked = quota_asks(quota, evidence.unit, {uid: document for uid, document in found.items() if document})
    return None if asked is None else (asked, capacity_after(evidence))


def _demand_document(ports: Ports, uid: ClusterUid, now: datetime) -> Json | None:
    """What is wanted on a cluster now; None where nobody measured it, or long ago."""
    document = ports.documents.find(f"demand/{uid}")
    return document if document and is_still_now(str(document.get("hour")), now) else None


def capacity_after(evidence: Evidence) -> float:
    """Capacity after the change, in the evidence's unit."""
    return evidence.chart[-1].capacity_new


def _gpus(ports: Ports, cluster: Cluster | None, instance_type: str) -> int | None:
    found = ports.catalog.find(cluster.cloud, cluster.region, instance_type) if cluster else None
    return found.gpus if found else None


def _declared(files: Files, place: Place, governance: Governance | None, cluster: Cluster | None) -> Pool | None:
    if governance is None or cluster is None:
        return None
    try:
        layout = layout_of(files, place, governance.layouts)
        return declared_pool(files, place, layout, cluster.uid)
    except (BadInput, Refused):
        return None


def _declared_texts(files: Files, proposal: Proposal, governance: Governance | None) -> tuple[tuple[PoolField, str], ...]:
    """What the file says of a quota's changed fields; () = not readable, or not a quota."""
    subject = proposal.finding.subject
    if governance is None or subject.kind == "pool":
        return ()
    fields = [change.field for change in proposal.finding.changes]
    try:
        layout = layout_of(files, proposal.place, governance.layouts, subject.field, subject.kind)
        said = declared_values(files, proposal.place, layout, fields)
    except (BadInput, Refused):
        return ()
    return tuple((field, said[field]) for field in fields if field in said)


def nonproduction_since(ports: Ports, cluster: Cluster | None) -> date | None:
    """Proof of non-production: both uids as Palette reports them now are on the deployment's list."""
    if cluster is None:
        return None
    listed = (
        row.since for row in ports.settings.nonproduction if row.cluster_uid == cluster.uid and row.project_uid == cluster.project_uid
    )
    return next(listed, None)


def _is_our_commit(life: Life, pull_request: PullRequest) -> bool:
    """True where the head is the commit that we made and recorded: its id is the hash of all that is in it."""
    return life.pull_request is not None and pull_request.head == life.pull_request.head == life.branch_head


def _commits(ports: Ports, life: Life, base: CommitSha, pull_request: PullRequest | None, *, is_thorough: bool) -> tuple[Commit, ...]:
    if pull_request is None or pull_request.state != "open":
        return ()
    if is_thorough or not _is_our_commit(life, pull_request):
        return ports.forge.commits(pull_request.repo, base, pull_request.head)
    login = ports.forge.login
    return (Commit(sha=pull_request.head, author=login, committer=login, parents=(life.planned().base,), tree=""),)


def _is_exactly_the_plan(
    ports: Ports, life: Life, ground: Ground, pull_request: PullRequest | None, files: Files, *, is_thorough: bool
) -> bool | None:
    """True where merging now would change the base by the planned edit and nothing else; None before there is a pull request."""
    proposal, governance = life.planned(), ground.governance
    if pull_request is None or pull_request.state != "open" or governance is None:
        return None
    if not is_thorough and _is_our_commit(life, pull_request):
        return True if is_unmoved(files, proposal) else None
    try:
        changes = ports.forge.merge_changes(pull_request.repo, ground.base, pull_request.head)
    except NotYet:
        return None
    if changes is None:
        return False
    if is_unmoved(files, proposal):
        return dict(changes) == {proposal.edit.path: proposal.edit.content}
    planned = replan(files, proposal, governance)
    return planned is not None and dict(changes) == {planned.path: planned.content}


def _frozen(part: Proposal, ports: Ports) -> tuple[str, ...]:
    """What was undone on this cluster once asks for a person wherever its rule comes again."""
    subject = part.finding.subject
    return ("rule-frozen",) if frozen_rule(subject.cluster_uid, part.finding.rule, ports) else ()
