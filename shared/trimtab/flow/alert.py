"""A notice came, a budget's cost moved, or the clock struck: the owner is told, with the cause and the fix, once per threshold."""

import re
from dataclasses import replace
from datetime import datetime
from functools import partial

from trimtab.attribution.owners import slugged
from trimtab.attribution.summary import Summary
from trimtab.errors import BadInput, Refused, Upstream
from trimtab.flow.budget_asks import ASK
from trimtab.flow.budgets import judge_budgets
from trimtab.flow.follow_up import follow_up
from trimtab.flow.governance import home_governance
from trimtab.flow.life import until_settled
from trimtab.flow.requests import request_of
from trimtab.flow.telling import About, NobodyTold, tell
from trimtab.flow.wake import Wake
from trimtab.ports import Ports
from trimtab.records import BudgetNotice, Governance, Team
from trimtab.sources.notices import is_unreadable, read_azure, read_notice

UNREADABLE_A_DAY = 10
"""Notices that cannot be read at all of which somebody is told in a day; whoever can send any could else flood the channel."""


def alert(wake: Wake, ports: Ports, now: datetime) -> str:
    """What one inbox item asks for."""
    if wake.key.startswith("inbox/clock/"):
        return _struck(wake.key, ports, now)
    if wake.key.startswith(ASK):
        return judge_budgets(wake.key, ports, now)
    notice = _notice(wake.key, ports)
    if is_unreadable(notice):
        _check_flood(wake.key, ports, now)
    governance = _rules(notice, ports)
    about = about_of(notice, governance, ports)
    try:
        return until_settled(partial(tell, notice, about, governance, wake.key, ports, now))
    except NobodyTold as error:
        # It is sent once: it waits until a way is mended, and is tried again by every sweep.
        raise Upstream(str(error)) from None


def _struck(key: str, ports: Ports, now: datetime) -> str:
    """Both things that the clock asks for: a budget whose owner cannot be reached keeps nobody from hearing of another."""
    answers, failures = [], []
    for step in (judge_budgets, follow_up):
        try:
            answers.append(step(key, ports, now))
        except Upstream as error:
            failures.append(str(error))
    if failures:
        raise Upstream("; ".join(failures))
    return "; ".join(answers)


def _rules(notice: BudgetNotice, ports: Ports) -> Governance:
    """Whom to tell. While nobody can say, the notice waits: dropped, an alarm would be lost to a typing error in a file."""
    try:
        return home_governance(ports)
    except BadInput as error:
        raise Upstream(f"{notice.name}: told once the rules can be read: {error}") from None


def _notice(key: str, ports: Ports) -> BudgetNotice:
    if key.startswith("inbox/azure/"):
        request, received_at = request_of(key, ports)
        # It names no period; one that waited over the turn of a month is about the month in which it came.
        return replace(read_azure(request.body), period=f"{received_at:%Y-%m}")
    stored = ports.inbox.read(key)
    if stored is None:
        raise BadInput(f"{key}: expired or never received")
    return read_notice(stored)


def _check_flood(key: str, ports: Ports, now: datetime) -> None:
    holder = key.rpartition("/")[2]
    if ports.ledger.claim_slot("unreadable-notices", f"{now:%Y-%m-%d}", UNREADABLE_A_DAY, holder) is None:
        raise Refused(f"{UNREADABLE_A_DAY} notices that nobody can read were told on this day already; this one is only logged")


# ── whose it is ──────────────────────────────────────────────────────────────────────────────────────────────────────
def about_of(notice: BudgetNotice, governance: Governance, ports: Ports) -> About:
    """Whose a notice is, and what costs most there; a team's channel is told of that team's costs and nobody else's."""
    team = team_of(notice, governance)
    summary = _newest(f"team-{slugged(team.name)}" if team else "all", ports)
    currency = governance.currency
    return About(
        team=team,
        parts=dict(summary.parts(currency)) if summary else {},
        currency=currency,
        clusters=tuple(sorted({line.name for line in summary.by_cluster if line.name})) if team and summary else (),
    )


def team_of(notice: BudgetNotice, governance: Governance) -> Team | None:
    """The team that the config names for the budget's id; else the one whose name is a word of the budget's, the longest such name."""
    owners = {budget.id: budget.team for budget in governance.cloud_budgets}
    if notice.source != "trimtab" and notice.budget in owners:
        return next(team for team in governance.teams if team.name == owners[notice.budget])
    named = [team for team in governance.teams if (team.channel or team.teams_webhook or team.email) and _is_named(team.name, notice.name)]
    return max(named, key=lambda team: (len(team.name), team.name), default=None)


def _is_named(team: str, name: str) -> bool:
    """`ml` is named by "ml-budget" and "ML: July", not by "xmlparser"."""
    return re.search(rf"(?<![a-z0-9]){re.escape(team.lower())}(?![a-z0-9])", name.lower()) is not None


def _newest(scope: str, ports: Ports) -> Summary | None:
    keys = ports.documents.keys(f"summaries/{scope}/")
    document = ports.documents.find(keys[-1]) if keys else None
    return Summary.from_json(document) if document else None
