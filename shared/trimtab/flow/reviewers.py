"""Who is asked to look at a pull request, and what it is labeled with."""

from trimtab.flow.code_owners import code_owners
from trimtab.flow.judging import Judged
from trimtab.policy.environment import is_proven_nonproduction
from trimtab.ports import Ports
from trimtab.records import Proposal, Tier

MOST = 15
"""More than this is asking nobody."""


def reviewers_of(proposal: Proposal, judged: Judged, ports: Ports) -> tuple[str, ...]:
    """The code owners of the file as the base has them, else who may approve; nobody where no person is needed."""
    if judged.verdict.tier not in (Tier.ONE, Tier.TWO) or judged.governance is None:
        return ()
    wanted = code_owners(proposal.place.repo, proposal.edit.path, judged.ground, ports) or tuple(
        person.forge for person in judged.governance.people if person.id in judged.verdict.approvers
    )
    return tuple(dict.fromkeys(login for login in wanted if login.lower() != ports.forge.login.lower()))[:MOST]


def labels_of(judged: Judged) -> tuple[str, ...]:
    """The labels that the config names, with what they ask for filled in."""
    environment = "nonproduction" if is_proven_nonproduction(judged.facts, judged.verdict.judged_at) else "production"
    values = {"{risk}": judged.verdict.risk.word, "{environment}": environment}
    labels = judged.governance.labels if judged.governance else ()
    for placeholder, value in values.items():
        labels = tuple(label.replace(placeholder, value) for label in labels)
    return labels
