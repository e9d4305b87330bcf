"""Who may ask the local page for anything (security 34): the checks alone, without a socket."""

import pytest

from trimtab.cli.page.safety import HEADERS, Guard
from trimtab.errors import Refused

GUARD = Guard(8765, b"secret of one start")


def headers(**changes: str) -> dict[str, str]:
    whole = {"host": "127.0.0.1:8765", "origin": "http://127.0.0.1:8765", "cookie": f"{GUARD.cookie_name}={GUARD.cookie}"}
    return whole | changes


def test_a_form_of_this_page_is_believed() -> None:
    GUARD.check_host(headers())

    GUARD.check_form(headers(), {"token": GUARD.field})


@pytest.mark.security(34)
@pytest.mark.parametrize("host", ["evil.test", "evil.test:8765", "127.0.0.1", "127.0.0.1:80", "[::1]:8765", "127.0.0.1:8765.evil.test", ""])
def test_any_other_host_is_refused(host: str) -> None:
    """A name that somebody else points at 127.0.0.1 would make this page part of their origin."""
    with pytest.raises(Refused):
        GUARD.check_host(headers(host=host))


@pytest.mark.parametrize(
    "origin", ["", "null", "http://127.0.0.1:9999", "http://localhost:8765", "https://127.0.0.1:8765", "http://evil.test"]
)
def test_a_form_of_another_origin_is_refused(origin: str) -> None:
    """Another port of the same host is the same site: SameSite sends our cookie along, so only the origin tells."""
    with pytest.raises(Refused, match="not sent by this page"):
        GUARD.check_form(headers(origin=origin), {"token": GUARD.field})


@pytest.mark.parametrize(
    ("cookie", "field"),
    [("", GUARD.field), (GUARD.cookie, ""), (GUARD.cookie, GUARD.cookie), (GUARD.field, GUARD.field), ("é", "é"), (GUARD.cookie, "0" * 64)],
)
def test_cookie_and_field_must_both_be_of_this_start(cookie: str, field: str) -> None:
    with pytest.raises(Refused, match="another start"):
        GUARD.check_form(headers(cookie=f"{GUARD.cookie_name}={cookie}"), {"token": field})


def test_a_new_start_believes_no_form_of_the_last_one() -> None:
    later = Guard(8765, b"secret of the next start")

    with pytest.raises(Refused):
        later.check_form(headers(), {"token": GUARD.field})


def test_the_cookie_cannot_be_read_by_scripts_nor_sent_by_other_sites() -> None:
    assert GUARD.set_cookie.endswith("; Path=/; HttpOnly; SameSite=Strict")


def test_the_policy_lets_no_script_run_and_nobody_frame_the_page() -> None:
    policy = HEADERS["Content-Security-Policy"]

    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert HEADERS["X-Frame-Options"] == "DENY"
    assert not any(name.lower().startswith("access-control") for name in HEADERS)
