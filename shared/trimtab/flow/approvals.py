"""What people said: a yes counts only while its proof holds and nothing that it was given for has moved, whatever the record says."""

from dataclasses import replace
from datetime import datetime

from trimtab.errors import BadInput
from trimtab.flow.requests import slack_of
from trimtab.policy.judge import binding_of, moved
from trimtab.ports import Ports
from trimtab.records import Approval, Click, Facts, Governance, Person, ProposalId, Tier

OTHER_RULES = "another"
"""Version of rules that are not in force any more, where nobody needs to know which."""
LOCAL = "local/"
"""Keys of decisions that were typed on our own disk: there is no signed request, and nowhere else may they count."""


def person_of(user: str, governance: Governance | None) -> Person | None:
    """Whom owners.yaml knows by that Slack id."""
    return next((person for person in governance.people if person.slack == user), None) if governance else None


def clicked_approvals(
    given: tuple[Approval, ...], proposal: ProposalId, governance: Governance | None, ports: Ports
) -> tuple[Approval, ...]:
    """Those of the recorded yeses that a signed request still proves; a review is never taken from the record."""
    return tuple(yes for yes in given if yes.via == "slack" and _is_proven(yes, proposal, governance, ports))


def _is_proven(approval: Approval, proposal: ProposalId, governance: Governance | None, ports: Ports) -> bool:
    if approval.key.startswith(LOCAL):
        return ports.settings.is_local
    try:
        click, at = slack_of(approval.key, ports)
    except BadInput:
        return False
    person = person_of(click.user, governance)
    return (
        isinstance(click, Click)
        and person is not None
        and (click.action, click.proposal, person.id) == ("approve", proposal, approval.person)
        and (click.head, at) == (approval.binding.head, approval.at)
    )


def with_reviews(facts: Facts, governance: Governance, tier: Tier, ports: Ports, *, since: datetime | None = None) -> Facts:
    """Reviews on the forge count as approvals of people we know, bound to the commit they were given for.

    `since` is when the rules of now were first seen: a review that is older was given under others, and holds no longer than a click.
    """
    if facts.pull_request is None:
        return facts
    binding = binding_of(facts, governance, tier)
    people = {person.forge.lower(): person.id for person in governance.people}
    reviews = tuple(
        Approval(
            person=people[review.login.lower()],
            via="forge",
            at=review.at,
            binding=replace(
                binding,
                head=review.commit,
                policy_version=binding.policy_version if since is None or since <= review.at else OTHER_RULES,
            ),
        )
        for review in ports.forge.reviews(facts.pull_request.repo, facts.pull_request.number)
        if review.state == "approved" and review.may_write and not review.is_bot and review.login.lower() in people
    )
    return replace(facts, approvals=(*facts.approvals, *reviews))


def void(given: tuple[Approval, ...], facts: Facts, governance: Governance, tier: Tier) -> dict[Approval, str]:
    """Recorded yeses in Slack that fell, each with what moved. Once fallen, a yes stays down, whatever moves back."""
    if facts.pull_request is None or facts.pull_request.state != "open":
        return {}
    now = binding_of(facts, governance, tier)
    clicked = [yes for yes in given if yes.via == "slack"]
    unproven = {yes: "its signed request does not prove it" for yes in clicked if yes not in facts.approvals}
    fallen = {yes: "; ".join(moved(yes.binding, now)) for yes in clicked if moved(yes.binding, now)}
    return unproven | fallen
