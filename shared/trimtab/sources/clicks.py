"""Slack's interactive payloads and slash commands → what a person wants.

A card's button has the action's name as `action_id` and "<proposal> <head>" as value; an option of the reject select has
"<proposal> <head> <reason>". Nothing else that the payload says about the message counts: whoever can post can say anything there.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from trimtab.errors import BadInput
from trimtab.records import Click, ProposalId
from trimtab.sources.senders import Request, parse_form

Action = Literal["approve", "reject", "snooze", "evidence"]
ACTIONS: Mapping[str, Action] = {name: name for name in get_args(Action)}
COMMANDS: Mapping[str, Literal["status", "stop"]] = {"status": "status", "stop": "stop"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """`/trimtab status` or `/trimtab stop <why>`; there is no command that loosens anything."""

    name: Literal["status", "stop"]
    user: str
    channel: str
    reason: str


def parse_slack(request: Request) -> Click | Command:
    """A click or a command, from a request whose sender is verified. Raises BadInput that names the field."""
    form = parse_form(request)
    return _click(_payload(form["payload"])) if "payload" in form else _command(form)


def parse_click(request: Request) -> Click:
    """A click. Raises BadInput for anything else."""
    found = parse_slack(request)
    if not isinstance(found, Click):
        raise BadInput(f"/slack: a slash command ({found.name}), not a click")
    return found


def _command(form: Mapping[str, str]) -> Command:
    word, _, rest = form.get("text", "").strip().partition(" ")
    name = COMMANDS.get(word or "status")
    if name is None:
        raise BadInput(f"/trimtab {word[:40]!a}: expected status or stop")
    return Command(name=name, user=_word(form, "user_id"), channel=_word(form, "channel_id"), reason=rest.strip())


def _click(payload: Mapping[str, Any]) -> Click:
    kind = payload.get("type")
    if kind != "block_actions":
        raise BadInput(f"payload.type: expected block_actions, got {kind!a}")
    action = _first_action(payload)
    name = ACTIONS.get(str(action.get("action_id")))
    if name is None:
        raise BadInput(f"payload.actions[0].action_id: {action.get('action_id')!a} is not one of {', '.join(ACTIONS)}")
    proposal, head, reason = _value(action)
    container = _object(payload, "container")
    return Click(
        action=name,
        proposal=ProposalId(proposal),
        user=_word(_object(payload, "user"), "id", "user."),
        channel=_word(container, "channel_id", "container."),
        message_ts=_word(container, "message_ts", "container."),
        reason=reason,
        head=head,
    )


def _value(action: Mapping[str, Any]) -> tuple[str, str, str]:
    chosen = _object(action, "selected_option") if action.get("type") in ("static_select", "overflow") else action
    proposal, _, rest = str(chosen.get("value", "")).partition(" ")
    head, _, reason = rest.partition(" ")
    if not proposal:
        raise BadInput('payload.actions[0].value: expected "<proposal> <head>"')
    return proposal, head, reason


def _first_action(payload: Mapping[str, Any]) -> dict[str, Any]:
    actions = payload.get("actions")
    # Slack sends exactly one; with several, the one meant is not ours to guess.
    if not isinstance(actions, list) or len(actions) != 1 or not isinstance(actions[0], dict):
        raise BadInput("payload.actions: expected exactly one action")
    return actions[0]


def _payload(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise BadInput("payload: not JSON") from None
    if not isinstance(value, dict):
        raise BadInput("payload: expected a JSON object")
    return value


def _object(parent: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = parent.get(name)
    if not isinstance(value, dict):
        raise BadInput(f"payload: {name}: expected an object")
    return value


def _word(parent: Mapping[str, Any], name: str, path: str = "") -> str:
    value = parent.get(name)
    if not isinstance(value, str) or not value:
        raise BadInput(f"{path}{name}: expected text")
    return value
