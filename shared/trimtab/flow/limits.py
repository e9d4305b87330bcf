"""Limits of a repo as slots in the record: a retry reuses its own, and two workers at once cannot both take the last one."""

from datetime import datetime

from trimtab.ports import Ports
from trimtab.records import Limits, Proposal


def full_of_pull_requests(proposal: Proposal, limits: Limits, ports: Ports, now: datetime) -> str:
    """Take the slot of opening this pull request; the named reason where the hour has none left, else ""."""
    holder = f"{proposal.id}.{proposal.fingerprint}"
    if _has_slot("pull-requests", holder, limits.pull_requests_per_hour, proposal, ports, now):
        return ""
    return f"limits.pull_requests_per_hour: {limits.pull_requests_per_hour} were opened in this hour; the next run goes on"


def full_of_commits(proposal: Proposal, limits: Limits, ports: Ports, now: datetime) -> str:
    """Take the slot of pushing this very change on this very base, which every check of the repo will run for."""
    holder = f"{proposal.id}.{proposal.edit.new_blob}.{proposal.base}"
    if _has_slot("commits", holder, limits.commits_per_hour, proposal, ports, now):
        return ""
    return f"limits.commits_per_hour: {limits.commits_per_hour} were pushed in this hour; a later hour goes on"


def _has_slot(name: str, holder: str, capacity: int, proposal: Proposal, ports: Ports, now: datetime) -> bool:
    return ports.ledger.claim_slot(f"{name}-{proposal.place.repo}", f"{now:%Y-%m-%dT%H}", capacity, holder) is not None
