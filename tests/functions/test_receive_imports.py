"""`receive` must answer a cold Slack click within three seconds, so what it imports is a promise."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("boto3", "slack_sdk", "httpx", "numpy", "github", "gitlab", "duckdb", "deltalake", "pydantic", "ruamel", "trimtab.records")

PROGRAM = """
import json, sys
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
