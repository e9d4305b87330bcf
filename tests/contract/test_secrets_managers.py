"""A variable that holds the ARN of a secret: fetched from Secrets Manager, kept a while, and asked for again after a rotation."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from aws_lambda_powertools.utilities.parameters import SecretsProvider

from tests.aws_server import aws_server, speaking_to
from trimtab import wiring, wiring_light
from trimtab.adapters.aws import secrets, secrets_extension
from trimtab.errors import Upstream

SECRET = "0123456789abcdef-first"
TOKEN = "session-token-of-the-function"


@pytest.fixture(scope="module")
def manager() -> Iterator[str]:
    """Secrets Manager as moto serves it, in a server of its own."""
    with aws_server() as url:
        yield url


@pytest.fixture
def client(manager: str) -> Iterator[object]:
    with speaking_to(manager, "eu-west-1"):
        yield boto3.client("secretsmanager")


def made(client: object, name: str, **value: object) -> str:
    return str(client.create_secret(Name=name, **value)["ARN"])  # type: ignore[attr-defined]


def test_a_variable_with_an_arn_becomes_the_secrets_value_and_all_others_stay(client: object) -> None:
    arn = made(client, "slack-token", SecretString=SECRET)

    found = secrets.with_secrets({"TRIMTAB_SLACK_TOKEN": arn, "TRIMTAB_STORE": "s3://b", "OTHER": arn}, SecretsProvider())

    assert found == {"TRIMTAB_SLACK_TOKEN": SECRET, "TRIMTAB_STORE": "s3://b", "OTHER": arn}


def test_a_secret_that_is_not_there_names_the_variable_and_awss_reason_and_no_value(client: object) -> None:
    arn = made(client, "here", SecretString=SECRET).replace("here", "gone")

    with pytest.raises(Upstream, match=r"TRIMTAB_SLACK_TOKEN: Secrets Manager did not give arn:aws:.*gone.*: ResourceNotFoundException$"):
        secrets.with_secrets({"TRIMTAB_SLACK_TOKEN": arn}, SecretsProvider())


def test_a_binary_secret_is_refused(client: object) -> None:
    arn = made(client, "binary", SecretBinary=b"\x00\x01")

    with pytest.raises(Upstream, match="store the secret as text"):
        secrets.with_secrets({"TRIMTAB_SLACK_TOKEN": arn}, SecretsProvider())


def test_the_ports_of_a_process_follow_a_rotated_secret(client: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = made(client, "rotated", SecretString="first")
    monkeypatch.setenv("TRIMTAB_STORE", f"file://{tmp_path}/store")
    monkeypatch.setenv("TRIMTAB_SLACK_TOKEN", arn)
    kept = SecretsProvider()
    monkeypatch.setattr(secrets, "provider", lambda: kept)
    monkeypatch.setattr(secrets, "KEPT_SECONDS", 0)
    wiring.forget_ports()
    try:
        before = wiring.ports()
        assert wiring.ports() is before
        client.put_secret_value(SecretId=arn, SecretString="second")  # type: ignore[attr-defined]
        after = wiring.ports()
    finally:
        wiring.forget_ports()

    told = [ports.settings.slack_token for ports in (before, after)]
    assert [secret.get_secret_value() for secret in told if secret] == ["first", "second"]


# ── receive, and the extension beside it ─────────────────────────────────────────────────────────────────────────────
@contextmanager
def extension(values: Mapping[str, str], *, token: str = TOKEN) -> Iterator[tuple[str, list[str]]]:
    """What AWS puts beside a function: it answers on loopback, and only to whoever has the function's session token."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            name = parse_qs(url.query).get("secretId", [""])[0]
            asked.append(name)
            is_allowed = self.headers.get("X-Aws-Parameters-Secrets-Token") == token and url.path == "/secretsmanager/get"
            status = 401 if not is_allowed else 200 if name in values else 400
            body = json.dumps({"ARN": name, "SecretString": values[name]} if status == 200 else {}).encode()
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield str(server.server_port), asked
    finally:
        server.shutdown()
        server.server_close()


ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:trimtab/slack-AbCdEf"


def environment(port: str, tmp_path: Path, token: str = TOKEN) -> dict[str, str]:
    return {
        "TRIMTAB_STORE": f"file://{tmp_path}/store", "TRIMTAB_SLACK_SIGNING_SECRET": ARN, "AWS_SESSION_TOKEN": token,
        "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": port,
    }  # fmt: skip


def test_receive_has_its_secret_from_the_extension_and_keeps_it(tmp_path: Path) -> None:
    with extension({ARN: SECRET}) as (port, asked):
        environ = environment(port, tmp_path)
        first, second = wiring_light.receive_ports(environ), wiring_light.receive_ports(environ)

    assert first is second
    assert first.secrets.secrets_of("slack") == (SECRET,)
    assert asked == [ARN]


def test_receive_asks_again_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {ARN: SECRET}
    with extension(values) as (port, _):
        environ = environment(port, tmp_path)
        wiring_light.receive_ports(environ)
        values[ARN] = "0123456789abcdef-second"
        monkeypatch.setattr(wiring_light, "monotonic", lambda: time.monotonic() + wiring_light.SECRETS_SERVE)
        rotated = wiring_light.receive_ports(environ)

    assert rotated.secrets.secrets_of("slack") == ("0123456789abcdef-second",)


@pytest.mark.parametrize(("token", "values"), [("a-wrong-token", {ARN: SECRET}), (TOKEN, {})])
def test_what_the_extension_does_not_give_is_said_by_name(tmp_path: Path, token: str, values: dict[str, str]) -> None:
    with extension(values) as (port, _), pytest.raises(Upstream, match="TRIMTAB_SLACK_SIGNING_SECRET: the secrets extension answered 40"):
        secrets_extension.with_secrets({"TRIMTAB_SLACK_SIGNING_SECRET": ARN}, environment(port, tmp_path, token))


def test_a_missing_extension_says_what_to_do(tmp_path: Path) -> None:
    with extension({}) as (port, _):
        pass
    with pytest.raises(Upstream, match="is its layer part of the function"):
        secrets_extension.with_secrets({"TRIMTAB_SLACK_SIGNING_SECRET": ARN}, environment(port, tmp_path))


def test_while_the_extension_does_not_answer_the_known_secret_goes_on_serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with extension({ARN: SECRET}) as (port, _):
        environ = environment(port, tmp_path)
        wiring_light.receive_ports(environ)
    monkeypatch.setattr(wiring_light, "monotonic", lambda: time.monotonic() + wiring_light.SECRETS_SERVE)

    assert wiring_light.receive_ports(environ).secrets.secrets_of("slack") == (SECRET,)


def test_a_function_that_never_had_its_secret_believes_nobody(tmp_path: Path) -> None:
    with extension({}) as (port, _), pytest.raises(Upstream):
        wiring_light.receive_ports(environment(port, tmp_path))
