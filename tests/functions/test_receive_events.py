"""Every recorded request, through both clouds' real entry points, must end the same way."""

import base64
import json
import os
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import flask
import pytest

from functions.receive import aws, gcp
from trimtab.sources.senders import unwrap

EVENTS = sorted((Path(__file__).parents[2] / "events" / "receive").glob("*.json"))


@pytest.fixture(params=EVENTS, ids=lambda path: path.stem)
def event(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    value = json.loads(request.param.read_text())
    (tmp_path / "settings.json").write_text(json.dumps(value["settings"]))
    for name in [name for name in os.environ if name.startswith("TRIMTAB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TRIMTAB_STORE", tmp_path.as_uri())
    return cast("dict[str, Any]", value)


def on_aws(event: dict[str, Any]) -> tuple[int, str]:
    http = {"method": event["method"], "path": event["path"], "sourceIp": "192.0.2.1"}
    reply = aws.handler(
        {
            "version": "2.0",
            "rawPath": event["path"],
            "rawQueryString": urlencode(event["query"]),
            "headers": event["headers"],
            "requestContext": {"http": http, "stage": "$default"},
            "body": base64.b64encode(event["body"].encode()).decode(),
            "isBase64Encoded": True,
        },
        None,
    )
    return reply["statusCode"], reply["body"]


def on_gcp(event: dict[str, Any]) -> tuple[int, str]:
    app = flask.Flask(__name__)
    with app.test_request_context(
        event["path"], method=event["method"], query_string=event["query"], headers=event["headers"], data=event["body"].encode()
    ):
        body, status, _ = gcp.handler(flask.request)
    return status, body


def kept(store: Path) -> dict[str, tuple[str, bytes]]:
    """Key → what was kept, below the tenant."""
    files = [path for path in (store / "default").rglob("*") if path.is_file()]
    entries = {str(path.relative_to(store / "default")): unwrap(path.read_bytes())[0] for path in files}
    return {key: (request.path, request.body) for key, request in entries.items()}


def test_both_clouds_give_the_same_outcome(event: dict[str, Any], tmp_path: Path) -> None:
    on_lambda = on_aws(event)
    after_lambda = kept(tmp_path)
    on_functions = on_gcp(event)

    assert on_lambda == on_functions
    assert on_lambda[0] == event["expect"]["status"]
    assert bool(after_lambda) == event["expect"]["kept"]
    assert kept(tmp_path) == after_lambda, "the second delivery of the same bytes lands on the first"


def test_no_secret_reaches_the_inbox(event: dict[str, Any], tmp_path: Path) -> None:
    """The inbox is read by more functions than may know the senders' secrets."""
    on_aws(event)

    stored = b"".join(path.read_bytes() for path in (tmp_path / "default").rglob("*") if path.is_file())
    secret = next(value for name, value in event["settings"].items() if name != "clock")
    assert secret.encode() not in stored
