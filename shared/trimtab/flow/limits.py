"""Limits of a repo as slots in the record: a retry reuses its own, and two workers at once cannot both take the last one."""

from datetime import datetime

from trimtab.ports import Ports
from trimtab.records import Limits, Proposal


def full_of_pull_requests(proposal: Proposal, limits: Limits, ports: Ports, now: datetime) -> str:
    """Take the slot of opening this pull request; the named reason where there is none left, else "". Rollbacks have their own, by day."""
    if proposal.undoes is not None:
        return full_of_rollbacks(proposal, limits, ports, now)
    holder = f"{proposal.id}.{proposal.fingerprint}"
    if _has_slot("pull-requests", holder, limits.pull_requests_per_hour, proposal, ports, now):
        return ""
    return f"limits.pull_requests_per_hour: {limits.pull_requests_per_hour} were opened in this hour; the next run goes on"


def full_of_commits(proposal: Proposal, limits: Limits, ports: Ports, now: datetime) -> str:
    """Take the slot of pushing this very change on this very base, which every check of the repo will run for."""
    if proposal.undoes is not None:
        return ""
    holder = f"{proposal.id}.{proposal.edit.new_blob}.{proposal.base}"
    if _has_slot("commits", holder, limits.commits_per_hour, proposal, ports, now):
        return ""
    return f"limits.commits_per_hour: {limits.commits_per_hour} were pushed in this hour; a later hour goes on"


def full_of_rollbacks(proposal: Proposal, limits: Limits, ports: Ports, now: datetime) -> str:
    """Take the slot of undoing this very change; the named reason where the day has none left, else ""."""
    window, cap = f"{now:%Y-%m-%d}", limits.rollbacks_per_day
    if ports.ledger.claim_slot(f"rollbacks-{proposal.place.repo}", window, cap, proposal.run) is not None:
        return ""
    return f"limits.rollbacks_per_day: {cap} were opened today; where so much goes wrong at once, a person should look"


def _has_slot(name: str, holder: str, capacity: int, proposal: Proposal, ports: Ports, now: datetime) -> bool:
    return ports.ledger.claim_slot(f"{name}-{proposal.place.repo}", f"{now:%Y-%m-%dT%H}", capacity, holder) is not None
