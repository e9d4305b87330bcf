"""Have the open proposals of some clusters judged again, because something happened there."""

from collections.abc import Collection

from trimtab.flow.life import STREAMS, fold
from trimtab.lifecycle import State
from trimtab.ports import Ports
from trimtab.records import ClusterUid

UNDECIDED = (State.PLANNED, State.OPEN, State.AWAITING, State.APPROVED)
"""What a judge can still say no to."""


def wake_proposals(clusters: Collection[ClusterUid], cause: str, ports: Ports) -> int:
    """One message per undecided proposal and cause; the same cause a second time is the same message. How many there are."""
    found = 0
    for stream, entry in sorted(ports.ledger.heads(STREAMS).items()):
        life = fold(entry)
        if life.state in UNDECIDED and life.proposal and life.proposal.finding.subject.cluster_uid in clusters:
            ports.inbox.put(f"inbox/decide/{stream.removeprefix(STREAMS)}.{entry.n}.{cause}", b"{}")
            found += 1
    return found
