"""Secrets for `receive`, from AWS's Parameters and Secrets extension beside it: a cold start has no time for boto3.

The extension listens on loopback, keeps what it fetched, and wants the function's own session token with each question.
"""

import json
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from urllib.parse import quote

from trimtab.errors import Upstream
from trimtab.locations import is_secret_arn

TIMEOUT_SECONDS = 2
HOST, PORT, PORT_VARIABLE = "localhost", 2773, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"
TOKEN_HEADER = "X-Aws-Parameters-Secrets-Token"  # noqa: S105 -- the name of a header


def with_secrets(found: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """The variables with the values of their secrets. Raises Upstream, naming the variable and never the value."""
    return {name: _value(name, text, environ) if is_secret_arn(name, text) else text for name, text in found.items()}


def _value(name: str, arn: str, environ: Mapping[str, str]) -> str:
    connection = HTTPConnection(HOST, int(environ.get(PORT_VARIABLE) or PORT), timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", f"/secretsmanager/get?secretId={quote(arn, safe='')}", headers={TOKEN_HEADER: _token(environ)})
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, HTTPException) as error:
        raise Upstream(
            f"{name}: the secrets extension does not answer ({type(error).__name__}); is its layer part of the function?"
        ) from None
    finally:
        connection.close()
    if answer.status != 200:
        raise Upstream(f"{name}: the secrets extension answered {answer.status} for {arn}")
    return _secret(name, arn, body)


def _token(environ: Mapping[str, str]) -> str:
    return environ.get("AWS_SESSION_TOKEN", "")


def _secret(name: str, arn: str, body: bytes) -> str:
    try:
        value = json.loads(body).get("SecretString")
    except (ValueError, AttributeError):
        value = None
    if not isinstance(value, str):
        raise Upstream(f"{name}: {arn} holds no text; store the secret as text")
    return value
