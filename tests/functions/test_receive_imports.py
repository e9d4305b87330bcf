"""`receive` must answer a cold Slack click within three seconds, so what it imports is a promise."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = (
    "boto3", "slack_sdk", "httpx", "numpy", "github", "gitlab", "duckdb", "deltalake", "pydantic", "ruamel", "trimtab.records", "jwt",
    "cryptography",
)  # fmt: skip

PROGRAM = """
import json, sys, socket
def nobody(*_, **__): raise AssertionError("receive called somebody")
socket.socket = socket.create_connection = socket.getaddrinfo = nobody
event = json.load(open(sys.argv[1]))
from functions.receive import aws
http = {"method": event["method"], "path": event["path"]}
reply = aws.handler({"requestContext": {"http": http}, "headers": event["headers"], "body": event["body"]}, None)
print(json.dumps({"status": reply["statusCode"], "modules": sorted(sys.modules)}))
"""


@pytest.mark.security(29)
def test_a_fresh_process_answers_a_click_without_anything_heavy(tmp_path: Path) -> None:
    click = ROOT / "events" / "receive" / "slack_approve.json"
    (tmp_path / "settings.json").write_text(json.dumps(json.loads(click.read_text())["settings"]))
    environ = {"PYTHONPATH": f"{ROOT}:{ROOT / 'shared'}", "TRIMTAB_STORE": tmp_path.as_uri()}

    done = subprocess.run([sys.executable, "-c", PROGRAM, str(click)], env=environ, capture_output=True, text=True, check=True)

    answer = json.loads(done.stdout)
    assert answer["status"] == 200
    assert not [name for name in HEAVY if name in answer["modules"]]


@pytest.mark.security(29)
def test_the_answer_of_a_cold_process_comes_within_slacks_three_seconds(tmp_path: Path) -> None:
    """With the interpreter's own start in it, on a machine that does other things too."""
    begun = time.monotonic()

    test_a_fresh_process_answers_a_click_without_anything_heavy(tmp_path)

    assert time.monotonic() - begun < 3
