"""A value that a person asked for instead of the proposed one: planned and asked about like any other, and kept by later runs."""

from dataclasses import replace
from datetime import datetime

from trimtab.changes import at_value, lies_between
from trimtab.errors import Refused
from trimtab.flow.governance import read_governance
from trimtab.flow.life import Adjusted, Life
from trimtab.flow.replan import files_of, replan
from trimtab.lifecycle import State
from trimtab.ports import Ports
from trimtab.records import CommitSha, Governance, PersonId, Proposal

_FORGOTTEN = (State.REJECTED, State.MERGED, State.APPLIED, State.VERIFIED, State.ROLLED_BACK, State.FAILED)
"""Ends after which the wish is another one: turned down, or carried out."""


def adjusted(proposal: Proposal, wish: Adjusted, base: CommitSha, governance: Governance, ports: Ports) -> Proposal:
    """The proposal at the value that somebody asked for, planned on `base`. Raises Refused where there is no such value or edit."""
    if proposal.members:
        raise Refused("several changes come together here, and each stays as it was measured: make this one on a branch of your own")
    finding = at_value(proposal.finding, wish.value, wish.by, wish.at)
    fresh = replace(proposal, finding=finding, base=base, requested_by=_with(proposal.requested_by, wish.by))
    edit = replan(files_of(fresh, base, ports), fresh, governance)
    if edit is None:
        raise Refused(f"{proposal.edit.path} no longer says what was measured, so no other value can be planned there")
    return replace(fresh, edit=edit)


def _with(people: tuple[PersonId, ...], person: PersonId) -> tuple[PersonId, ...]:
    return people if person in people else (*people, person)


def wish_of(decided_value: str, proposal: Proposal, by: PersonId, at: datetime) -> Adjusted:
    """What a click asks for. Raises Refused for what is no whole number."""
    if not (decided_value.isascii() and decided_value.isdigit() and len(decided_value) < 16):
        raise Refused("the value is not a whole number")
    return Adjusted(fingerprint=proposal.fingerprint, value=int(decided_value), by=by, at=at)


def as_asked_for(life: Life, proposal: Proposal, ports: Ports) -> Proposal:
    """A run's newest proposal at the value that a person asked for, as long as it is the same wish and would go further than that value."""
    wish = life.adjusted
    if wish is None or wish.fingerprint != proposal.fingerprint or not lies_between(proposal.finding, wish.value):
        return proposal
    return adjusted(proposal, wish, proposal.base, read_governance(ports, proposal.place.repo, proposal.base), ports)


def outlives(life: Life) -> Adjusted | None:
    """What of a wish the next generation still has to respect."""
    return None if life.state in _FORGOTTEN else life.adjusted
