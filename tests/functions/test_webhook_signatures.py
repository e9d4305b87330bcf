"""A webhook's proof is checked over the bytes that came, through both clouds' entry points, before anything in it is read."""

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from tests.functions.entry_points import CLOUDS, Send
from trimtab.sources.senders import sign_github, sign_webhook

PUBLISHED = ("It's a Secret to Everybody", b"Hello, World!", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")
"""GitHub's own vector: secret, body, signature."""
GITHUB, TOKEN, KEY = "a-long-github-webhook-secret", "a-long-gitlab-webhook-token", "whsec_" + base64.b64encode(b"k" * 32).decode()
ODD = '{"repository": {"full_name": "example/clusters"},  "zen": "größe\\u00e9 \u2028"}\n'.encode()
"""Spaces, an escape, letters beyond ASCII and a last newline: whoever parses and prints it again signs something else."""
PRINTED = json.dumps(json.loads(ODD)).encode()


@pytest.fixture(params=list(CLOUDS.values()), ids=list(CLOUDS))
def send(request: pytest.FixtureRequest) -> Send:
    return cast("Send", request.param)


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return configured(tmp_path, monkeypatch, {"github_webhook_secret": GITHUB, "gitlab_webhook_secret": TOKEN})


def configured(store: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]) -> Path:
    (store / "settings.json").write_text(json.dumps(settings))
    monkeypatch.setenv("TRIMTAB_STORE", store.as_uri())
    return store


@pytest.fixture
def signing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return configured(tmp_path, monkeypatch, {"gitlab_webhook_secret": KEY})


def kept(store: Path) -> int:
    return sum(path.is_file() for path in (store / "default").rglob("*"))


def signed(body: bytes = ODD, *, at: int | None = None, key: str = KEY, message: str = "msg-1") -> dict[str, str]:
    stamp = str(int(time.time()) if at is None else at)
    return {"webhook-id": message, "webhook-timestamp": stamp, "webhook-signature": sign_webhook(key, message, stamp, body)}


@pytest.mark.security(31)
def test_the_signature_holds_for_the_very_bytes_that_came(deployment: Path, send: Send) -> None:
    assert send("/github", {"x-github-event": "ping", "x-hub-signature-256": sign_github(GITHUB, ODD)}, ODD) == 200
    assert send("/gitlab", {"x-gitlab-token": TOKEN}, ODD + b" ") == 200
    assert kept(deployment) == 2


@pytest.mark.security(31)
def test_the_signing_token_of_gitlab_holds_for_id_time_and_bytes(signing: Path, send: Send) -> None:
    """Standard Webhooks: `<id>.<time>.<body>` under the key of `whsec_…`."""
    assert send("/gitlab", signed(), ODD) == 200
    assert send("/gitlab", {**signed(), "webhook-signature": f"v1,AAAA {signed()['webhook-signature']}"}, ODD) == 200
    assert send("/gitlab", signed(), ODD + b" ") == 401
    assert kept(signing) == 1


@pytest.mark.security(31)
def test_the_vector_that_github_publishes_is_believed_and_then_refused_as_no_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, send: Send
) -> None:
    secret, body, signature = PUBLISHED
    configured(tmp_path, monkeypatch, {"github_webhook_secret": secret})

    assert sign_github(secret, body) == signature
    assert send("/github", {"x-hub-signature-256": signature}, body) == 400
    assert send("/github", {"x-hub-signature-256": signature}, body + b"!") == 401


FORGED: dict[str, tuple[str, dict[str, str]]] = {
    "github: no signature": ("/github", {"x-github-event": "ping"}),
    "github: empty signature": ("/github", {"x-hub-signature-256": ""}),
    "github: signed with an empty secret": ("/github", {"x-hub-signature-256": "sha256=" + "0" * 64}),
    "github: signed with another secret": ("/github", {"x-hub-signature-256": sign_github("another", ODD)}),
    "github: signature of the body as it would be printed again": ("/github", {"x-hub-signature-256": sign_github(GITHUB, PRINTED)}),
    "github: SHA-1": ("/github", {"x-hub-signature": "sha1=" + "0" * 40}),
    "github: no prefix": ("/github", {"x-hub-signature-256": sign_github(GITHUB, ODD).removeprefix("sha256=")}),
    "github: letters beyond ASCII": ("/github", {"x-hub-signature-256": "sha256=größe"}),
    "github: GitLab's token": ("/github", {"x-gitlab-token": TOKEN}),
    "gitlab: no token": ("/gitlab", {"x-gitlab-event": "Push Hook"}),
    "gitlab: empty token": ("/gitlab", {"x-gitlab-token": ""}),
    "gitlab: another token": ("/gitlab", {"x-gitlab-token": TOKEN[:-1]}),
    "gitlab: token beyond ASCII": ("/gitlab", {"x-gitlab-token": TOKEN[:-1] + "é"}),
    "gitlab: an empty signature beside a good token": ("/gitlab", {"webhook-signature": "", "x-gitlab-token": TOKEN}),
}  # fmt: skip
UNSIGNED: dict[str, Callable[[], dict[str, str]]] = {
    "the signing key as a token": lambda: {"x-gitlab-token": KEY},
    "signed long ago": lambda: signed(at=int(time.time()) - 3600),
    "signed for later": lambda: signed(at=int(time.time()) + 3600),
    "a replay under another id": lambda: {**signed(), "webhook-id": "msg-2"},
    "a replay with a fresh time": lambda: {**signed(at=int(time.time()) - 3600), "webhook-timestamp": str(int(time.time()))},
    "no time": lambda: {name: value for name, value in signed().items() if name != "webhook-timestamp"},
    "no id": lambda: {name: value for name, value in signed().items() if name != "webhook-id"},
    "a time in words": lambda: {**signed(), "webhook-timestamp": "now"},
    "a time in digits of another script": lambda: {**signed(), "webhook-timestamp": "\u0661\u0667\u0668"},
    "signed with another key": lambda: signed(key="whsec_" + base64.b64encode(b"x" * 32).decode()),
    "a signature beyond ASCII": lambda: {**signed(), "webhook-signature": "v1,gr\u00f6\u00dfe"},
}  # fmt: skip


@pytest.mark.security(31)
@pytest.mark.parametrize("name", FORGED)
def test_a_forged_webhook_is_refused_and_leaves_nothing(deployment: Path, send: Send, name: str) -> None:
    """401 and never a 5xx: a header that nobody thought of must not be an accident."""
    path, headers = FORGED[name]

    assert send(path, headers, ODD) == 401
    assert kept(deployment) == 0


@pytest.mark.security(31)
@pytest.mark.parametrize("name", UNSIGNED)
def test_a_forged_or_replayed_signing_token_is_refused_and_leaves_nothing(signing: Path, send: Send, name: str) -> None:
    assert send("/gitlab", UNSIGNED[name](), ODD) == 401
    assert kept(signing) == 0


@pytest.mark.security(31)
@pytest.mark.parametrize("settings", [{}, {"github_webhook_secret": "", "gitlab_webhook_secret": ""}], ids=["none", "empty"])
def test_without_a_secret_nobody_is_believed_however_it_is_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, send: Send, settings: dict[str, str]
) -> None:
    configured(tmp_path, monkeypatch, settings)

    answers = {
        send("/github", {"x-hub-signature-256": PUBLISHED[2]}, ODD),
        send("/gitlab", {"x-gitlab-token": ""}, ODD),
        send("/gitlab", {"x-gitlab-token": "anything"}, ODD),
    }

    assert answers <= {401, 503}
    assert kept(tmp_path) == 0


@pytest.mark.security(31)
def test_a_second_delivery_of_the_same_bytes_lands_on_the_first(deployment: Path, send: Send) -> None:
    """GitHub redelivers under the same id or another; a hand-made replay has any id it likes."""
    for delivery in ("first", "second", "../x", "a/b", "x" * 300, "\x00"):
        headers = {"x-github-event": "ping", "x-hub-signature-256": sign_github(GITHUB, ODD), "x-github-delivery": delivery}

        assert send("/github", headers, ODD) == 200
    assert kept(deployment) == 1
