"""A budget or anomaly notice: tell the owner, with the cause and the fix, once per threshold."""

import hashlib
import re
from datetime import datetime

from trimtab.analysis.ranking import worth
from trimtab.attribution.owners import slugged
from trimtab.attribution.summary import Summary
from trimtab.errors import BadInput
from trimtab.flow.codec import dump
from trimtab.flow.governance import home_governance
from trimtab.flow.life import STREAMS, Moved, fold, until_settled
from trimtab.flow.requests import request_of
from trimtab.flow.wake import Wake
from trimtab.lifecycle import State
from trimtab.ports import Ports
from trimtab.records import BudgetNotice, Entry, Finding, Governance, Proposal, Team
from trimtab.render.slack import alert_card
from trimtab.sources.notices import notice_key, parse_azure, parse_notice

TOP = 3
"""How many causes and fixes a card names; a longer list is not read."""
_OPEN = (State.OPEN, State.AWAITING, State.APPROVED, State.EXPIRED)


def alert(wake: Wake, ports: Ports, now: datetime) -> str:
    """One notice from its inbox item."""
    if wake.key.startswith("inbox/azure/"):
        notice = parse_azure(request_of(wake.key, ports)[0].body)
    else:
        stored = ports.inbox.read(wake.key)
        if stored is None:
            raise BadInput(f"{wake.key}: expired or never received")
        notice = parse_notice(stored)
    return until_settled(lambda: tell_owner(notice, ports, now))


def tell_owner(notice: BudgetNotice, ports: Ports, now: datetime) -> str:
    """Post the alert, unless this threshold of this budget and period was told before; a heartbeat tells nobody."""
    if notice.is_heartbeat:
        return "a heartbeat: no threshold was crossed"
    key = hashlib.sha256(notice_key(notice, f"{now:%Y-%m}").encode()).hexdigest()[:20]
    stream = f"alerts/{key}"
    head = ports.ledger.head(stream)
    if head is not None and head.kind == "told":
        return f"told before: {notice.name}"
    governance = home_governance(ports)
    team = team_of(notice, governance)
    channel = team.channel if team else ports.settings.default_channel
    if not channel:
        raise BadInput(f"budget {notice.name!r}: no team has this name and settings.default_channel is empty, so nobody can be told")
    is_resumed = head is not None
    head = head or _write(ports, stream, None, "intent:alert", f"{notice.name} to {channel}", notice, now)
    blocks, text = alert_card(notice, causes=causes(ports, governance, team), fixes=fixes(ports, team), wording=ports.wording)
    nonce = head.hash[:20]
    ref = (ports.chat.find(channel, nonce) if is_resumed else None) or ports.chat.post(channel, blocks, text, nonce)
    _write(ports, stream, head, "told", f"card {ref.ts} in {ref.channel}", notice, now)
    return f"told {channel}: {text}"


def _write(ports: Ports, stream: str, after: Entry | None, kind: str, reason: str, notice: BudgetNotice, now: datetime) -> Entry:
    entry = ports.ledger.append(stream, after, kind=kind, at=now, actor="alert", reason=reason, body={}, state=dump(notice))
    if entry is None:
        raise Moved(stream)
    return entry


def team_of(notice: BudgetNotice, governance: Governance) -> Team | None:
    """The team whose name stands in the budget's name as a word of its own, the longest such name; None = the default channel."""
    names = [team for team in governance.teams if team.channel and _is_named(team.name, notice.name)]
    return max(names, key=lambda team: (len(team.name), team.name), default=None)


def _is_named(team: str, name: str) -> bool:
    """`ml` is named by "ml-budget" and "ML: July", not by "xmlparser"."""
    return re.search(rf"(?<![a-z0-9]){re.escape(team.lower())}(?![a-z0-9])", name.lower()) is not None


def causes(ports: Ports, governance: Governance, team: Team | None) -> tuple[str, ...]:
    """The largest costs of the newest period, in words; a team's channel is told of that team's costs and nobody else's."""
    scope = f"team-{slugged(team.name)}" if team else "all"
    keys = ports.documents.keys(f"summaries/{scope}/")
    document = ports.documents.find(keys[-1]) if keys else None
    return Summary.from_json(document).largest(governance.currency, TOP) if document else ()


def fixes(ports: Ports, team: Team | None) -> tuple[tuple[str, str], ...]:
    """Open proposals that lower the bill, the largest first: in words, and where; for a team, those on pools that it has a share of."""
    lives = [fold(entry) for entry in ports.ledger.heads(STREAMS).values()]
    waiting = [(part, life.pull_request) for life in lives if life.state in _OPEN and life.pull_request for part in life.planned().parts]
    saving = [(proposal, ref) for proposal, ref in waiting if worth(proposal.finding).amount > 0 and _concerns(team, proposal)]
    saving.sort(key=lambda pair: (worth(pair[0].finding).currency, -worth(pair[0].finding).amount, pair[0].id))
    return tuple((f"{proposal.place.cluster}/{proposal.place.pool}: {_saved(proposal.finding)}", ref.url) for proposal, ref in saving[:TOP])


def _saved(finding: Finding) -> str:
    return f"{worth(finding)} a month{' at list price' if finding.saving_effective is None else ''}"


def _concerns(team: Team | None, proposal: Proposal) -> bool:
    return team is None or team.name in {name for name, _ in proposal.owners}
