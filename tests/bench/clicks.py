"""Signed Slack clicks, each with bytes of its own, and the store whose settings believe them."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

from trimtab.sources.senders import sign_slack

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "events" / "receive" / "slack_approve.json"


@dataclass(frozen=True, slots=True)
class Click:
    """One request as Slack would send it now."""

    path: str
    headers: dict[str, str]
    body: bytes


def clicks(amount: int) -> list[Click]:
    """The recorded click, so many times, no two alike."""
    recorded = json.loads(RECORDED.read_text())
    secret, now = recorded["settings"]["slack_signing_secret"], str(int(time.time()))
    headers = recorded["headers"] | {"x-slack-request-timestamp": now}
    bodies = (f"{recorded['body']}&turn={turn}".encode() for turn in range(amount))
    return [Click(recorded["path"], headers | {"x-slack-signature": sign_slack(secret, now, body)}, body) for body in bodies]


def store_of(folder: Path) -> Path:
    """An empty store with the sender's secret in its settings."""
    folder.mkdir(parents=True)
    secret = json.loads(RECORDED.read_text())["settings"]["slack_signing_secret"]
    (folder / "settings.json").write_text(json.dumps({"slack_signing_secret": secret}))
    return folder


def kept(store: Path) -> int:
    """How many requests lie in the store."""
    return sum(1 for path in store.rglob("inbox/*/*") if path.is_file())
