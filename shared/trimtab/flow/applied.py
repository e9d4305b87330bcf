"""Is what was merged in the cluster? The declared fields are compared with what Palette shows; a merge alone changes nothing."""

from collections.abc import Mapping
from datetime import timedelta

from trimtab.flow.calling import call_once
from trimtab.flow.life import Journal
from trimtab.flow.live import live_quota
from trimtab.flow.plans import layouts_of
from trimtab.flow.watch import keep_look
from trimtab.lifecycle import Event
from trimtab.policy.subjects import pool_text, quota_text
from trimtab.ports import Ports
from trimtab.records import Cluster, Governance, PoolField, Proposal

APPLY_WITHIN: Mapping[str, tuple[timedelta, str]] = {
    "apply-on-push": (timedelta(hours=4), "its pipeline runs on every push: look at the run of this merge"),
    "argo": (timedelta(hours=2), "Argo CD syncs it: look whether the application is synced to this merge"),
    "atlantis": (timedelta(hours=24), "Atlantis applies it when somebody says so: comment `atlantis apply` where it was not"),
    "hcp-terraform": (timedelta(hours=24), "HCP Terraform applies it as its workspace is set to: confirm the run where it waits for that"),
}
"""By the layout's delivery: how long it may take, and where to look."""
_UNKNOWN_DELIVERY = (timedelta(hours=24), "the layout does not say what applies it")


def see_applied(journal: Journal, cluster: Cluster | None, governance: Governance, ports: Ports) -> None:
    """Applied where every change is; one of several that is not holds all of them. Said once where it takes too long."""
    proposal, now = journal.life.planned(), journal.now
    found = [(part, live_values(part, cluster, ports)) for part in proposal.parts]
    names = [f"{part.finding.subject.pool}: " if proposal.members else "" for part in proposal.parts]
    saw = "; ".join(f"{name}{_seen(live)}" for name, (_, live) in zip(names, found, strict=True))
    there = [_is_there(part, live) for part, live in found]
    if all(there):
        journal.move(Event.APPLIED, f"Palette shows {saw}", applied_at=now)
        return
    if not any(there):
        keep_look(journal.life, ports, now)
    within, where = _patience(proposal, governance)
    if journal.life.merged_at and now - journal.life.merged_at > within:
        hours = within // timedelta(hours=1)
        call_once(journal, "not-applied", f"merged, not applied: after over {hours} hours Palette still shows {saw}; {where}", ports)


def _patience(proposal: Proposal, governance: Governance) -> tuple[timedelta, str]:
    """Of several layouts for the file, the one that takes longest."""
    ways = [APPLY_WITHIN[layout.delivery] for layout in layouts_of(proposal.place.path, governance)]
    return max(ways, default=_UNKNOWN_DELIVERY)


def _seen(live: Mapping[PoolField, str | None]) -> str:
    return ", ".join(f"{field} = {value}" for field, value in live.items()) or "nothing of that name"


def _is_there(part: Proposal, live: Mapping[PoolField, str | None]) -> bool:
    return bool(live) and all(live[change.field] == change.new for change in part.finding.changes if change.field in live)


def live_values(proposal: Proposal, cluster: Cluster | None, ports: Ports) -> dict[PoolField, str | None]:
    """What Palette shows of the changed fields; {} = what they belong to is gone. A count that the autoscaler moves is not waited for."""
    fields = [change.field for change in proposal.finding.changes]
    if proposal.finding.subject.kind != "pool":
        quota = live_quota(proposal.finding.subject, ports)
        return {field: quota_text(quota, field) for field in fields} if quota else {}
    pool = cluster.pool_of(proposal.finding.subject) if cluster else None
    if pool is None:
        return {}
    waited_for = [field for field in fields if not (pool.is_autoscaled and field == "count")]
    return {field: pool_text(pool, field) for field in waited_for or fields}
