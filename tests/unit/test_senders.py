"""Nobody is believed without proof, and no malformed proof is ever an accident (a 500) instead of an answer."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.errors import BadInput, Forged
from trimtab.sources.senders import (
    Request,
    inbox_key,
    parse_form,
    sign_github,
    sign_slack,
    sign_webhook,
    unwrap,
    verify,
    wrap,
)

NOW = datetime(2026, 7, 31, 12, tzinfo=UTC)
TS = str(int(NOW.timestamp()))
SIGNING_KEY = "whsec_dGhpcy1pcy1hLXNpZ25pbmcta2V5LWZvci10ZXN0cw=="


@dataclass(frozen=True)
class Known:
    secrets: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def secrets_of(self, source: str) -> tuple[str, ...]:
        return self.secrets.get(source, ())


KNOWN = Known(
    {
        "slack": ("slack-secret",),
        "github": ("It's a Secret to Everybody",),
        "gitlab": ("plain-token", SIGNING_KEY),
        "palette": ("new-secret", "old-secret"),
        "azure": ("url-secret",),
    }
)
BODY = b"Hello, World!"


def slack(timestamp: str = TS, signature: str | None = None, body: bytes = BODY) -> Request:
    signed = sign_slack("slack-secret", timestamp, body) if signature is None else signature
    return Request("/slack", {"x-slack-request-timestamp": timestamp, "x-slack-signature": signed}, body)


def gitlab(timestamp: str = TS, signature: str | None = None) -> Request:
    signed = sign_webhook(SIGNING_KEY, "msg-1", timestamp, BODY) if signature is None else signature
    return Request("/gitlab", {"webhook-id": "msg-1", "webhook-timestamp": timestamp, "webhook-signature": signed}, BODY)


GENUINE = {
    "slack": slack(),
    "slack at the edge of its window": slack(str(int(TS) - 300)),
    "github, with the vector that GitHub publishes": Request(
        "/github",
        {"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
        BODY,
    ),
    "gitlab with a token": Request("/gitlab", {"x-gitlab-token": "plain-token"}, BODY),
    "gitlab with a signature": gitlab(),
    "gitlab with two signatures while a key changes": gitlab(signature=f"v1,AAAA {sign_webhook(SIGNING_KEY, 'msg-1', TS, BODY)}"),
    "palette with the new secret": Request("/palette", {"x-trimtab-token": "new-secret"}, BODY),
    "palette with the old secret": Request("/palette", {"x-trimtab-token": "old-secret"}, BODY),
    "azure": Request("/azure", {}, BODY, query={"token": "url-secret"}),
}

FORGED = {
    "slack without headers": Request("/slack", {}, BODY),
    "slack without a time": Request("/slack", {"x-slack-signature": sign_slack("slack-secret", TS, BODY)}, BODY),
    "slack with a time in words": slack("yesterday"),
    "slack with digits of another script": slack("١٧٨٥٤٩٩٢٠٠"),
    "slack with an underscore that int() would take": slack("1_785499200"),
    "slack with a negative time": slack("-1785499200"),
    "slack with a time too long to be one": slack("9" * 5000),
    "slack 301 seconds old": slack(str(int(TS) - 301)),
    "slack 301 seconds ahead": slack(str(int(TS) + 301)),
    "slack with another body": slack()._replace(body=b"Hello, World?"),
    "slack signed with an empty key": slack(signature=sign_github(" ", BODY)),
    "slack with a signature that is not ASCII": slack(signature="v0=é"),
    "slack with a lone surrogate": slack(signature="v0=\udc80"),
    "github without a signature": Request("/github", {"x-hub-signature": "sha1=1"}, BODY),
    "github with SHA-1": Request("/github", {"x-hub-signature-256": "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59"}, BODY),
    "github with another secret": Request("/github", {"x-hub-signature-256": sign_github("another", BODY)}, BODY),
    "gitlab without a token": Request("/gitlab", {}, BODY),
    "gitlab with another token": Request("/gitlab", {"x-gitlab-token": "another"}, BODY),
    "gitlab with the signing key as a token": Request("/gitlab", {"x-gitlab-token": SIGNING_KEY}, BODY),
    "gitlab with a bad signature beside a good token": gitlab(signature="v1,AAAA")._replace(
        headers={**gitlab(signature="v1,AAAA").headers, "x-gitlab-token": "plain-token"}
    ),
    "gitlab stale": gitlab(str(int(TS) - 301)),
    "gitlab without an id": Request("/gitlab", {"webhook-timestamp": TS, "webhook-signature": "v1,AAAA"}, BODY),
    "palette without a header": Request("/palette", {}, BODY),
    "palette with an empty header": Request("/palette", {"x-trimtab-token": ""}, BODY),
    "palette with another secret": Request("/palette", {"x-trimtab-token": "another"}, BODY),
    "azure without a token": Request("/azure", {}, BODY),
    "azure with a token in a header": Request("/azure", {"token": "url-secret"}, BODY),
}


@pytest.mark.parametrize("request_", GENUINE.values(), ids=GENUINE)
def test_a_genuine_request_is_believed(request_: Request) -> None:
    verify(request_, KNOWN, NOW)


@pytest.mark.parametrize("request_", FORGED.values(), ids=FORGED)
def test_a_forged_request_is_not(request_: Request) -> None:
    with pytest.raises(Forged):
        verify(request_, KNOWN, NOW)


@pytest.mark.security(31)
@pytest.mark.parametrize("request_", GENUINE.values(), ids=GENUINE)
@pytest.mark.parametrize("secrets", [(), ("",), ("", "")], ids=["none", "empty", "two empty"])
def test_without_a_secret_nobody_is_believed(request_: Request, secrets: tuple[str, ...]) -> None:
    """An HMAC with an empty key is one that everybody can compute."""
    with pytest.raises(Forged):
        verify(request_, Known({request_.source: secrets}), NOW)


def test_a_signing_key_that_is_not_base64_is_a_refusal_not_a_crash() -> None:
    with pytest.raises(Forged, match="whsec_"):
        verify(gitlab(), Known({"gitlab": ("whsec_é",)}), NOW)


@given(st.text(max_size=30), st.text(max_size=90), st.binary(max_size=50))
def test_no_header_makes_the_check_crash(timestamp: str, signature: str, body: bytes) -> None:
    with pytest.raises(Forged):
        verify(slack(timestamp or "x", signature, body), KNOWN, NOW + timedelta(days=1))


@pytest.mark.security(31)
def test_the_same_bytes_have_the_same_key_whatever_the_headers_say() -> None:
    """A replay with a new delivery id is still the same request."""
    again = slack(str(int(TS) + 5))._replace(headers={"x-slack-retry-num": "1", "x-github-delivery": "../../etc"})

    assert inbox_key(again) == inbox_key(slack())
    assert inbox_key(slack(body=b"other")) != inbox_key(slack())
    assert inbox_key(slack()) == f"inbox/slack/{'dffd6021bb2bd5b0af676290809ec3a53191dd81c7f70a4b28688a362182986f'}"


@given(st.binary(max_size=200))
def test_what_is_wrapped_can_be_verified_again(body: bytes) -> None:
    request, received_at = unwrap(wrap(slack(body=body), NOW))

    assert (request.body, received_at) == (body, NOW)
    verify(request, KNOWN, received_at)


def test_a_plain_secret_is_left_out_of_the_envelope() -> None:
    for name in ("palette with the new secret", "gitlab with a token", "azure"):
        assert b"secret" not in wrap(GENUINE[name], NOW)
        assert b"plain-token" not in wrap(GENUINE[name], NOW)


@pytest.mark.parametrize("kept", [b"", b"[]", b"{}", b'{"path": "/slack", "headers": {}, "body": "&", "received_at": "x"}'])
def test_an_envelope_that_is_not_ours_is_bad_input(kept: bytes) -> None:
    with pytest.raises(BadInput, match="not an envelope"):
        unwrap(kept)


def test_an_unknown_path_is_named() -> None:
    with pytest.raises(BadInput, match="/etc"):
        verify(Request("/etc", {}, b""), KNOWN, NOW)


@pytest.mark.parametrize("body", [b"\xff=1", b"a=%FF", b"&".join([b"a=1"] * 101)])
def test_a_form_that_cannot_be_read_is_bad_input(body: bytes) -> None:
    with pytest.raises(BadInput, match="form"):
        parse_form(Request("/slack", {}, body))


@given(st.text(alphabet='%&=+"{}:,/ 225AFc3D;\n\r\té\U0001f600', max_size=40))
def test_a_form_is_read_as_everybody_reads_it(text: str) -> None:
    """The quick way must give what the standard library gives, escapes of escapes included."""
    for body in (text, quote_plus(text), f"payload={quote_plus(text)}&b={quote_plus(quote_plus(text))}"):
        try:
            expected = dict(reversed(parse_qsl(body, keep_blank_values=True, errors="strict")))
        except UnicodeDecodeError:
            continue
        assert parse_form(Request("/slack", {}, body.encode())) == expected


def test_the_first_of_two_equal_fields_counts() -> None:
    assert parse_form(Request("/slack", {}, b"a=1&a=2&b=")) == {"a": "1", "b": ""}
