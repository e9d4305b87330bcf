"""Turn waste into pull requests that someone may approve, in three steps: plan the run, analyze each cluster, open what is worth it.

Each step is one message, done once: `plan` freezes what the run works with, `analyze` writes its findings beside the run, and the
last cluster to finish wakes `open`. A run that dies anywhere is finished by the next delivery of the same message.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from trimtab.analysis.rightsize import analyze, fingerprint
from trimtab.attribution.summary import Summary
from trimtab.changes import branch_name, find_place, is_covered, layout_of, plan_edit
from trimtab.errors import BadInput, Broken, Refused
from trimtab.flow.adopt import adopt, supersede_vanished
from trimtab.flow.codec import dump, load
from trimtab.flow.effects import carry_on, catch_up
from trimtab.flow.governance import home_governance, read_governance
from trimtab.flow.life import Journal, proposal_id, stream_of, until_settled
from trimtab.flow.wake import Wake
from trimtab.ports import Ports
from trimtab.records import Cluster, ClusterUid, CommitSha, Finding, Governance, Json, Place, Pool, Proposal, ProposalId, Refusal

LOOKBACK = timedelta(days=44)
"""How much of the past an analysis looks at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What a run froze when it began."""

    run: str
    at: datetime
    governance: str
    commits: tuple[tuple[str, CommitSha], ...]
    """(repo, commit whose `.trimtab/` and files the run works with)."""
    usage_version: int | None
    clusters: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Analysis:
    """One cluster's share of a run."""

    run: str
    cluster_uid: str
    findings: tuple[Finding, ...]
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkout:
    """What a run reads of one repo, at the commit it froze."""

    repo: str
    commit: CommitSha
    governance: Governance
    files: Mapping[str, bytes]
    """The files that some layout takes."""


def propose(wake: Wake, ports: Ports, now: datetime) -> str:
    """One message of a run: a clock tick plans, `<run>.analyze.<cluster>` analyzes, `<run>.open` opens."""
    name = wake.key.rsplit("/", 1)[1]
    if wake.key.startswith("inbox/clock/"):
        return plan(f"run-{name.replace(':', '').replace('-', '').lower()}", ports, now)
    run, _, step = name.partition(".")
    frozen = plan_of(run, ports)
    if step.startswith("analyze."):
        return analyze_cluster(frozen, step.removeprefix("analyze."), ports)
    if step == "open":
        return open_run(frozen, ports, now)
    raise BadInput(f"{wake.key}: a propose message is <run>.analyze.<cluster uid> or <run>.open")


# ── plan ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def plan(run: str, ports: Ports, now: datetime, *, notify: bool = True) -> str:
    """Freeze run, rules, commits and versions; one message per cluster. A repeated tick finds the plan and sends the same messages."""
    frozen = _find_plan(run, ports) or _freeze(run, ports, now)
    for uid in frozen.clusters if notify else ():
        ports.inbox.put(f"inbox/propose/{run}.analyze.{uid}", b"{}")
    return f"{run}: {len(frozen.clusters)} clusters to analyze"


def _freeze(run: str, ports: Ports, now: datetime) -> Plan:
    commits = tuple((repo.id, ports.forge.base_head(repo.id, repo.branch)) for repo in ports.settings.repositories)
    frozen = Plan(
        run=run,
        at=now,
        governance=home_governance(ports).version,
        commits=commits,
        usage_version=ports.lake.version("usage"),
        clusters=tuple(sorted(cluster.uid for cluster in ports.palette.clusters())),
    )
    ports.documents.publish(f"runs/{run}/plan", dump(frozen))
    return frozen


def _find_plan(run: str, ports: Ports) -> Plan | None:
    document = ports.documents.find(f"runs/{run}/plan")
    return load(Plan, document, f"runs/{run}/plan") if document else None


def plan_of(run: str, ports: Ports) -> Plan:
    """What a run froze. Raises BadInput where there is no such run."""
    frozen = _find_plan(run, ports)
    if frozen is None:
        raise BadInput(f"runs/{run}/plan: no such run; a clock tick for propose plans one")
    return frozen


# ── analyze ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def analyze_cluster(frozen: Plan, uid: str, ports: Ports, *, notify: bool = True) -> str:
    """Findings and refusals for every pool of one cluster; the last cluster of the run wakes `open`."""
    key = f"runs/{frozen.run}/{uid}"
    if ports.documents.find(key) is None:
        ports.documents.publish(key, dump(_analysis(frozen, ClusterUid(uid), ports)))
    if notify and all(ports.documents.find(f"runs/{frozen.run}/{cluster}") for cluster in frozen.clusters):
        ports.inbox.put(f"inbox/propose/{frozen.run}.open", b"{}")
    return f"{frozen.run}: analyzed {uid}"


def _analysis(frozen: Plan, uid: ClusterUid, ports: Ports) -> Analysis:
    cluster = ports.palette.cluster(ClusterUid(uid))
    if cluster is None:
        return _not_analyzed(frozen, uid, "cluster-gone", "Palette no longer lists this cluster.")
    try:
        governance = home_governance(ports)
        results = [result for pool in cluster.pools for result in _pool_results(frozen, cluster, pool, governance, ports)]
    except (BadInput, Refused) as error:
        # One cluster that cannot be read must not keep the run's other clusters from opening.
        ports.log.warning("analyze.refused", run=frozen.run, cluster=uid, input=str(error))
        return _not_analyzed(frozen, uid, "not-analyzed", str(error))
    return Analysis(
        run=frozen.run,
        cluster_uid=uid,
        findings=tuple(result for result in results if isinstance(result, Finding)),
        refusals=tuple(result for result in results if isinstance(result, Refusal)),
    )


def _not_analyzed(frozen: Plan, uid: ClusterUid, rule: str, reason: str) -> Analysis:
    refusal = Refusal(cluster_uid=uid, pool="*", rule=rule, reason=reason)
    return Analysis(run=frozen.run, cluster_uid=uid, findings=(), refusals=(refusal,))


def _pool_results(frozen: Plan, cluster: Cluster, pool: Pool, governance: Governance, ports: Ports) -> tuple[Finding | Refusal, ...]:
    end = evidence_end(frozen)
    demand = ports.usage.demand(cluster.uid, pool.name, end - LOOKBACK - timedelta(days=1), end)
    is_nonproduction = any(
        row.cluster_uid == cluster.uid and row.project_uid == cluster.project_uid for row in ports.settings.nonproduction
    )
    return analyze(
        pool=pool,
        cluster=cluster,
        demand=demand,
        catalog=ports.catalog,
        effective_rate=effective_rate(ports, cluster.name, pool.name, governance.currency),
        now=frozen.at,
        floor=governance.evidence,
        is_nonproduction=is_nonproduction,
        billed_nodes=billed_nodes(ports, cluster.name, pool.name, end - LOOKBACK, end),
    )


def effective_rate(ports: Ports, cluster: str, pool: str, currency: str) -> Decimal | None:
    """What one node-hour of the pool really cost, from the newest period that billed it; None = the bill has no row for it."""
    for key in reversed(ports.documents.keys("summaries/all/")):
        document = ports.documents.find(key)
        rate = Summary.from_json(document).effective_rate(cluster, pool, currency) if document else None
        if rate is not None:
            return rate
    return None


def billed_nodes(ports: Ports, cluster: str, pool: str, start: datetime, end: datetime) -> float | None:
    """How many nodes of the pool the bill has on average between two days; None = it has none of them yet."""
    hours: dict[str, Decimal] = {}
    for key in ports.documents.keys("summaries/all/"):
        document = ports.documents.find(key)
        days = Summary.from_json(document).pool_days(cluster, pool) if document else ()
        hours |= {day: count for day, count, _ in days if f"{start:%Y-%m-%d}" <= day < f"{end:%Y-%m-%d}"}
    return float(sum(hours.values(), Decimal(0)) / (24 * len(hours))) if hours else None


def owner_shares(ports: Ports, cluster: str, pool: str) -> tuple[tuple[str, float], ...]:
    """Teams and their shares of a pool's allocated cost in the newest period that has any, largest first."""
    for key in reversed(ports.documents.keys("summaries/all/")):
        document = ports.documents.find(key)
        shares = Summary.from_json(document).owner_shares(cluster, pool) if document else ()
        if shares:
            return shares
    return ()


# ── open ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def open_run(frozen: Plan, ports: Ports, now: datetime) -> str:
    """Rank what the run found, then plan, judge, open and ask, one subject after the other."""
    stop = ports.permit.stop_reason()
    if stop:
        raise Refused(f"nothing opens: {stop}")
    analyses = latest_analyses(frozen.run, ports)
    checkouts = tuple(checkout(repo, commit, ports) for repo, commit in frozen.commits)
    clusters = {cluster.uid: cluster for cluster in ports.palette.clusters()}
    refusals: list[Json] = []
    opened = 0
    findings = ranked(finding for analysis in analyses for finding in analysis.findings)
    # First, so that a proposal that is no longer wanted is in nobody's way.
    supersede_vanished(findings, [no for analysis in analyses for no in analysis.refusals], evidence_end(frozen), ports, now)
    for finding in findings:
        answer = open_one(frozen, finding, clusters.get(finding.subject.cluster_uid), checkouts, ports, now)
        if isinstance(answer, Refusal):
            refusals.append(dump(answer))
        else:
            opened += 1
    ports.documents.publish(f"runs/{frozen.run}/refused", {"refusals": refusals})
    ports.documents.publish("runs/latest", {"run": frozen.run, "at": frozen.at.isoformat()})
    return f"{frozen.run}: {opened} proposals stand, {len(refusals)} findings were not opened"


def latest_analyses(run: str, ports: Ports) -> list[Analysis]:
    """What every cluster's analysis of a run said."""
    keys = [f"runs/{run}/{uid}" for uid in plan_of(run, ports).clusters]
    return [load(Analysis, _document(ports, key), key) for key in keys]


def checkout(repo: str, commit: CommitSha, ports: Ports) -> Checkout:
    """Read a repo's rules and the files that its layouts take."""
    governance = read_governance(ports, repo, commit)
    paths = (path for path in ports.forge.list_files(repo, commit) if any(is_covered(layout, path) for layout in governance.layouts))
    files = {path: content for path in paths if (content := ports.forge.read_file(repo, commit, path)) is not None}
    return Checkout(repo=repo, commit=commit, governance=governance, files=files)


def ranked(findings: Iterable[Finding]) -> list[Finding]:
    """Growth first (somebody waits for it), then by monthly saving, then by subject so that the order is total."""
    return sorted(findings, key=lambda finding: (finding.saving_list.amount >= 0, -finding.saving_list.amount, str(finding.subject)))


def open_one(
    frozen: Plan, finding: Finding, cluster: Cluster | None, checkouts: tuple[Checkout, ...], ports: Ports, now: datetime
) -> ProposalId | Refusal:
    """Bring one finding to its wanted state: a planned entry, a pull request, a card; or a refusal that says why not."""
    if cluster is None:
        return _refused(finding, "cluster-gone", "Palette no longer lists this cluster.")
    try:
        proposal = draft(frozen, finding, cluster, checkouts, ports)
    except (BadInput, Refused) as error:
        return _refused(finding, "not-in-git", str(error))

    def step() -> str:
        journal = Journal.open(ports, proposal.id, "propose", now)
        catch_up(journal, ports, now)
        refusal = adopt(journal, proposal, ports, now)
        carry_on(journal, ports, now)
        return refusal

    try:
        reason = until_settled(step)
    except (BadInput, Refused) as error:
        if isinstance(error, Broken):
            raise
        reason = str(error)
    return _refused(finding, "not-opened", reason) if reason else proposal.id


def draft(frozen: Plan, finding: Finding, cluster: Cluster, checkouts: tuple[Checkout, ...], ports: Ports) -> Proposal:
    """A finding with its place in Git and the exact edit. Raises Refused or BadInput where no repo allows one."""
    found, place = locate(finding, cluster, checkouts)
    content = found.files[place.path]
    layout = layout_of(content, place, found.governance.layouts, finding.subject.field)
    owners = owner_shares(ports, cluster.name, finding.subject.pool)
    identity = proposal_id(found.repo, finding.subject)
    return Proposal(
        id=identity,
        stream=stream_of(identity),
        fingerprint=fingerprint(finding),
        generation=1,
        finding=finding,
        place=place,
        edit=plan_edit(content, place, layout, finding.changes),
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
            places.append((found, find_place(found.files, found.repo, found.governance.layouts, cluster.name, finding.subject.pool)))
        except Refused as error:
            problems.append(str(error))
    if len(places) > 1:
        raise Refused("declared in more than one repo: " + ", ".join(f"{place.repo}:{place.path}" for _, place in places))
    if not places:
        raise Refused("; ".join(problems) or "settings.repositories: no GitOps repo is named")
    return places[0]


def evidence_end(frozen: Plan) -> datetime:
    """Where a run's evidence ends: whole days only, so that two runs of one day see the same."""
    return frozen.at.replace(hour=0, minute=0, second=0, microsecond=0)


def _refused(finding: Finding, rule: str, reason: str) -> Refusal:
    return Refusal(cluster_uid=finding.subject.cluster_uid, pool=finding.subject.pool, rule=rule, reason=reason)


def _document(ports: Ports, key: str) -> Json:
    document = ports.documents.find(key)
    if document is None:
        raise BadInput(f"{key}: missing; run the run's analyze step again")
    return document
