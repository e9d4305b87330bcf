"""Who somebody is to Slack: its answers about people and groups → our words. No I/O.

Docs: https://docs.slack.dev/reference/objects/user-object and the methods users.info, usergroups.users.list, users.lookupByEmail.
"""

from collections.abc import Mapping
from typing import Any, Literal

from trimtab.errors import Refused, Upstream

Account = Literal["active", "guest", "external", "bot", "gone"]
_NOBODY = {"users.info": "user_not_found", "users.lookupByEmail": "users_not_found", "usergroups.users.list": "no_such_subteam"}
_SCOPES = {
    "users.info": "users:read",
    "users.lookupByEmail": "users:read.email",
    "usergroups.users.list": "usergroups:read",
    "conversations.open": "im:write",
}
_UNTOLD = frozenset({"missing_scope", "not_allowed_token_type", "user_not_visible", "plan_upgrade_required", "access_denied"})
_SLACKBOT = "USLACKBOT"


class Nobody(Refused):
    """There is no user or group of that name."""


class Untold(Refused):
    """Slack does not tell us."""


def refusal(method: str, code: str) -> Nobody | Untold | None:
    """What an answer that is not ok says about people; None = it says something else, which is the caller's failure."""
    if _NOBODY.get(method) == code:
        return Nobody(f"Slack: {method}: {code}")
    if method in _SCOPES and code in _UNTOLD:
        return Untold(f"Slack: {method}: {code}; the app needs the scope {_SCOPES[method]}")
    return None


def account_of(answer: Mapping[str, Any], ours: Mapping[str, Any]) -> Account | None:
    """How the user of a users.info answer stands towards the workspace of an auth.test answer; None = it cannot be told."""
    user = _object(answer, "user", "users.info")
    flags = {name: user.get(name) for name in ("deleted", "is_bot", "is_restricted", "is_ultra_restricted", "is_stranger")}
    if any(value is not None and not isinstance(value, bool) for value in flags.values()):
        return None
    if flags["deleted"]:
        return "gone"
    if flags["is_bot"] or user.get("id") == _SLACKBOT:
        return "bot"
    if flags["is_stranger"] or not _is_of(user, ours):
        return "external"
    if flags["is_restricted"] or flags["is_ultra_restricted"]:
        return "guest"
    # Slack leaves these out of the answer about somebody whom it does not show whole.
    is_told = flags["deleted"] is not None and flags["is_restricted"] is not None and flags["is_bot"] is not None
    return "active" if is_told else None


def _is_of(user: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    """True for the workspace's own people, and for those of the same Enterprise organization."""
    enterprise = ours.get("enterprise_id")
    theirs = (user.get("enterprise_user") or {}).get("enterprise_id")
    return user.get("team_id") == ours.get("team_id") is not None or (bool(enterprise) and theirs == enterprise)


def members_of(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """User ids of a usergroups.users.list answer, sorted."""
    users = answer.get("users")
    if not isinstance(users, list):
        raise Upstream("Slack: usergroups.users.list: the answer names no users")
    return tuple(sorted({str(user) for user in users}))


def id_of(answer: Mapping[str, Any]) -> str:
    """The user id of a users.lookupByEmail answer."""
    return str(_object(answer, "user", "users.lookupByEmail").get("id") or "")


def channel_of(answer: Mapping[str, Any]) -> str:
    """The channel of a conversations.open answer."""
    return str(_object(answer, "channel", "conversations.open").get("id") or "")


def _object(answer: Mapping[str, Any], key: str, method: str) -> Mapping[str, Any]:
    found = answer.get(key)
    if not isinstance(found, dict):
        raise Upstream(f"Slack: {method}: the answer has no {key}")
    return found
