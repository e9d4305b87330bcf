"""The function's own Google identity as a bearer token: metadata server, workload identity or service account, as google-auth finds it.

google-auth only says what to send; our own HTTP client sends it, to the places that give tokens and to no other.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx

from trimtab.adapters import http
from trimtab.errors import TrimtabError, Upstream

SCOPE = "https://www.googleapis.com/auth/monitoring.read"
METADATA = ("metadata.google.internal", "169.254.169.254")
TOKENS = ("oauth2.googleapis.com", "sts.googleapis.com", "iamcredentials.googleapis.com")


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """What google-auth wants to see of an answer."""

    status: int
    headers: Mapping[str, str]
    data: bytes


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """google-auth's transport over our client."""

    client: httpx.Client

    def __call__(
        self, url: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None, timeout: float = 10,
        **_: Any,
    ) -> TokenAnswer:  # fmt: skip
        """Send one request for a token. Raises google-auth's TransportError, which it knows how to retry."""
        from google.auth.exceptions import TransportError

        try:
            answer = self.client.request(method, url, content=body, headers=dict(headers or {}), timeout=timeout or 10)
        except TrimtabError as error:
            raise TransportError(str(error)) from None
        return TokenAnswer(answer.status_code, answer.headers, answer.content)


class GoogleIdentity(httpx.Auth):
    """Adds the token; gets a new one shortly before the old one ends. `credentials` finds google-auth's at the first request."""

    def __init__(
        self,
        credentials: Callable[[TokenRequest], Any] | None = None,
        client: httpx.Client | None = None,
        *,
        scope: str = SCOPE,
        needs: str = "roles/monitoring.viewer",
    ) -> None:
        self._request = TokenRequest(client or http.client(TOKENS, private=METADATA))
        self._find = credentials or partial(_own, scope)
        self._needs = needs
        self._found: Any = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add Authorization."""
        from google.auth.exceptions import GoogleAuthError

        try:
            if self._found is None:
                self._found = self._find(self._request)
            if not self._found.valid:
                self._found.refresh(self._request)
        except GoogleAuthError as error:
            said = str(error.args[0] if error.args else error)
            raise Upstream(f"Google identity: {said.splitlines()[0][:200]}; it needs {self._needs}") from None
        request.headers["authorization"] = f"Bearer {self._found.token}"
        yield request


def _own(scope: str, request: TokenRequest) -> Any:
    import google.auth

    credentials, _ = google.auth.default(scopes=[scope], request=request)
    return credentials
