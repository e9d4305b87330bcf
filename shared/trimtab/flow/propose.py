"""Turn waste into pull requests that someone may approve, in three steps: plan the run, analyze each cluster, open what is worth it.

Each step is one message, done once: `plan` freezes what the run works with, `analyze` writes its findings beside the run, and the
last cluster to finish wakes `open`, which hands on to a message of its own what it has no time for. A run that dies anywhere is finished
by the next delivery of the same message; a cluster that fails for hours, or that nobody answers for, is named in its end.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from trimtab.analysis.quotas import BUDGET_FREEZE
from trimtab.analysis.ranking import rank
from trimtab.analysis.rightsize import fingerprint
from trimtab.changes import TERRAFORM, branch_name, find_place, is_covered, is_editable, is_kustomization, layout_of, plan_edit
from trimtab.errors import BadInput, Broken, Refused, TrimtabError, Upstream
from trimtab.flow.adopt import REPLACEABLE, adopt, looked_at, point_to_successors, remembered, supersede_stuck, supersede_vanished
from trimtab.flow.analyze import analysis_of
from trimtab.flow.bills import bills_of
from trimtab.flow.budgets import spent_scopes
from trimtab.flow.cards import NotTold
from trimtab.flow.codec import dump
from trimtab.flow.dashboard import keep_dashboard, reasons_of
from trimtab.flow.digests import tell_digests
from trimtab.flow.effects import carry_on, catch_up
from trimtab.flow.freezes import frozen_rule
from trimtab.flow.governance import home_governance, read_governance
from trimtab.flow.ground import Ground, ground_of, noted
from trimtab.flow.groups import BUSY, Admitted, Group, admit, grouped, memories_of, turned_down, unlooked
from trimtab.flow.life import Journal, Life, lives, proposal_id, stream_of, until_settled
from trimtab.flow.live import live_quota
from trimtab.flow.past_cases import past_cases
from trimtab.flow.run_parts import Opening, keep_opening, opening_of, refused
from trimtab.flow.runs import (
    ANSWERED_WITHIN,
    Analysis,
    Plan,
    analysis_key,
    analyzed,
    answers_of,
    evidence_end,
    find_plan,
    keep_failure,
    keep_inventory,
    keep_plan,
    latest_analyses,
    plan_of,
)
from trimtab.flow.tickets import keep_tickets
from trimtab.flow.wake import Wake
from trimtab.flow.wakeups import MOST_RUNS_A_DAY, WAKE, asked_clusters, full_of_runs
from trimtab.ports import Ports
from trimtab.records import Cluster, ClusterUid, CommitSha, Finding, Governance, Json, Place, Proposal, ProposalId, Refusal

PART_SECONDS = 300.0
"""After which a message of `open` hands on: with its last proposal it stays well inside the 540 seconds of Google, and the 900 of AWS."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkout:
    """What a run reads of one repo, at the commit it froze."""

    repo: str
    commit: CommitSha
    governance: Governance
    files: Mapping[str, bytes]
    """The files that some layout takes, and the Terraform that reads them."""
    ground: Ground
    """The repo as it is now, a little later: what is opened is judged by the rules of today."""


def propose(wake: Wake, ports: Ports, now: datetime) -> str:
    """One message of a run: a clock tick or a wake plans, `<run>.analyze.<cluster>` analyzes, `<run>.open` and `<run>.open.<k>` open."""
    name = wake.key.rsplit("/", 1)[1]
    if name.startswith(WAKE):
        return woken(name, wake.key, ports, now)
    if wake.key.startswith("inbox/clock/"):
        return plan(f"run-{name.replace(':', '').replace('-', '').lower()}", ports, now)
    run, _, step = name.partition(".")
    frozen = plan_of(run, ports)
    if step.startswith("analyze."):
        uid = step.removeprefix("analyze.")
        return end_without(frozen, uid, ports) if now - frozen.at >= ANSWERED_WITHIN else analyze_cluster(frozen, uid, ports)
    if step == "open":
        return open_run(frozen, ports, now, most_seconds=PART_SECONDS)
    if step.startswith("open.") and step.removeprefix("open.").isdecimal():
        return open_run(frozen, ports, now, part=int(step.removeprefix("open.")), most_seconds=PART_SECONDS)
    raise BadInput(f"{wake.key}: a propose message is <run>.analyze.<cluster uid>, <run>.open or <run>.open.<part>")


def woken(name: str, key: str, ports: Ports, now: datetime) -> str:
    """A run over the clusters that a wake names, while the day has one left."""
    only = asked_clusters(key, ports)
    if full_of_runs(name, ports, now):
        return f"no run: {MOST_RUNS_A_DAY} were asked for on this day already; the clock's next run goes on"
    return plan(f"run-{name.removeprefix(WAKE).replace('.', '-')}", ports, now, only=only)


# ── plan ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def plan(run: str, ports: Ports, now: datetime, *, notify: bool = True, only: Collection[ClusterUid] = ()) -> str:
    """Freeze run, rules, commits and versions; one message per cluster. A repeated tick finds the plan and sends the same messages."""
    frozen = find_plan(run, ports) or _freeze(run, ports, now, only)
    for uid in frozen.clusters if notify else ():
        ports.inbox.put(f"inbox/propose/{run}.analyze.{uid}", b"{}")
    return f"{run}: {len(frozen.clusters)} clusters to analyze"


def _freeze(run: str, ports: Ports, now: datetime, only: Collection[ClusterUid]) -> Plan:
    governance = home_governance(ports)
    commits = tuple((repo.id, ports.forge.base_head(repo.id, repo.branch)) for repo in ports.settings.repositories)
    frozen = Plan(
        run=run,
        at=now,
        governance=governance.version,
        commits=commits,
        usage_version=ports.lake.version("usage"),
        # Their names alone: each of them is looked into where it is analyzed.
        clusters=tuple(sorted(uid for uid in ports.palette.listed() if not only or uid in only)),
        is_partial=bool(only),
        spent=spent_scopes(governance, ports, now),
        past=past_cases(ports),
    )
    keep_plan(frozen, ports)
    return frozen


# ── analyze ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def analyze_cluster(frozen: Plan, uid: str, ports: Ports, *, notify: bool = True) -> str:
    """Findings and refusals for every pool of one cluster; the last cluster of the run wakes `open`."""
    seen = analyzed(frozen.run, ports)
    if uid not in seen:
        try:
            said = analysis_of(frozen, ClusterUid(uid), ports)
        except Exception as error:
            # It is delivered again; should it never succeed, the end of the run says why.
            keep_failure(frozen.run, uid, str(error) if isinstance(error, TrimtabError) else repr(error), ports)
            raise
        ports.documents.publish(analysis_key(frozen.run, uid), dump(said))
        # Listed anew: of two that are analyzed at once, each would else wait for the other.
        seen = analyzed(frozen.run, ports) if notify else seen
    if notify and seen.issuperset(frozen.clusters):
        ports.inbox.put(f"inbox/propose/{frozen.run}.open", b"{}")
    return f"{frozen.run}: analyzed {uid}"


def end_without(frozen: Plan, uid: str, ports: Ports) -> str:
    """A cluster's message came, or came again, when its run should long have ended: it ends with what it has, and names who is missing."""
    ports.inbox.put(f"inbox/propose/{frozen.run}.open", b"{}")
    return f"{frozen.run}: {uid} came too late, {ANSWERED_WITHIN // timedelta(hours=1)} hours after it began; the run ends with what it has"


# ── open ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def open_run(frozen: Plan, ports: Ports, now: datetime, *, part: int = 0, most_seconds: float | None = None) -> str:
    """Rank what the run found, then plan, judge, open and ask, one subject after the other.

    After `most_seconds` (None = no end) the rest is left to the next part, which knows from the store what was done.
    """
    stop = ports.permit.stop_reason()
    if stop:
        raise Refused(f"nothing opens: {stop}")
    begun = ports.stopwatch()
    ports.forge.forget()
    analyses, missing = answers_of(frozen, ports)
    keep_inventory(frozen, analyses, ports)
    checkouts = tuple(checkout(repo, commit, ports, now) for repo, commit in frozen.commits)
    listed = ports.palette.listed()
    clusters = {analysis.cluster.uid: analysis.cluster for analysis in analyses if analysis.cluster and analysis.cluster.uid in listed}
    opening = opening_of(frozen.run, part, ports)
    refusals, opened, untold = opening.refusals, opening.opened, list[str]()
    findings = rank(finding for analysis in analyses for finding in analysis.findings)
    said = [*missing, *(no for analysis in analyses for no in analysis.refusals)]
    if part == 0:
        # First, so that a proposal that is no longer wanted is in nobody's way.
        is_over_for = partial(_holds_for_no_budget, frozen, clusters, ports)
        supersede_vanished(findings, said, evidence_end(frozen), ports, now, untold, is_over_for=is_over_for)
    known = lives(ports)
    carried = {} if not known else _carried(frozen, findings, said, known)
    undrafted: list[Refusal] = []
    for item in _items(frozen, findings, carried, known, clusters, checkouts, opening, ports):
        if isinstance(item, Refusal):
            # Every part says these anew; the last one writes them down.
            undrafted.append(item)
            continue
        if opening.is_done(item):
            continue
        if most_seconds is not None and opening.is_begun and ports.stopwatch() - begun > most_seconds:
            keep_opening(frozen.run, part + 1, opening, ports)
            ports.inbox.put(f"inbox/propose/{frozen.run}.open.{part + 1}", b"{}")
            _raise_untold(untold)
            return f"{frozen.run}: {len(opened)} proposals stand so far; part {part + 1} goes on"
        if isinstance(item, Group):
            answers = open_group(frozen, item, carried.get(item.id, ()), known, clusters, checkouts, ports, now, untold)
        else:
            answers = [opening.full_for(item, known, now) or open_alone(item, known, checkouts, ports, now, untold)]
            opening.note_full(item, answers[0])
        opening.add(item, answers)
    refusals += undrafted
    supersede_stuck(carried.keys(), findings, said, evidence_end(frozen), ports, now, untold)
    _tell_refusals(frozen, [*refusals, *missing], [no for analysis in analyses for no in analysis.refusals], ports)
    point_to_successors(opened, ports, now)
    for found in checkouts:
        keep_dashboard(found.repo, found.ground, "propose", ports, now)
    keep_tickets(findings, tuple(clusters.values()), tuple(lives(ports).values()), home_governance(ports), ports, now)
    tell_digests(frozen.run, opened, ports, now, untold)
    _raise_untold(untold)
    silent = f", {len(missing)} clusters were not analyzed" if missing else ""
    return f"{frozen.run}: {len(opened)} proposals stand, {len(refusals)} findings were not opened{silent}"


def _raise_untold(untold: Sequence[str]) -> None:
    """All the rest is done: delivered again, the run finds it so, and tells what Slack did not take."""
    if untold:
        raise Upstream("; ".join(untold))


def _tell_refusals(frozen: Plan, refusals: Sequence[Refusal], said: Sequence[Refusal], ports: Ports) -> None:
    """Everything that was not opened, by name: in the log, and in a document beside the run."""
    for refusal in refusals:
        thing = f"{refusal.pool}: {refusal.reason}"
        ports.log.info("finding.refused", run=frozen.run, rule=refusal.rule, cluster=refusal.cluster_uid, kind=refusal.kind, input=thing)
    told: Json = {"refusals": [dump(refusal) for refusal in refusals], "reasons": reasons_of((*refusals, *said))}
    ports.documents.publish(f"runs/{frozen.run}/refused", told)
    if not frozen.is_partial:
        ports.documents.publish("runs/latest", {"run": frozen.run, "at": frozen.at.isoformat()})


def _holds_for_no_budget(frozen: Plan, clusters: Mapping[ClusterUid, Cluster], ports: Ports, proposal: Proposal) -> bool:
    """True of quotas that were to be held for a budget which is not spent any more: a new month, a larger amount, another action.

    What its pods ask for says nothing of that: a quota that is used up is never found large enough.
    """
    cluster = clusters.get(proposal.finding.subject.cluster_uid)
    if cluster is None or cluster.uid not in frozen.clusters or any(part.finding.rule != BUDGET_FREEZE for part in proposal.parts):
        return False
    quotas = [live_quota(part.finding.subject, ports) for part in proposal.parts]
    return all(quota is not None and not frozen.spent_on(cluster, quota) for quota in quotas)


def checkout(repo: str, commit: CommitSha, ports: Ports, now: datetime) -> Checkout:
    """Read a repo's rules and the files that its layouts take."""
    governance = read_governance(ports, repo, commit)
    paths = [path for path in ports.forge.list_files(repo, commit) if _is_wanted(path, governance)]
    files = ports.forge.read_files(repo, commit, paths)
    ground = noted(repo, ground_of(repo, ports), ports, now)
    return Checkout(repo=repo, commit=commit, governance=governance, files=files, ground=ground)


def _is_wanted(path: str, governance: Governance) -> bool:
    """True for a file that some layout takes, and for what decides about such files: Terraform and its variables, kustomizations."""
    decides = path.endswith((*TERRAFORM, ".tf.json", ".tfvars.json"))
    return is_kustomization(path) or (is_editable(path) and (decides or any(is_covered(layout, path) for layout in governance.layouts)))


def drafted(frozen: Plan, finding: Finding, cluster: Cluster | None, checkouts: tuple[Checkout, ...], ports: Ports) -> Proposal | Refusal:
    """A finding as a proposal of its own, or a refusal that says why there is none."""
    if cluster is None:
        return refused(finding, "cluster-gone", "Palette no longer lists this cluster.")
    if finding.needs_person:
        return refused(finding, "needs-person", finding.needs_person)
    frost = frozen_rule(cluster.uid, finding.rule, ports)
    if frost is not None:
        why = f"{finding.rule} was rolled back on this cluster on {frost.since:%Y-%m-%d} ({frost.reason}); a person lifts that"
        return refused(finding, "frozen", f"{why}: trimtab freeze --lift {cluster.name}/{finding.rule}")
    try:
        return draft(frozen, finding, cluster, checkouts, ports)
    except (BadInput, Refused) as error:
        return refused(finding, "not-in-git", str(error))


def open_alone(
    proposal: Proposal, known: Mapping[str, Life], checkouts: tuple[Checkout, ...], ports: Ports, now: datetime, untold: list[str]
) -> ProposalId | Refusal:
    """Bring one finding to its wanted state: a planned entry, a pull request, a card; or a refusal that says why not.

    A card that Slack does not take is added to `untold`, and keeps no other from being opened.
    """
    ground = next(found.ground for found in checkouts if found.repo == proposal.place.repo)

    def step() -> str:
        ports.forge.forget()
        journal = Journal.open(ports, proposal.id, "propose", now)
        catch_up(journal, ports, now)
        refusal = _said_elsewhere(proposal, known, now) or adopt(journal, proposal, ports, now)
        carry_on(journal, ports, now, ground=ground)
        return refusal

    reason = _settled(step, untold)
    return refused(proposal.finding, "not-opened", reason) if reason else proposal.id


def _settled(step: Callable[[], str], untold: list[str]) -> str:
    """Why it did not open; "" = it did, or all but telling it is done."""
    try:
        return until_settled(step)
    except NotTold as error:
        untold.append(str(error))
        return ""
    except (BadInput, Refused) as error:
        if isinstance(error, Broken):
            raise
        return str(error)


def _said_elsewhere(proposal: Proposal, known: Mapping[str, Life], now: datetime) -> str:
    """What people said of the same change when it came together with others."""
    groups = {stream: life for stream, life in known.items() if life.planned().members}
    memories = memories_of((proposal,), Life(), groups)[proposal.finding.subject]
    told = next(
        (memory.fingerprint for memory in reversed(memories) if fingerprint(proposal.finding, memory.fingerprint) == memory.fingerprint), ""
    )
    return turned_down(replace(proposal, fingerprint=told), memories, now) if told else ""


# ── several at once ──────────────────────────────────────────────────────────────────────────────────────────────────
def _carried(
    frozen: Plan, findings: Sequence[Finding], said: Sequence[Refusal], known: Mapping[str, Life]
) -> dict[ProposalId, tuple[Proposal, ...]]:
    """Of each open group, the changes that stay in it unseen; only of those in which something else moved."""
    found, judged = looked_at(findings, said)
    open_groups = [life for life in known.values() if life.planned().members and life.state in REPLACEABLE and _is_older(life, frozen)]
    unseen = {life.planned().id: (life, unlooked(life, found, judged)) for life in open_groups}
    return {identity: parts for identity, (life, parts) in unseen.items() if len(parts) < len(life.planned().members)}


def _is_older(life: Life, frozen: Plan) -> bool:
    return life.planned().valid_at <= evidence_end(frozen)


def _items(
    frozen: Plan,
    findings: Sequence[Finding],
    carried: Mapping[ProposalId, tuple[Proposal, ...]],
    known: Mapping[str, Life],
    clusters: Mapping[ClusterUid, Cluster],
    checkouts: tuple[Checkout, ...],
    opening: Opening,
    ports: Ports,
) -> Iterator[Proposal | Refusal | Group]:
    """What is opened one after the other. Where nothing comes together each is drafted in its turn: once a repo is full, no more are."""

    def made(finding: Finding) -> Proposal | Refusal:
        return drafted(frozen, finding, clusters.get(finding.subject.cluster_uid), checkouts, ports)

    grouping = {found.repo: found.governance.grouping for found in checkouts}
    if "file" in grouping.values() or any(life.planned().members for life in known.values()):
        yield from _in_order([made(finding) for finding in findings], carried, known, grouping)
        return
    touched = {life.planned().finding.subject for life in known.values()}
    for finding in findings:
        if str(finding.subject) not in opening.done:
            full = "" if finding.needs_person or finding.subject in touched else opening.full_everywhere(grouping)
            yield refused(finding, "not-opened", full) if full else made(finding)


def _in_order(
    drafts: Sequence[Proposal | Refusal],
    carried: Mapping[ProposalId, tuple[Proposal, ...]],
    known: Mapping[str, Life],
    grouping: Mapping[str, str],
) -> list[Proposal | Refusal | Group]:
    """What is opened one after the other; last the groups of which only unseen changes are left."""
    order = grouped(drafts, known, grouping)
    seen = {item.id for item in order if isinstance(item, Group)}
    return [*order, *(Group(id=identity, parts=()) for identity, parts in carried.items() if identity not in seen and parts)]


def open_group(
    frozen: Plan,
    group: Group,
    unseen: tuple[Proposal, ...],
    known: Mapping[str, Life],
    clusters: Mapping[ClusterUid, Cluster],
    checkouts: tuple[Checkout, ...],
    ports: Ports,
    now: datetime,
    untold: list[str],
) -> list[ProposalId | Refusal]:
    """Bring several findings to their wanted state as one pull request; what may not be in it is left out, and why is said."""
    again = [drafted(frozen, part.finding, clusters.get(part.finding.subject.cluster_uid), checkouts, ports) for part in unseen]
    turned_away: list[ProposalId | Refusal] = [answer for answer in again if isinstance(answer, Refusal)]
    parts = (*group.parts, *(part for part in again if isinstance(part, Proposal)))
    if not parts:
        return turned_away
    found = next(found for found in checkouts if found.repo == parts[0].place.repo)
    # An older run that comes late found older evidence; where all that it found is gone, its own end says how old it is.
    measured_until = max((part.finding.evidence.end for part in group.parts), default=evidence_end(frozen))
    answers: list[Admitted] = []

    def step() -> str:
        ports.forge.forget()
        journal = Journal.open(ports, group.id, "propose", now)
        catch_up(journal, ports, now)
        admitted = _admitted(Group(id=group.id, parts=parts), journal.life, known, found, measured_until, ports, now)
        answers.append(admitted)
        refusal = adopt(journal, admitted.proposal, ports, now) if admitted.proposal else ""
        carry_on(journal, ports, now, ground=found.ground)
        return refusal

    reason = _settled(step, untold)
    # A step that another writer made start over may have answered before: the last answer is the one that was acted on.
    admitted = answers[-1] if answers else Admitted(proposal=None, left=tuple((part, reason) for part in parts))
    members = admitted.proposal.parts if admitted.proposal else ()
    turned_away += [refused(part.finding, "not-opened", why) for part, why in admitted.left]
    named = {part.finding.subject for part, _ in admitted.left}
    turned_away += [refused(part.finding, "not-opened", reason) for part in members if reason and part.finding.subject not in named]
    turned_away += [group.id] if members and not reason else []
    return [*turned_away, *(open_alone(part, known, checkouts, ports, now, untold) for part in admitted.alone)]


def _admitted(
    group: Group, life: Life, known: Mapping[str, Life], found: Checkout, valid_at: datetime, ports: Ports, now: datetime
) -> Admitted:
    """Who may be in it; while what it made before is being merged or verified, or is a person's, nobody."""
    if life.state in BUSY:
        return Admitted(proposal=None, left=tuple((part, remembered(life, part, now) or f"it is {life.state}") for part in group.parts))
    return admit(group, life, known, found.files, found.ground, valid_at, ports, now)


def draft(frozen: Plan, finding: Finding, cluster: Cluster, checkouts: tuple[Checkout, ...], ports: Ports) -> Proposal:
    """A finding with its place in Git and the exact edit. Raises Refused or BadInput where no repo allows one."""
    found, place = locate(finding, cluster, checkouts)
    layout = layout_of(found.files, place, found.governance.layouts, finding.subject.field, finding.subject.kind)
    owners = bills_of(frozen.run, ports.documents).owners(cluster.name, finding.subject.pool) if finding.subject.kind == "pool" else ()
    identity = proposal_id(found.repo, finding.subject)
    return Proposal(
        id=identity,
        stream=stream_of(identity),
        fingerprint=fingerprint(finding),
        generation=1,
        finding=finding,
        place=place,
        edit=plan_edit(found.files, place, layout, finding.changes),
        branch=branch_name(finding.subject, cluster.name),
        base_ref=ports.settings.repository(found.repo).branch,
        base=found.commit,
        valid_at=finding.evidence.end,
        team=owners[0][0] if owners else None,
        run=frozen.run,
        owners=owners,
    )


def locate(finding: Finding, cluster: Cluster, checkouts: tuple[Checkout, ...]) -> tuple[Checkout, Place]:
    """The one repo and place that declare the pool. Raises Refused where none does, or more than one."""
    places, problems = [], []
    for found in checkouts:
        try:
            subject, layouts = finding.subject, found.governance.layouts
            place = find_place(found.files, found.repo, layouts, cluster.name, subject.pool, subject.field, subject.kind)
            places.append((found, place))
        except Refused as error:
            problems.append(str(error))
    if len(places) > 1:
        raise Refused("declared in more than one repo: " + ", ".join(f"{place.repo}:{place.path}" for _, place in places))
    if not places:
        raise Refused("; ".join(problems) or "settings.repositories: no GitOps repo is named")
    return places[0]


__all__ = [
    "Analysis", "Checkout", "Plan", "analyze_cluster", "checkout", "draft", "drafted", "latest_analyses", "locate", "open_alone",
    "open_group", "open_run", "plan", "plan_of", "propose",
]  # fmt: skip
