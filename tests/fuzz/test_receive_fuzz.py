"""`receive`, through both clouds' entry points: whatever comes is answered by a word of ours, and the unproven is kept nowhere."""

import base64
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import unquote_to_bytes, urlencode

import flask
import pytest
from werkzeug.test import EnvironBuilder

from functions.receive import aws, gcp
from tests.functions.test_azure_tokens import ENTRA, NOW, claims, published, token
from tests.fuzz.hostile import METHODS, PATHS, ROUNDS, TEXTS, VALUES, bent, bent_headers, bent_json, rng
from trimtab.flow.receive import LARGEST
from trimtab.sources.senders import SOURCES, sign_github, sign_slack, sign_webhook

SECRETS = {name: f"a-long-{name}-secret-for-tests" for name in ("slack_signing", "github_webhook", "gitlab_webhook", "palette_webhook")}
SECRETS |= {"azure_webhook": "a-long-azure-url-secret-for-tests", "alertmanager_webhook": "a-long-alertmanager-secret-for-tests"}
TS = str(int(NOW.timestamp()))
ANSWERS = frozenset({200, 400, 401, 404, 405, 413})


@dataclass(frozen=True)
class Sent:
    """One request before it is given to a cloud."""

    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    method: str = "POST"


@pytest.fixture(params=["url", "tokens"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    known = {f"{name}_secret": secret for name, secret in SECRETS.items() if name in _configurable()}
    settings: dict[str, Any] = {"clock": NOW.isoformat(), **known}
    if request.param == "tokens":
        settings |= {"azure_entra": ENTRA}
        document = tmp_path / "default" / "docs" / "senders" / "azure-keys.json"
        document.parent.mkdir(parents=True)
        document.write_text(json.dumps({"read_at": NOW.isoformat(), "keys": [published("one")]}))
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    for name in [name for name in os.environ if name.startswith("TRIMTAB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TRIMTAB_STORE", tmp_path.as_uri())
    return tmp_path


def _configurable() -> set[str]:
    from trimtab.receive_settings import SENDER_SECRETS

    return {name.removesuffix("_secret") for name in SENDER_SECRETS.values()}


# ── the two clouds ───────────────────────────────────────────────────────────────────────────────────────────────────
def on_aws(sent: Sent) -> int:
    """As the gateway passes it on: header names in lower case, any bytes as base64."""
    event = {
        "requestContext": {"http": {"method": sent.method, "path": sent.path}},
        "rawQueryString": urlencode(sent.query, errors="surrogatepass"),
        "headers": sent.headers,
        "body": base64.b64encode(sent.body).decode(),
        "isBase64Encoded": True,
    }
    return int(aws.handler(event, None)["statusCode"])


def on_gcp(sent: Sent) -> int:
    """As a WSGI server passes it on: the path with its escapes undone, as Latin-1."""
    builder = EnvironBuilder(method=sent.method, query_string=urlencode(sent.query, errors="surrogatepass"), data=sent.body)
    environ = builder.get_environ() | {"PATH_INFO": unquote_to_bytes(sent.path.encode("utf-8", "surrogatepass")).decode("latin-1")}
    environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in sent.headers.items()}
    return int(gcp.handler(flask.Request(environ))[1])


CLOUDS = {"aws": on_aws, "gcp": on_gcp}


# ── what is sent ─────────────────────────────────────────────────────────────────────────────────────────────────────
def content(path: str, random: Random) -> bytes:
    """A body as that sender's own, with anything inside it that a person could have typed."""
    value = bent_json(_GENUINE[path], random) if random.random() < 0.9 else random.choice(VALUES)
    text = json.dumps(value, ensure_ascii=random.random() < 0.5)
    if path != "/slack":
        return text.encode("utf-8", "surrogatepass")
    return urlencode({random.choice(("payload", "payload", "payload", "command", "text")): text}, errors="surrogatepass").encode()


def signed(path: str, body: bytes) -> Sent:
    """The body with that sender's true proof; on Azure's path a token and the URL's secret at once."""
    headers: dict[str, str] = {"content-type": "application/json"}
    query: dict[str, str] = {}
    match path:
        case "/slack":
            secret = SECRETS["slack_signing"]
            headers = {"content-type": "application/x-www-form-urlencoded", "x-slack-request-timestamp": TS}
            headers["x-slack-signature"] = sign_slack(secret, TS, body)
        case "/github":
            headers["x-hub-signature-256"] = sign_github(SECRETS["github_webhook"], body)
        case "/gitlab":
            headers |= {"webhook-id": "1", "webhook-timestamp": TS}
            headers["webhook-signature"] = sign_webhook(SECRETS["gitlab_webhook"], "1", TS, body)
        case "/palette":
            headers["x-trimtab-token"] = SECRETS["palette_webhook"]
        case "/azure":
            headers["authorization"] = f"Bearer {_TOKEN}"
            query = {"token": SECRETS["azure_webhook"]}
        case _:
            headers["authorization"] = f"Bearer {SECRETS['alertmanager_webhook']}"
    return Sent(path, body, headers, query)


_TOKEN = token(claims())
_GENUINE: dict[str, Any] = {
    "/slack": {
        "type": "block_actions", "user": {"id": "U0"}, "container": {"channel_id": "C0", "message_ts": "1.2"},
        "actions": [{"action_id": "approve", "type": "button", "value": "prop-0123456789ab abc", "action_ts": TS}],
    },
    "/github": {
        "action": "submitted", "number": 1, "pull_request": {"number": 1, "head": {"sha": "a" * 40}}, "repository": {"full_name": "a/b"},
    },
    "/gitlab": {
        "object_kind": "merge_request", "project": {"path_with_namespace": "a/b"}, "object_attributes": {"iid": 1, "action": "open"},
    },
    "/palette": {"v": 1, "source": "palette", "project_uid": "p1", "message": "down"},
    "/azure": {"schemaId": "AIP Budget Notification", "data": {"SpendingAmount": "1", "Budget": "2", "BudgetName": "b"}},
    "/alertmanager": {
        "version": "4", "groupKey": "{}", "status": "firing", "alerts": [{"status": "firing", "labels": {}, "fingerprint": "a"}],
    },
}  # fmt: skip


def forged(path: str, random: Random) -> Sent:
    """A request that its sender did not send: a true one bent in one place that its proof covers, or in its proof."""
    body = content(path, random)
    true = signed(path, body)
    way = random.randrange(6)
    if way == 0 and path in {"/slack", "/github", "/gitlab"}:
        return Sent(path, bent(body, random), true.headers)
    if way == 1:
        return Sent(path, body, {"content-type": "application/json"})
    if way == 2:
        return Sent(random.choice(PATHS), body, true.headers, true.query)
    if way == 3:
        return Sent(path, body, true.headers, true.query, random.choice([method for method in METHODS if method != "POST"]))
    if way == 4:
        return Sent(path, b" " * (LARGEST[path[1:]] + 1), true.headers, true.query)
    return Sent(path, body, _without_proof(bent_headers(true.headers, random), random), {"token": random.choice(TEXTS)[:300]})


def _without_proof(headers: dict[str, str], random: Random) -> dict[str, str]:
    """Every header that proves something, spoiled."""
    proofs = sorted({"x-slack-signature", "x-hub-signature-256", "webhook-signature", "x-trimtab-token", "authorization"} & headers.keys())
    return headers | {name: random.choice((headers[name][:-1], f"{headers[name]}0", "", "Bearer ", "v0=", "v1,")) for name in proofs}


def contents(store: Path) -> str:
    """A digest of every byte in the store."""
    digest = hashlib.sha256()
    for path in sorted(path for path in store.rglob("*") if path.is_file()):
        digest.update(f"{path}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def many(name: str) -> Iterator[Random]:
    for number in range(ROUNDS):
        yield rng(f"{name}/{number}")


# ── promises ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(31, 33)
@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("path", SOURCES)
def test_whatever_is_forged_is_refused_and_changes_nothing(path: str, cloud: str, store: Path) -> None:
    before = contents(store)

    for number, random in enumerate(many(f"forged{path}")):
        sent = forged(path, random)
        status = CLOUDS[cloud](sent)
        assert status in ANSWERS - {200}, f"request {number} of {path} through {cloud}: {status}: {sent!r:.2000}"

    assert contents(store) == before


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("path", SOURCES)
def test_whatever_a_true_sender_says_is_kept_as_it_came_or_refused_as_unreadable(path: str, cloud: str, store: Path) -> None:
    """Slack, a forge and Palette pass on what people wrote."""
    for number, random in enumerate(many(f"signed{path}")):
        sent = signed(path, content(path, random) if random.random() < 0.7 else bent(content(path, random), random))
        status = CLOUDS[cloud](sent)
        assert status in {200, 400, 413}, f"request {number} of {path} through {cloud}: {status}: {sent!r:.2000}"

    kept = [path for path in (store / "default").rglob("*") if path.is_file() and "azure-keys" not in path.name]
    assert all(found.parts[-3:-1] == ("inbox", path[1:]) for found in kept)
