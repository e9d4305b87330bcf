"""Say on a cluster in Palette what is proposed for it, where the config asks for that.

Terraform owns the same map: where it manages the cluster, its next plan shows what we wrote as a difference, and applying it wipes it.
So it is off unless `annotations: true` says that this was understood, and nothing is ever read back from there.
"""

from collections import defaultdict

from trimtab.errors import BadInput, Refused, Upstream
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
    """Bring every cluster's annotation to what is open for it in this repo; how many were written.

    A cluster that nothing is open for any more loses it; one whose annotation somebody took away or changed gets it again. What Palette
    refuses is logged, keeps nothing else from being done, and is tried again by the next sweep.
    """
    if governance is None:
        return 0
    wanted = _wanted(repo, ports) if governance.annotates_clusters else {}
    document = ports.documents.find(WRITTEN + repo) or {}
    before = {uid: str(text) for uid, text in document.items()}
    after, written = dict(before), 0
    for uid in sorted({*wanted, *before}):
        text = wanted.get(uid, "")
        try:
            written += ports.palette.annotate(ClusterUid(uid), {PROPOSALS: text or None})
        except (BadInput, Refused, Upstream) as error:
            ports.log.warning("annotation.refused", cluster=uid, input=str(error))
            continue
        after = {**after, uid: text}
    kept = {uid: text for uid, text in after.items() if text}
    if kept != before:
        ports.documents.publish(WRITTEN + repo, dict(kept))
    return written


def _wanted(repo: str, ports: Ports) -> dict[str, str]:
    found: dict[str, list[str]] = defaultdict(list)
    for life in lives(ports).values():
        if life.planned().place.repo == repo and life.state in _OPEN and life.pull_request is not None:
            for line in _lines(life, life.pull_request.url):
                found[life.planned().finding.subject.cluster_uid].append(line)
    return {uid: _joined(lines) for uid, lines in found.items()}


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
