"""A decision on the page takes the way of a click in Slack: a signed request to the real `receive`, then the inbox's own functions.

So there is one rule book: everything that stops a forged or late click stops one from here too. The same form sent twice is one decision.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from trimtab.adapters import localforge
from trimtab.adapters.localforge import LocalForge
from trimtab.demo import cloud
from trimtab.errors import BadInput, Refused
from trimtab.flow.governance import read_governance
from trimtab.flow.life import Life
from trimtab.flow.wake import function_of
from trimtab.lifecycle import State
from trimtab.ports import Ports
from trimtab.records import Person, Tier
from trimtab.render.slack import REASONS
from trimtab.render.view import gate
from trimtab.sources.senders import Request, inbox_key, sign_slack

ASKS = (State.OPEN, State.AWAITING)
ACTIONS = ("approve", "reject", "snooze")


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What a form says: who decides what about the commit that the page showed."""

    action: str
    person: str
    head: str
    reason: str
    mark: str
    """Made with the form, so that sending it again is the same request."""


def read_only_reason(ports: Ports) -> str:
    """Why nobody can decide here; "" = somebody can."""
    settings = ports.settings
    if not settings.is_local or any(repository.forge != "local" for repository in settings.repositories):
        return "Read-only: decisions are taken in Slack or on the forge. This page decides on file:// stores with a local repo only."
    if not settings.secrets_of("slack"):
        return "Read-only: settings.json has no slack_signing_secret, so no decision could prove where it comes from."
    return ""


def deciders(life: Life, ports: Ports) -> tuple[Person, ...]:
    """The people who may decide on this proposal, as owners.yaml knows them."""
    if life.verdict is None:
        return ()
    people = read_governance(ports, life.planned().place.repo).people
    return tuple(person for person in people if person.id in life.verdict.approvers)


def may_approve(life: Life) -> str:
    """Why there is no Approve button; "" = there is one."""
    verdict = life.verdict
    if verdict is None or verdict.tier is Tier.REPORT:
        return "It is a report: nothing merges."
    if verdict.tier is Tier.AUTO:
        return "It merges by itself; nobody needs to approve it."
    if gate(verdict) == "forge":
        return "It is approved with a review on the forge."
    return ""


def may_review(life: Life) -> bool:
    """True where a review on the forge counts, here the local one: it is asked for, or one of two approvals must be one."""
    verdict = life.verdict
    return verdict is not None and (verdict.tier is Tier.TWO or (verdict.tier is Tier.ONE and gate(verdict) != "slack"))


def decide(life: Life, choice: Choice, ports: Ports, now: datetime) -> str:
    """Send the decision and deliver it; the sentence that the person is told."""
    if choice.action == "review":
        return review(life, choice, ports, now)
    request = click(life, choice, ports, now)
    status = cloud.send(request, "aws")
    if status != 200:
        raise Refused(f"receive answered {status} to this page's own request: TRIMTAB_STORE or the Slack secret differ")
    outcomes = deliver(inbox_key(request), ports)
    deliver_waiting(ports)
    return "; ".join(outcomes)


def click(life: Life, choice: Choice, ports: Ports, now: datetime) -> Request:
    """The signed request of a button pressed on the proposal's card. Raises Refused where this page may not make one."""
    person = decider(life, choice, ports)
    if life.card is None:
        raise Refused("the proposal has no card yet, and a click is always one on a card")
    if choice.action == "approve" and may_approve(life):
        raise Refused(may_approve(life))
    payload = {
        "type": "block_actions",
        "trigger_id": choice.mark,
        "user": {"id": person.slack},
        "container": {"type": "message", "channel_id": life.card.channel, "message_ts": life.card.ts},
        "channel": {"id": life.card.channel},
        "actions": [_action(life, choice)],
    }
    return _signed(urlencode({"payload": json.dumps(payload, sort_keys=True)}).encode(), ports, now)


def review(life: Life, choice: Choice, ports: Ports, now: datetime) -> str:
    """A review on the local forge, and a wake for `merge`, which reads it there: the wake itself says nothing."""
    person, ref = decider(life, choice, ports), life.pull_request
    if not may_review(life) or ref is None or not isinstance(ports.forge, LocalForge):
        raise Refused("a review on the forge does not count for this proposal")
    if choice.head != ref.head:
        raise Refused(f"the page showed {choice.head[:10]!a}, the pull request is at {ref.head[:10]} now: look again")
    localforge.review(ports.forge, ref.repo, ref.number, person.forge, "approved", now)
    key = f"inbox/decide/{life.planned().id}.{hashlib.sha256(choice.mark.encode()).hexdigest()[:20]}"
    ports.inbox.put(key, b"{}")
    return "; ".join(deliver(key, ports))


def decider(life: Life, choice: Choice, ports: Ports) -> Person:
    """Who decides. Raises Refused where nobody can do so here, BadInput for a person who may not."""
    reason = read_only_reason(ports)
    if reason:
        raise Refused(reason)
    if life.state not in ASKS:
        raise Refused(f"the proposal is {life.state}: it does not ask for a decision")
    person = next((person for person in deciders(life, ports) if choice.person in (person.id, person.called)), None)
    if person is None:
        raise BadInput(f"decide as {choice.person[:60]!a}: not one of those who may decide on this proposal")
    return person


def _action(life: Life, choice: Choice) -> dict[str, Any]:
    if choice.action not in ACTIONS:
        raise BadInput(f"action {choice.action[:40]!a}: expected one of {', '.join(ACTIONS)}")
    about = f"{life.planned().id} {choice.head}"
    if choice.action != "reject":
        return {"type": "button", "action_id": choice.action, "value": about}
    if choice.reason not in dict(REASONS):
        raise BadInput(f"reason {choice.reason[:40]!a}: expected one of {', '.join(dict(REASONS))}")
    return {"type": "static_select", "action_id": "reject", "selected_option": {"value": f"{about} {choice.reason}"}}


def _signed(body: bytes, ports: Ports, now: datetime) -> Request:
    timestamp = str(int(now.timestamp()))
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": timestamp,
        "x-slack-signature": sign_slack(ports.settings.secrets_of("slack")[0], timestamp, body),
    }
    return Request("/slack", headers, body)


def deliver(key: str, ports: Ports) -> list[str]:
    """What the bucket's notification does: call the function that the key is for; its outcomes."""
    event = cloud.s3_notification("local", f"{ports.settings.tenant}/{key}", "1")
    answer = cloud.call(function_of(key), "aws", event)
    return [str(outcome) for outcome in answer["outcomes"]]


def deliver_waiting(ports: Ports) -> None:
    """Deliver whatever else waits, each key once, as a queue does: what fails stays in the inbox for the next wake."""
    tried: set[str] = set()
    while waiting := [key for key in ports.inbox.pending() if key not in tried]:
        for key in waiting:
            tried.add(key)
            cloud.landed(function_of(key), "aws", f"s3://local/{ports.settings.tenant}/{key}", "1")
