"""Azure's notices prove themselves with a token of our tenant, made for us, by its action groups; nothing else opens that path."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.functions.entry_points import CLOUDS, Send

pytestmark = pytest.mark.security(32)

NOW = datetime(2026, 7, 31, 12, tzinfo=UTC)
TENANT, US = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"
AZURE_MONITOR = "461e8683-5575-4561-ac7f-899cc907d62a"
BODY = b'{"schemaId": "AIP Budget Notification", "data": {}}'
ENTRA = {"tenant": TENANT, "audience": US}
URL_SECRET = "azure-url-secret-for-tests"


@cache
def key_pair(kid: str) -> rsa.RSAPrivateKey:
    del kid
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def published(kid: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key_pair(kid).public_key()))
    return made | {"kid": kid, "use": "sig"}


def claims(**changed: object) -> dict[str, Any]:
    """A token of the first version, as an action group's secure webhook brings it."""
    begins = int(NOW.timestamp()) - 300
    made: dict[str, Any] = {
        "aud": f"api://{US}", "iss": f"https://sts.windows.net/{TENANT}/", "tid": TENANT, "appid": AZURE_MONITOR, "ver": "1.0",
        "iat": begins, "nbf": begins, "exp": begins + 3900, "roles": ["ActionGroupsSecureWebhook"],
    }  # fmt: skip
    return {name: value for name, value in (made | changed).items() if value is not None}


def token(said: Mapping[str, Any], *, kid: str = "one", signed_by: str = "one") -> str:
    return jwt.encode(dict(said), key_pair(signed_by), algorithm="RS256", headers={"kid": kid})


def second_version() -> str:
    return token(claims(aud=US, iss=f"https://login.microsoftonline.com/{TENANT}/v2.0", azp=AZURE_MONITOR, appid=None, ver="2.0"))


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def unsigned() -> str:
    return f"{part({'alg': 'none', 'kid': 'one', 'typ': 'JWT'})}.{part(claims())}."


def signed_with_the_public_key() -> str:
    """The classic: HMAC, with the key that everybody knows as its secret."""
    import hashlib
    import hmac

    public = key_pair("one").public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    signed = f"{part({'alg': 'HS256', 'kid': 'one', 'typ': 'JWT'})}.{part(claims())}"
    mac = base64.urlsafe_b64encode(hmac.digest(public, signed.encode(), hashlib.sha256)).rstrip(b"=").decode()
    return f"{signed}.{mac}"


BAD = {
    "no token": lambda: "",
    "another audience": lambda: token(claims(aud="api://00000000-0000-4000-8000-00000000000f")),
    "no audience": lambda: token(claims(aud=None)),
    "another tenant": lambda: token(claims(tid="00000000-0000-4000-8000-00000000000f")),
    "another tenant's issuer": lambda: token(claims(iss="https://sts.windows.net/00000000-0000-4000-8000-00000000000f/")),
    "another application": lambda: token(claims(appid="00000000-0000-4000-8000-00000000000f")),
    "no application": lambda: token(claims(appid=None)),
    "expired": lambda: token(claims(exp=int(NOW.timestamp()))),
    "an expiry that is a text": lambda: token(claims(exp="never")),
    "an expiry that is infinite": lambda: token(claims(exp=float("inf"))),
    "no expiry": lambda: token(claims(exp=None)),
    "not yet": lambda: token(claims(nbf=int(NOW.timestamp()) + 301)),
    "alg none": unsigned,
    "alg HS256 with the public key": signed_with_the_public_key,
    "signed by somebody else under our key's name": lambda: token(claims(), signed_by="two"),
    "a key that the directory does not have": lambda: token(claims(), kid="two", signed_by="two"),
    "a changed claim": lambda: token(claims()).replace(token(claims()).split(".")[1], part(claims(ver="9"))),
    "half of it": lambda: token(claims())[:-20],
    "dots": lambda: "..",
    "nested too deeply": lambda: base64.urlsafe_b64encode(b"[" * 9000).decode() + ".e30.e30",
    "a kid that is a list": lambda: f"{part({'alg': 'RS256', 'kid': ['one']})}.{part(claims())}.e30",
    "not ASCII": lambda: "größe.größe.größe",
    "far too long": lambda: "a" * 100_000,
}


@dataclass(frozen=True)
class Deployment:
    folder: Path

    def keep_keys(self, *keys: Mapping[str, Any], read_at: datetime = NOW) -> None:
        document = self.folder / "default" / "docs" / "senders" / "azure-keys.json"
        document.parent.mkdir(parents=True, exist_ok=True)
        document.write_text(json.dumps({"keys": list(keys), "read_at": read_at.isoformat()}))

    def kept(self) -> list[Path]:
        return [path for path in (self.folder / "default" / "inbox").rglob("*") if path.is_file()]


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    # A secret for the URL stays in the settings of many who turn tokens on; it must not stay a way in.
    settings = {"clock": NOW.isoformat(), "azure_entra": ENTRA, "azure_webhook_secret": URL_SECRET}
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    monkeypatch.setenv("TRIMTAB_STORE", tmp_path.as_uri())
    made = Deployment(tmp_path)
    made.keep_keys(published("one"))
    return made


@pytest.fixture(params=list(CLOUDS.values()), ids=list(CLOUDS))
def send(request: pytest.FixtureRequest) -> Send:
    chosen: Send = request.param
    return chosen


def ask(send: Send, bearer: str) -> int:
    return send("/azure", {"authorization": f"Bearer {bearer}"} if bearer else {}, BODY)


def test_a_token_of_an_action_group_is_believed(deployment: Deployment, send: Send) -> None:
    assert (ask(send, token(claims())), ask(send, second_version())) == (200, 200)
    assert len(deployment.kept()) == 1
    # The token would open the path to whoever reads the inbox within its hour.
    assert token(claims()).split(".")[2] not in deployment.kept()[0].read_text()


@pytest.mark.parametrize("bearer", BAD.values(), ids=BAD)
def test_any_other_token_is_401_and_keeps_nothing(deployment: Deployment, send: Send, bearer: Any) -> None:
    assert ask(send, bearer()) == 401
    assert deployment.kept() == []


def test_the_secret_in_the_url_counts_no_more_where_tokens_are_asked_for(deployment: Deployment) -> None:
    from functions.receive import aws

    http = {"method": "POST", "path": "/azure"}
    event = {"requestContext": {"http": http}, "rawQueryString": f"token={URL_SECRET}", "headers": {}, "body": BODY.decode()}

    assert aws.handler(event, None)["statusCode"] == 401
    assert deployment.kept() == []


def test_nobody_is_believed_before_the_keys_were_read(deployment: Deployment, send: Send) -> None:
    (deployment.folder / "default" / "docs" / "senders" / "azure-keys.json").unlink()

    assert ask(send, token(claims())) == 401


def test_keys_that_nobody_has_read_for_a_week_are_not_believed(deployment: Deployment, send: Send) -> None:
    """A key that leaked is taken from the directory's list; whoever cannot read the list any more must not go on believing it."""
    deployment.keep_keys(published("one"), read_at=NOW - timedelta(days=7))
    assert ask(send, token(claims())) == 200

    deployment.keep_keys(published("one"), read_at=NOW - timedelta(days=7, seconds=1))
    assert ask(send, token(claims())) == 401


def test_a_document_of_keys_that_is_none_believes_nobody(deployment: Deployment, send: Send) -> None:
    for text in ("", "[]", "{}", '{"read_at": 5, "keys": []}', '{"read_at": "2026-07-31T12:00:00+00:00", "keys": [5]}', "[" * 100_000):
        (deployment.folder / "default" / "docs" / "senders" / "azure-keys.json").write_text(text)
        assert ask(send, token(claims())) == 401


def test_a_clock_that_is_five_minutes_behind_still_believes(deployment: Deployment, send: Send) -> None:
    assert ask(send, token(claims(nbf=int(NOW.timestamp()) + 299))) == 200
