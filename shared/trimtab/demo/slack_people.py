"""The people of the small Slack: who is in it, what they are there, and which user groups they make up.

A user whom nobody described is an ordinary member. What was said of others stands in one file of the workspace's directory.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TEAM = "T0TRIMTAB"
BOT_USER = "U0TRIMTAB"
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_FLAGS = ("deleted", "is_bot", "is_restricted", "is_ultra_restricted")


@dataclass(frozen=True, slots=True)
class People:
    """Users and groups of one workspace, kept in one file."""

    path: Path

    def describe(self, user: str, **facts: Any) -> None:
        """Say something of a user in Slack's own words: deleted, is_bot, is_restricted, is_stranger, team_id, email."""
        self._write({**self._read(), "users": {**self._users(), user: {**self._users().get(user, {}), **facts}}})

    def forget(self, user: str) -> None:
        """There is no such user."""
        self.describe(user, is_unknown=True)

    def group(self, group: str, users: list[str]) -> None:
        """Say who is in a user group."""
        self._write({**self._read(), "groups": {**self._groups(), group: users}})

    def find(self, user: str) -> Mapping[str, Any] | None:
        """A user as users.info shows it, or None."""
        facts = self._users().get(user, {})
        if not user.startswith(("U", "W")) or not set(user) <= _LETTERS or facts.get("is_unknown"):
            return None
        shown: dict[str, Any] = {"id": user, "team_id": TEAM, "name": user.lower(), "profile": {}, "is_bot": user == BOT_USER}
        shown |= {name: False for name in _FLAGS if name not in shown}
        shown |= {name: value for name, value in facts.items() if name != "email"}
        if facts.get("email"):
            shown["profile"] = {"email": facts["email"]}
        # As Slack does: of whoever is gone or from elsewhere it says less.
        hidden = ("is_restricted", "is_ultra_restricted") if shown["deleted"] or shown["team_id"] != TEAM else ()
        return {name: value for name, value in shown.items() if name not in hidden}

    def of_email(self, email: str) -> Mapping[str, Any] | None:
        """The active user with that address, or None."""
        named = (user for user, facts in self._users().items() if str(facts.get("email", "")).lower() == email.lower())
        found = (self.find(user) for user in named)
        return next((user for user in found if user and not user["deleted"]), None)

    def in_group(self, group: str) -> list[str] | None:
        """Who is in a user group; None = there is none."""
        return self._groups().get(group)

    def _users(self) -> dict[str, dict[str, Any]]:
        return dict(self._read().get("users", {}))

    def _groups(self) -> dict[str, list[str]]:
        return dict(self._read().get("groups", {}))

    def _read(self) -> dict[str, Any]:
        return dict(json.loads(self.path.read_text())) if self.path.exists() else {}

    def _write(self, said: Mapping[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        aside = self.path.with_suffix(".partial")
        aside.write_text(json.dumps(said, sort_keys=True))
        aside.replace(self.path)
