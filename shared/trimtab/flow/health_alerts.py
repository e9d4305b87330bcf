"""Palette's health alerts: a received one vetoes its project until the project was read again. It is a wake-up, never a fact.

An alert has no cluster, no time and no signature that could be checked later; whoever sends one can only make Trimtab more careful.
"""

from trimtab.errors import BadInput
from trimtab.flow.requests import request_of
from trimtab.flow.rewake import wake_proposals
from trimtab.flow.wake import Wake
from trimtab.ports import Ports
from trimtab.records import ProjectUid
from trimtab.sources.palette_events import parse

SOURCE = "palette"


def open_alerts(ports: Ports, project_uid: ProjectUid | None) -> tuple[str, ...]:
    """Keys of alerts that wait and are about this project; one that cannot be read is about every project."""
    waiting = ports.inbox.pending(SOURCE)
    return tuple(key for key in waiting if _project(key, ports) in (project_uid, None) or project_uid is None)


def _project(key: str, ports: Ports) -> ProjectUid | None:
    try:
        return parse(request_of(key, ports)[0].body).project_uid
    except BadInput:
        return None


def look_into(wake: Wake, ports: Ports) -> str:
    """Read the alert's project again and have its proposals judged anew. Raises Upstream where Palette cannot be read: the veto stays."""
    alert = parse(request_of(wake.key, ports)[0].body)
    ours = [uid for uid, project in ports.palette.projects().items() if project == alert.project_uid]
    live = [cluster for uid in ours if (cluster := ports.palette.cluster(uid))]
    health = ", ".join(f"{cluster.name} is {cluster.health}" for cluster in live) or "no cluster with machine pools"
    ports.log.info("palette.alert", project=alert.project_uid, health=health, input=alert.message[:300])
    woken = wake_proposals({cluster.uid for cluster in live}, wake.key.rpartition("/")[2][:12], ports)
    return f"alert of project {alert.project_uid}: {health}; {woken} proposals are judged again"
