"""Which mask amounts wear in which place: what the rules say, whoever can read there, and the bill that a share is a share of."""

from decimal import Decimal

from trimtab.attribution.summary import Summary
from trimtab.errors import BadInput
from trimtab.flow.governance import read_governance
from trimtab.policy.masking import Mask, mask_of, masked, shows_amounts
from trimtab.ports import Ports
from trimtab.records import AccessRules, ForgeRules, Governance

HIDDEN = Mask(mode="hidden")
"""Where the rules cannot be read, nobody said that an amount may be shown."""


def mask_of_messages(governance: Governance | None, ports: Ports, channel: str = "") -> Mask:
    """For messages, which none but whoever is in their channel can read; one that several teams have is no team's, and reads no amount."""
    if governance is None or _is_shared(channel, governance):
        return HIDDEN
    return mask_of(governance.access, is_public=False, wholes=_wholes(governance.access, ports))


def _is_shared(channel: str, governance: Governance) -> bool:
    return bool(channel) and sum(team.channel == channel for team in governance.teams) > 1


def mask_of_repo(governance: Governance | None, rules: ForgeRules, ports: Ports) -> Mask:
    """For pull requests, issues and comments of a repo."""
    if governance is None:
        return HIDDEN
    return mask_of(governance.access, is_public=rules.is_public, wholes=_wholes(governance.access, ports))


def masked_in(repo: str, text: str, ports: Ports) -> str:
    """A text as it may stand in a repo; the forge is asked only where there is something to hide."""
    if not shows_amounts(text):
        return text
    rules = ports.forge.rules(repo, ports.settings.repository(repo).branch)
    return masked(text, mask_of_repo(_governance(repo, ports), rules, ports))


def masked_in_channel(repo: str, channel: str, text: str, ports: Ports) -> str:
    """A text about what a repo declares, as it may stand in a channel."""
    return masked(text, mask_of_messages(_governance(repo, ports), ports, channel)) if shows_amounts(text) else text


def _governance(repo: str, ports: Ports) -> Governance | None:
    try:
        return read_governance(ports, repo)
    except BadInput:
        return None


def _wholes(access: AccessRules, ports: Ports) -> dict[str, Decimal]:
    """The newest whole bill by currency, where shares are shown."""
    keys = ports.documents.keys("summaries/all/") if access.mask == "shares" else []
    document = ports.documents.find(keys[-1]) if keys else None
    wholes: dict[str, Decimal] = {}
    for line in Summary.from_json(document).by_part if document else ():
        wholes[line.currency] = wholes.get(line.currency, Decimal(0)) + line.amounts.effective
    return wholes
