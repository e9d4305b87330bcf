"""What every judgement in a repo stands on, read once: the tip of its branch, the rules in it, and the forge's own rules."""

from dataclasses import dataclass, replace

from trimtab.errors import BadInput
from trimtab.flow.governance import read_governance
from trimtab.ports import Ports
from trimtab.records import CommitSha, ForgeRules, Governance


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """One repo, as it was when a step began."""

    base: CommitSha
    governance: Governance | None
    """None = unreadable: then nothing opens and nothing merges."""
    rules: ForgeRules


def ground_of(repo: str, ports: Ports) -> Ground:
    """Read it now."""
    branch = ports.settings.repository(repo).branch
    base = ports.forge.base_head(repo, branch)
    return Ground(base=base, governance=_governance(repo, base, ports), rules=_rules(repo, branch, ports))


def _rules(repo: str, branch: str, ports: Ports) -> ForgeRules:
    """The forge's rules; where it does not show who may push below `trimtab/`, the deployment may vouch for it, and never against it."""
    rules = ports.forge.rules(repo, branch)
    if rules.guards_our_branches is None and ports.settings.repository(repo).only_we_push:
        return replace(rules, guards_our_branches=True)
    return rules


def _governance(repo: str, base: CommitSha, ports: Ports) -> Governance | None:
    try:
        return read_governance(ports, repo, base)
    except BadInput as error:
        ports.log.warning("governance.unreadable", input=str(error))
        return None
