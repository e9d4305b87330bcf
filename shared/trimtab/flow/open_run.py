"""The last step of a run: rank what it found, then plan, judge, open and ask, one subject after the other, and say what became of all."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial

from trimtab.analysis.quotas import BUDGET_FREEZE
from trimtab.analysis.ranking import rank
from trimtab.errors import Refused, Upstream
from trimtab.flow.adopt import REPLACEABLE, looked_at, point_to_successors, supersede_stuck, supersede_vanished
from trimtab.flow.codec import dump
from trimtab.flow.dashboard import keep_dashboard, reasons_of
from trimtab.flow.digests import tell_digests
from trimtab.flow.drafts import Found, checkout, drafted
from trimtab.flow.governance import home_governance
from trimtab.flow.groups import Group, grouped, may_be_open, standing_in, unlooked
from trimtab.flow.life import Life, lives
from trimtab.flow.live import live_quota
from trimtab.flow.run_parts import Opening, keep_opening, opening_of, refused
from trimtab.flow.runs import Plan, answers_of, evidence_end, keep_inventory
from trimtab.flow.settling import open_alone, open_group
from trimtab.flow.tickets import keep_tickets
from trimtab.ports import Ports
from trimtab.records import ClusterUid, Json, Proposal, ProposalId, Refusal


def open_run(frozen: Plan, ports: Ports, now: datetime, *, part: int = 0, most_seconds: float | None = None) -> str:
    """Open what a run found, one subject after the other.

    After `most_seconds` (None = no end) the rest is left to the next part, which knows from the store what was done.
    """
    stop = ports.permit.stop_reason()
    if stop:
        raise Refused(f"nothing opens: {stop}")
    begun = ports.stopwatch()
    ports.forge.forget()
    found = _found(frozen, ports, now)
    opening, untold = opening_of(frozen.run, part, ports), list[str]()
    if part == 0:
        # First, so that a proposal that is no longer wanted is in nobody's way.
        is_over_for = partial(_holds_for_no_budget, found, ports)
        supersede_vanished(found.findings, found.said, evidence_end(frozen), ports, now, untold, is_over_for=is_over_for)
    known = lives(ports)
    carried = _carried(found, known)
    undrafted: list[Refusal] = []
    for item in _items(found, carried, known, opening, ports):
        if isinstance(item, Refusal):
            # Every part says these anew; the last one writes them down.
            undrafted.append(item)
            continue
        if opening.is_done(item):
            continue
        if most_seconds is not None and opening.is_begun and ports.stopwatch() - begun > most_seconds:
            return _hand_on(frozen, part + 1, opening, untold, ports)
        opening.add(item, _opened(item, carried, found, known, opening, ports, now, untold))
    opening.refusals += undrafted
    supersede_stuck(carried.keys(), found.findings, found.said, evidence_end(frozen), ports, now, untold)
    _tell(found, opening, ports, now, untold)
    _raise_untold(untold)
    silent = f", {len(found.missing)} clusters were not analyzed" if found.missing else ""
    return f"{frozen.run}: {len(opening.opened)} proposals stand, {len(opening.refusals)} findings were not opened{silent}"


def _found(frozen: Plan, ports: Ports, now: datetime) -> Found:
    """What the analyses left beside the run, and the repos at the commits that it froze."""
    analyses, missing = answers_of(frozen, ports)
    keep_inventory(frozen, analyses, ports)
    checkouts = tuple(checkout(repo, commit, ports, now) for repo, commit in frozen.commits)
    listed = ports.palette.listed()
    return Found(
        frozen=frozen,
        findings=rank(finding for analysis in analyses for finding in analysis.findings),
        refusals=[no for analysis in analyses for no in analysis.refusals],
        missing=missing,
        clusters={analysis.cluster.uid: analysis.cluster for analysis in analyses if analysis.cluster and analysis.cluster.uid in listed},
        checkouts=checkouts,
    )


def _hand_on(frozen: Plan, part: int, opening: Opening, untold: Sequence[str], ports: Ports) -> str:
    """Leave the rest to a part with a message of its own."""
    keep_opening(frozen.run, part, opening, ports)
    ports.inbox.put(f"inbox/propose/{frozen.run}.open.{part}", b"{}")
    _raise_untold(untold)
    return f"{frozen.run}: {len(opening.opened)} proposals stand so far; part {part} goes on"


def _opened(
    item: Proposal | Group,
    carried: Mapping[ProposalId, tuple[Proposal, ...]],
    found: Found,
    known: Mapping[str, Life],
    opening: Opening,
    ports: Ports,
    now: datetime,
    untold: list[str],
) -> list[ProposalId | Refusal]:
    """What came of one of them."""
    if isinstance(item, Group):
        answers = open_group(item, carried.get(item.id, ()), found, known, ports, now, untold)
        opening.note_full_of(item, answers)
        return answers
    answer = opening.full_for(item, known, now) or open_alone(item, found, known, ports, now, untold)
    opening.note_full(item, answer)
    return [answer]


def _tell(found: Found, opening: Opening, ports: Ports, now: datetime, untold: list[str]) -> None:
    """Whoever is to know: the log, the pull requests that were replaced, the dashboards, the tickets, the digests."""
    _tell_refusals(found, [*opening.refusals, *found.missing], ports)
    point_to_successors(opening.opened, ports, now)
    for one in found.checkouts:
        keep_dashboard(one.repo, one.ground, "propose", ports, now)
    keep_tickets(found.findings, tuple(found.clusters.values()), tuple(lives(ports).values()), home_governance(ports), ports, now)
    tell_digests(found.frozen.run, opening.opened, ports, now, untold)


def _raise_untold(untold: Sequence[str]) -> None:
    """All the rest is done: delivered again, the run finds it so, and tells what Slack did not take."""
    if untold:
        raise Upstream("; ".join(untold))


def _tell_refusals(found: Found, refusals: Sequence[Refusal], ports: Ports) -> None:
    """Everything that was not opened, by name: in the log, and in a document beside the run."""
    frozen = found.frozen
    for refusal in refusals:
        thing = f"{refusal.pool}: {refusal.reason}"
        ports.log.info("finding.refused", run=frozen.run, rule=refusal.rule, cluster=refusal.cluster_uid, kind=refusal.kind, input=thing)
    told: Json = {"refusals": [dump(refusal) for refusal in refusals], "reasons": reasons_of((*refusals, *found.refusals))}
    ports.documents.publish(f"runs/{frozen.run}/refused", told)
    if not frozen.is_partial:
        ports.documents.publish("runs/latest", {"run": frozen.run, "at": frozen.at.isoformat()})


def _holds_for_no_budget(found: Found, ports: Ports, proposal: Proposal) -> bool:
    """True of quotas that were to be held for a budget which is not spent any more: a new month, a larger amount, another action.

    What its pods ask for says nothing of that: a quota that is used up is never found large enough.
    """
    cluster = found.clusters.get(proposal.finding.subject.cluster_uid)
    if cluster is None or cluster.uid not in found.frozen.clusters or any(part.finding.rule != BUDGET_FREEZE for part in proposal.parts):
        return False
    quotas = [live_quota(part.finding.subject, ports) for part in proposal.parts]
    return all(quota is not None and not found.frozen.spent_on(cluster, quota) for quota in quotas)


# ── several at once ──────────────────────────────────────────────────────────────────────────────────────────────────
def _carried(found: Found, known: Mapping[str, Life]) -> dict[ProposalId, tuple[Proposal, ...]]:
    """Of each open group, the changes that stay in it unseen; only of those in which something else moved."""
    wanted, judged = looked_at(found.findings, found.said)
    open_groups = [
        life for life in known.values() if life.planned().members and life.state in REPLACEABLE and _is_older(life, found.frozen)
    ]
    unseen = {life.planned().id: (life, unlooked(life, wanted, judged)) for life in open_groups}
    return {identity: parts for identity, (life, parts) in unseen.items() if len(parts) < len(life.planned().members)}


def _is_older(life: Life, frozen: Plan) -> bool:
    return life.planned().valid_at <= evidence_end(frozen)


def _items(
    found: Found, carried: Mapping[ProposalId, tuple[Proposal, ...]], known: Mapping[str, Life], opening: Opening, ports: Ports
) -> Iterator[Proposal | Refusal | Group]:
    """What is opened one after the other. Where nothing comes together each is drafted in its turn: once a repo is full, no more are."""
    grouping = {one.repo: one.governance.grouping for one in found.checkouts}
    if "file" in grouping.values() or any(life.planned().members for life in known.values()):
        yield from _together(found, carried, known, opening, grouping, ports)
        return
    touched = {life.planned().finding.subject for life in known.values()}
    for finding in found.findings:
        if str(finding.subject) not in opening.done:
            full = "" if finding.needs_person or finding.subject in touched else opening.full_everywhere(grouping)
            yield refused(finding, "not-opened", full) if full else drafted(finding, found, ports)


def _together(
    found: Found,
    carried: Mapping[ProposalId, tuple[Proposal, ...]],
    known: Mapping[str, Life],
    opening: Opening,
    grouping: Mapping[str, str],
    ports: Ports,
) -> Iterator[Proposal | Refusal | Group]:
    """The same where changes of one cluster come together: they are drafted when the first of them has its turn.

    Last come the groups of which only unseen changes are left.
    """
    at_work, standing = _at_work(found, known), standing_in(known)
    drafts: dict[ClusterUid, Iterator[Proposal | Refusal | Group | None]] = {}
    seen: set[ProposalId] = set()
    for finding in found.findings:
        uid = finding.subject.cluster_uid
        full = "" if uid in at_work or uid in drafts else opening.full_everywhere(grouping)
        if full:
            if str(finding.subject) not in opening.done:
                yield drafted(finding, found, ports) if finding.needs_person else refused(finding, "not-opened", full)
            continue
        if uid not in drafts:
            own = [drafted(each, found, ports) for each in found.findings if each.subject.cluster_uid == uid]
            drafts[uid] = iter(grouped(own, known, standing, grouping))
        item = next(drafts[uid])
        if isinstance(item, Group):
            seen.add(item.id)
        if item is not None:
            yield item
    yield from (Group(id=identity, parts=()) for identity, parts in carried.items() if identity not in seen and parts)


def _at_work(found: Found, known: Mapping[str, Life]) -> set[ClusterUid]:
    """Clusters where something may be open, or where the record knows of what was found: that is heard however full a repo is."""
    parts = [(life, part.finding.subject) for life in known.values() for part in life.planned().parts]
    subjects = {subject for _, subject in parts}
    open_there = {subject.cluster_uid for life, subject in parts if may_be_open(life)}
    return open_there | {finding.subject.cluster_uid for finding in found.findings if finding.subject in subjects}
