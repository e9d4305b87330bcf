"""Slack's interactive payloads and slash commands → what a person wants.

A card's button has the action's name as `action_id` and "<proposal> <head>" as value; an option of the reject select has
"<proposal> <head> <reason>", one of the adjust select "<proposal> <head> <value>", and an alert's acknowledge button the alert's key.
Nothing else that the payload says about the message counts but where it stands: whoever can post can say anything there.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from trimtab.errors import BadInput
from trimtab.records import Click, ProposalId
from trimtab.sources.senders import Request, parse_form

Action = Literal["approve", "reject", "snooze", "evidence", "adjust", "acknowledge"]
ACTIONS: Mapping[str, Action] = {name: name for name in get_args(Action)}
Name = Literal["status", "stop", "rollback", "lift", "confirm", "help"]
COMMANDS: Mapping[str, Name] = {name: name for name in get_args(Name)}
_ABOUT = ("rollback", "lift")
"""Commands whose first word says what they are about."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """`/trimtab status`, `stop <why>`, `rollback <proposal> <why>`, `lift <cluster/rule> <why>`, `confirm` or `help`."""

    name: Name
    user: str
    channel: str
    reason: str
    """Why, in one line. Of a help that nobody asked for: the word that is no command."""
    about: str = ""
    """Of a rollback its proposal, of a lift CLUSTER/RULE, as it was typed; "" = none was, or the command is about nothing."""


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
    name = COMMANDS.get(word.lower() or "status")
    about, _, why = rest.strip().partition(" ") if name in _ABOUT else ("", "", rest)
    reason = word if name is None else " ".join(why.split())
    user, channel = _word(form, "user_id"), _word(form, "channel_id")
    return Command(name=name or "help", user=user, channel=channel, reason=reason, about=about.strip("`"))


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
        reason=reason if name == "reject" else "",
        head=head,
        value=reason if name == "adjust" else "",
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
