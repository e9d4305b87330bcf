"""Palette's audit trail as a trigger: what somebody changed on a cluster or pool has its open proposals judged again at once.

It is no truth, only a reason to look: everything it says is read again. How far it was read is a stream of its own in the ledger. Each
pass begins an hour before the last one ended, for entries that come late; an entry that was seen is one inbox message for good.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from trimtab.errors import BadInput, Refused
from trimtab.flow.rewake import wake_proposals
from trimtab.flow.wake import Wake
from trimtab.ports import Ports
from trimtab.records import AuditEntry, ClusterUid, Entry, ProjectUid

STREAM = "palette/audits"
OVERLAP = timedelta(hours=1)
FIRST = timedelta(hours=2)
"""How far back the first pass looks."""
LONGEST = timedelta(days=30)
"""How far back any pass looks: what is older was judged on fresh facts many times since."""
KEEP = timedelta(days=1)
"""The cursor moves this often even where nothing happened."""
CHANGES = frozenset({"create", "update", "delete", "deploy", "action"})
AROUND = frozenset({"cloudconfig", "machine", "machinepool", "machinepools", "clusterprofile", "workspace"})
"""Resources that are of a cluster without being it: an entry names the project at most, so all its clusters are looked at."""


def follow_audits(ports: Ports, now: datetime) -> str:
    """Put one message into the inbox for each new entry that touches a cluster. Raises Upstream where Palette does not answer."""
    head = ports.ledger.head(STREAM)
    try:
        entries = ports.palette.audits(_since(head, now), now)
    except (BadInput, Refused) as error:
        ports.log.warning("audits.refused", input=str(error))
        return ""
    touched = [(entry, clusters) for known in [_projects(entries, ports)] for entry in entries if (clusters := _touched(entry, known))]
    new = sum(ports.inbox.put(f"inbox/audit/{entry.uid}", _message(entry, clusters)) for entry, clusters in touched)
    if new or (head and now - head.at >= KEEP):
        # Somebody else's cursor is as good: whoever comes second read the same entries.
        reason, state = f"{new} new changes of clusters", {"until": now.isoformat()}
        ports.ledger.append(STREAM, head, kind="read", at=now, actor="verify", reason=reason, body={}, state=dict(state))
    return f"{new} changes in Palette" if new else ""


def _since(head: Entry | None, now: datetime) -> datetime:
    """A cursor that cannot be read, or lies ahead, is none."""
    try:
        until = datetime.fromisoformat(str(head.state.get("until"))) if head else None
    except ValueError:
        until = None
    if until is None or until.tzinfo is None or until > now:
        return now - FIRST
    return max(until - OVERLAP, now - LONGEST)


def _projects(entries: Sequence[AuditEntry], ports: Ports) -> Mapping[ClusterUid, ProjectUid]:
    """Each cluster's project; nobody is asked where nothing happened."""
    return ports.palette.projects() if any(entry.action in CHANGES for entry in entries) else {}


def _touched(entry: AuditEntry, projects: Mapping[ClusterUid, ProjectUid]) -> tuple[ClusterUid, ...]:
    if entry.action not in CHANGES:
        return ()
    named = tuple(uid for uid in projects if uid == entry.resource_uid)
    if named or entry.kind.lower() not in AROUND:
        return named
    return tuple(uid for uid, project in projects.items() if project == entry.project_uid)


def _message(entry: AuditEntry, clusters: Sequence[ClusterUid]) -> bytes:
    about = {"at": entry.at.isoformat(), "action": entry.action, "kind": entry.kind, "clusters": sorted(clusters)}
    return json.dumps(about, sort_keys=True).encode()


def judge_again(wake: Wake, ports: Ports) -> str:
    """One entry: its clusters' open proposals are judged again. Raises BadInput for a message that is none of ours."""
    body = ports.inbox.read(wake.key)
    try:
        clusters = {ClusterUid(str(uid)) for uid in json.loads(body or b"")["clusters"]}
    except (ValueError, KeyError, TypeError):
        raise BadInput(f"{wake.key}: not a message about an audit entry") from None
    woken = wake_proposals(clusters, wake.key.rpartition("/")[2], ports)
    return f"changed in Palette: {', '.join(sorted(clusters))}; {woken} proposals are judged again"
