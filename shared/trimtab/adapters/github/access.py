"""Who we are to GitHub: an App's installation, by tokens that hold only for the repos and rights that are needed."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from github.Auth import AppAuth, Auth

from trimtab.errors import Upstream

WRITER: Mapping[str, str] = {
    "contents": "write",
    "pull_requests": "write",
    "issues": "write",
    "metadata": "read",
    "checks": "read",
    "statuses": "read",
}
TEAMS: Mapping[str, str] = {"members": "read", "metadata": "read"}
"""Asked for only where owners.yaml names a team."""
GATE: Mapping[str, str] = {"checks": "write", "contents": "read", "metadata": "read"}
_EARLY = timedelta(minutes=5)

Issue = Callable[[], Mapping[str, Any]]
"""Asks for a fresh token; the answer has `token` and `expires_at`."""


@dataclass(slots=True)
class InstallationToken(Auth):
    """A token that is fetched when it is first needed and again before it expires; nothing is assumed about its shape."""

    issue: Issue
    clock: Callable[[], datetime]
    _held: tuple[str, datetime] | None = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def token_type(self) -> str:
        """The scheme of the Authorization header."""
        return "Bearer"

    @property
    def token(self) -> str:
        """The token, fresh for five more minutes."""
        with self._lock:
            if self._held is None or self._held[1] - _EARLY <= self.clock():
                self._held = _token_of(self.issue())
            return self._held[0]

    def drop(self) -> None:
        """GitHub no longer takes it: the next request asks for another."""
        with self._lock:
            self._held = None


def app_auth(app_id: int, pem: str, sign: Callable[[dict[str, Any]], str] | None) -> AppAuth:
    """The App itself, by its private key or by a signer that keeps it."""
    return AppAuth(app_id, sign_func=sign) if sign is not None else AppAuth(app_id, pem)


def token_request(permissions: Mapping[str, str], names: list[str], ids: list[int]) -> dict[str, Any]:
    """What to ask for: by numbers where all repos have theirs in the settings, since a name may have become another repo's."""
    scope: dict[str, Any] = {"repository_ids": ids} if len(ids) == len(names) else {"repositories": names}
    return {**scope, "permissions": dict(permissions)}


def _token_of(answer: Mapping[str, Any]) -> tuple[str, datetime]:
    try:
        return str(answer["token"]), datetime.fromisoformat(str(answer["expires_at"]))
    except (KeyError, ValueError):
        raise Upstream("GitHub: an installation token without its end") from None
