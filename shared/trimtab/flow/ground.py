"""What every judgement in a repo stands on, read once: the tip of its branch, the rules in it, and the forge's own rules."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from trimtab.errors import BadInput
from trimtab.flow.governance import read_governance
from trimtab.flow.rules_history import earlier_rules, history_of, is_noted, note_rules
from trimtab.policy.earlier import Earlier, careful
from trimtab.ports import Ports
from trimtab.records import CommitSha, ForgeRules, Governance

_NOT_YET = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """One repo, as it was when a step began."""

    base: CommitSha
    governance: Governance | None
    """None = unreadable: then nothing opens and nothing merges."""
    rules: ForgeRules
    earlier: tuple[Earlier, ...] = ()
    """Other versions of the rules that may still have a say."""
    is_noted: bool = False
    """These rules are on record, and people were told of them."""
    since: datetime | None = None
    """When these rules were first seen: what was said before was said under others. None = nobody has looked before."""


def ground_of(repo: str, ports: Ports) -> Ground:
    """Read it now; nothing is written."""
    branch = ports.settings.repository(repo).branch
    base = ports.forge.base_head(repo, branch)
    ground = Ground(base=base, governance=_governance(repo, base, ports), rules=_rules(repo, branch, ports))
    return _with_history(repo, ground, ports)


def _with_history(repo: str, ground: Ground, ports: Ports) -> Ground:
    if ground.governance is None:
        return ground
    history = history_of(repo, ports)
    earlier = earlier_rules(repo, history, ground.governance, ports)
    is_newest = history is not None and history.newest.version == ground.governance.version
    since = history.newest.seen if history and is_newest else _NOT_YET if history else None
    return replace(ground, earlier=earlier, is_noted=is_noted(history, ground.governance), since=since)


def with_tightest_limits(ground: Ground, now: datetime) -> Ground:
    """Limits are held where nothing is judged, too: the tightest of all rules that count."""
    return replace(ground, governance=careful(ground.governance, ground.earlier, now)) if ground.governance else ground


def noted(repo: str, ground: Ground, ports: Ports, now: datetime) -> Ground:
    """The same, with its rules on record: what is looser counts a day from then on. Only who writes anyway asks for it."""
    if ground.governance is None or ground.is_noted:
        return ground
    note_rules(repo, ground.base, ground.governance, ports, now)
    return _with_history(repo, ground, ports)


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
