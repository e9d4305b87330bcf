"""A request through both clouds' real entry points of `receive`, as a gateway hands it over."""

import base64
from collections.abc import Callable

import flask

from functions.receive import aws, gcp

Send = Callable[[str, dict[str, str], bytes], int]


def on_aws(path: str, headers: dict[str, str], body: bytes, *, is_base64: bool = True) -> int:
    text = base64.b64encode(body).decode() if is_base64 else body.decode()
    http = {"method": "POST", "path": path, "sourceIp": "192.0.2.1"}
    event = {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {"http": http, "stage": "$default"},
    }
    reply = aws.handler({**event, "body": text, "isBase64Encoded": is_base64}, None)
    return int(reply["statusCode"])


def on_aws_as_text(path: str, headers: dict[str, str], body: bytes) -> int:
    return on_aws(path, headers, body, is_base64=False)


def on_gcp(path: str, headers: dict[str, str], body: bytes) -> int:
    # A WSGI server hands every header over as Latin-1.
    environ = {f"HTTP_{name.upper().replace('-', '_')}": value.encode().decode("latin-1") for name, value in headers.items()}
    with flask.Flask(__name__).test_request_context(path, method="POST", data=body, environ_overrides=environ):
        return gcp.handler(flask.request)[1]


CLOUDS = {"aws, base64": on_aws, "aws, text": on_aws_as_text, "gcp": on_gcp}
