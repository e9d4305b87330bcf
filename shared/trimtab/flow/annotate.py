"""Say on a cluster in Palette what is proposed for it, where the config asks for that.

Terraform owns the same map: where it manages the cluster, its next plan shows what we wrote as a difference, and applying it wipes it.
So it is off unless `annotations: true` says that this was understood, and nothing is ever read back from there.
"""

from collections import defaultdict

from trimtab.errors import BadInput, Refused, Upstream
from trimtab.flow.governance import read_governance
from trimtab.flow.life import Life, lives
from trimtab.lifecycle import State
from trimtab.ports import Ports
from trimtab.records import ClusterUid, Governance

PROPOSALS = "trimtab.proposals"
LONGEST = 1000
"""Characters of a value; a longer list ends in how many more there are."""
WRITTEN = "annotations/"
_OPEN = (State.OPEN, State.AWAITING, State.APPROVED, State.MERGING, State.EXPIRED)


def annotate_clusters(repo: str, governance: Governance | None, ports: Ports) -> int:
    """Bring the annotation of this repo's clusters to what is open for them, here and in other repos; how many were written.

    A cluster that nothing is open for any more loses it; one whose annotation somebody took away or changed gets it again. What Palette
    refuses is logged, keeps nothing else from being done, and is tried again by the next sweep.
    """
    if governance is None:
        return 0
    own = _lines_by_cluster(repo, ports) if governance.annotates_clusters else {}
    document = ports.documents.find(WRITTEN + repo) or {}
    before = {uid: str(text) for uid, text in document.items()}
    touched = sorted({*own, *before})
    others = _of_others(repo, ports) if touched else {}
    after, written = dict(before), 0
    for uid in touched:
        text = _joined([*own.get(uid, ()), *others.get(uid, ())])
        try:
            written += ports.palette.annotate(ClusterUid(uid), {PROPOSALS: text or None})
        except (BadInput, Refused, Upstream) as error:
            ports.log.warning("annotation.refused", cluster=uid, input=str(error))
            continue
        # What only another repo has open is for that one to take away.
        after = {**after, uid: text if uid in own else ""}
    kept = {uid: text for uid, text in after.items() if text}
    if kept != before:
        ports.documents.publish(WRITTEN + repo, dict(kept))
    return written


def _of_others(repo: str, ports: Ports) -> dict[str, list[str]]:
    """What is open for clusters in other repos that ask for it too: several may manage pools of one cluster, which has one annotation."""
    found: dict[str, list[str]] = defaultdict(list)
    for other in (repository.id for repository in ports.settings.repositories if repository.id != repo):
        if _asks_for_it(other, ports):
            for uid, lines in _lines_by_cluster(other, ports).items():
                found[uid] += lines
    return found


def _asks_for_it(repo: str, ports: Ports) -> bool:
    """Rules that cannot be read for now take nothing back that was written by them."""
    try:
        return read_governance(ports, repo).annotates_clusters
    except BadInput:
        return bool(ports.documents.find(WRITTEN + repo))


def _lines_by_cluster(repo: str, ports: Ports) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for life in lives(ports).values():
        if life.planned().place.repo == repo and life.state in _OPEN and life.pull_request is not None:
            found[life.planned().finding.subject.cluster_uid] += _lines(life, life.pull_request.url)
    return found


def _lines(life: Life, url: str) -> list[str]:
    return [
        f"{part.finding.subject.thing}: "
        + ", ".join(f"{change.field} {change.old} to {change.new}" for change in part.finding.changes)
        + f" ({url})"
        for part in life.planned().parts
    ]


def _joined(lines: list[str]) -> str:
    text, left = "", sorted(lines)
    while left and len(text) + len(left[0]) + 2 <= LONGEST:
        text = "; ".join(filter(None, (text, left.pop(0))))
    return "; ".join(filter(None, (text, f"and {len(left)} more" if left else "")))
