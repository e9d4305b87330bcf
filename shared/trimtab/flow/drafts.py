"""A finding as a proposal: the repos as a run reads them, the one place that declares the thing, and the exact edit there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from trimtab.analysis.rightsize import fingerprint
from trimtab.changes import TERRAFORM, branch_name, find_place, is_covered, is_editable, is_kustomization, layout_of, plan_edit
from trimtab.errors import BadInput, Refused
from trimtab.flow.bills import bills_of
from trimtab.flow.freezes import frozen_rule
from trimtab.flow.governance import read_governance
from trimtab.flow.ground import Ground, ground_of, noted
from trimtab.flow.life import proposal_id, stream_of
from trimtab.flow.run_parts import refused
from trimtab.flow.runs import Plan
from trimtab.ports import Ports
from trimtab.records import Cluster, ClusterUid, CommitSha, Finding, Governance, Place, Proposal, Refusal


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What a run found, and what it would change it in."""

    frozen: Plan
    findings: Sequence[Finding]
    """The one that matters most first."""
    refusals: Sequence[Refusal]
    """What the analyses say is left as it is."""
    missing: Sequence[Refusal]
    """A refusal for each cluster that nobody answered for."""
    clusters: Mapping[ClusterUid, Cluster]
    """Those that Palette still lists."""
    checkouts: tuple[Checkout, ...]

    @property
    def said(self) -> list[Refusal]:
        """Every reason why there is no finding."""
        return [*self.missing, *self.refusals]

    def checkout_of(self, proposal: Proposal) -> Checkout:
        """The repo that a proposal is about."""
        return next(each for each in self.checkouts if each.repo == proposal.place.repo)


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


def drafted(finding: Finding, found: Found, ports: Ports) -> Proposal | Refusal:
    """A finding as a proposal of its own, or a refusal that says why there is none."""
    cluster = found.clusters.get(finding.subject.cluster_uid)
    if cluster is None:
        return refused(finding, "cluster-gone", "Palette no longer lists this cluster.")
    if finding.needs_person:
        return refused(finding, "needs-person", finding.needs_person)
    frost = frozen_rule(cluster.uid, finding.rule, ports)
    if frost is not None:
        why = f"{finding.rule} was rolled back on this cluster on {frost.since:%Y-%m-%d} ({frost.reason}); a person lifts that"
        return refused(finding, "frozen", f"{why}: trimtab freeze --lift {cluster.name}/{finding.rule}")
    try:
        return draft(found.frozen, finding, cluster, found.checkouts, ports)
    except (BadInput, Refused) as error:
        return refused(finding, "not-in-git", str(error))


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
