"""Who may ask this page for anything: a browser that really shows it, and nothing that merely runs in one."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

from trimtab.errors import Refused

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not no-referrer: with that, a browser sends `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
FIELD = "token"


class Stranger(Refused):
    """A request for another name; whoever sent it learns nothing, because with that name it could read the answer."""


@dataclass(frozen=True, slots=True)
class Guard:
    """The checks of one start of the page: its port and its secret."""

    port: int
    secret: bytes

    @property
    def hosts(self) -> tuple[str, str]:
        """The only names this page answers to; any other one is a name that somebody else made point here."""
        return f"127.0.0.1:{self.port}", f"localhost:{self.port}"

    @property
    def cookie_name(self) -> str:
        """Cookies are shared by all ports of a host, so the port is in the name."""
        return f"trimtab_{self.port}"

    @property
    def cookie(self) -> str:
        """What a page is given to keep."""
        return self._mark(b"cookie")

    @property
    def field(self) -> str:
        """What every form carries. It is not the cookie's value: whoever is sent the one does not learn the other."""
        return self._mark(b"field")

    @property
    def set_cookie(self) -> str:
        """The header that sets it."""
        return f"{self.cookie_name}={self.cookie}; Path=/; HttpOnly; SameSite=Strict"

    def check_host(self, headers: Mapping[str, str]) -> None:
        """Raises Stranger for a request that was meant for another name."""
        if headers.get("host", "") not in self.hosts:
            raise Stranger("this page answers to 127.0.0.1 and localhost only")

    def check_form(self, headers: Mapping[str, str], form: Mapping[str, str]) -> None:
        """Raises Refused unless a form of this very page was sent by this very page."""
        if headers.get("origin", "") != f"http://{headers.get('host', '')}":
            raise Refused("the form was not sent by this page")
        is_ours = (same(self._cookie_of(headers), self.cookie), same(form.get(FIELD, ""), self.field))
        if not all(is_ours):
            raise Refused("the form is from another start of this page: load it again")

    def _cookie_of(self, headers: Mapping[str, str]) -> str:
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self.cookie_name)
        except CookieError:
            return ""
        return found.value if found else ""

    def _mark(self, use: bytes) -> str:
        return hmac.digest(self.secret, use + b" %d" % self.port, "sha256").hex()


def same(given: str, expected: str) -> bool:
    """Compared in a time that does not say how much of it was right."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())
