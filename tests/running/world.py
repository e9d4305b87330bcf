"""A store behind the counting front, and functions invoked over it, each in a process of its own as Lambda runs it."""

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import httpx
from pydantic import SecretStr

from tests.running.front import BUCKET, TENANT
from tests.tls_server import Authority, authority
from trimtab import settings as deployment
from trimtab.demo.cloud import s3_notification, sqs_event
from trimtab.settings import Settings

Work = dict[str, Any]
"""What one event took, as `step.py` tells it."""
SECONDS = 900
"""Lambda's longest."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """One store, and whoever works on it."""

    front: str
    folder: Path
    """For what goes to a step and comes back."""
    settings: Settings
    authority: Authority
    """Who signed the store's certificate."""

    def invoke(self, function: str, at: datetime, events: Sequence[Mapping[str, Any]]) -> list[Work]:
        """Each event in turn, in one warm process. Raises RuntimeError with the end of its log where the process fails."""
        asking, results = self.folder / "events.json", self.folder / "results.json"
        asking.write_text(json.dumps({"function": function, "front": self.front, "now": at.isoformat(), "events": list(events)}))
        for path in (results, results.with_suffix(".log")):
            path.unlink(missing_ok=True)
        command = [sys.executable, "-m", "tests.running.step", str(asking), str(results)]
        done = subprocess.run(command, check=False, env=self._environment(), timeout=SECONDS * max(1, len(events)))
        if done.returncode:
            raise RuntimeError(f"{function}: {results.with_suffix('.log').read_text()[-3000:]}")
        found = cast("list[Work]", json.loads(results.read_text()))
        if any(work["failed"] for work in found):
            raise RuntimeError(f"{function}: a message failed: {results.with_suffix('.log').read_text()[-3000:]}")
        return found

    def put(self, key: str, body: bytes) -> None:
        """An object, as somebody outside puts it."""
        httpx.put(f"{self.front}/{BUCKET}/{key}", content=body, timeout=60, verify=_trusting(self.authority)).raise_for_status()

    def _environment(self) -> dict[str, str]:
        said = self.settings.model_dump(mode="json", exclude=set(deployment.SECRETS))
        secrets = {name: cast("SecretStr | None", getattr(self.settings, name)) for name in deployment.SECRETS}
        here = {"store": f"s3://{BUCKET}", "clock": None, "meters_namespace": "Trimtab/trimtab", "private_hosts": ["127.0.0.1"]}
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("TRIMTAB_", "AWS_"))},
            **{f"TRIMTAB_{name.upper()}": secret.get_secret_value() for name, secret in secrets.items() if secret},
            "TRIMTAB_STORE": f"s3://{BUCKET}",
            "TRIMTAB_SETTINGS": json.dumps(said | here),
            "TMPDIR": str(self.folder),
            "AWS_ENDPOINT_URL": self.front, "SSL_CERT_FILE": str(self.authority.ca),
            "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_LAMBDA_FUNCTION_NAME": "trimtab", "POWERTOOLS_METRICS_NAMESPACE": "Trimtab/trimtab",
        }  # fmt: skip


@contextmanager
def cloud_of(settings: Settings, folder: Path, store: Path | None = None) -> Iterator[Cloud]:
    """A store with what lies in a folder of this disk already."""
    folder.mkdir(parents=True, exist_ok=True)
    own = authority(folder / "authority")
    command = [sys.executable, "-m", "tests.running.front", str(own.server)]
    front = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        url = (front.stdout.readline() if front.stdout else "").strip()
        with httpx.Client(base_url=url, timeout=60, verify=_trusting(own)) as client:
            client.put(f"/{BUCKET}").raise_for_status()
            for path in sorted(store.rglob("*")) if store else ():
                if path.is_file():
                    client.put(f"/{BUCKET}/{path.relative_to(cast('Path', store))}", content=path.read_bytes()).raise_for_status()
        yield Cloud(url, folder, settings, own)
    finally:
        front.kill()
        front.wait()


def _trusting(own: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(own.ca))


def tick(at: datetime) -> dict[str, Any]:
    """The clock's event."""
    return {"source": "aws.scheduler", "time": at.isoformat(), "resources": []}


def messages(keys: Sequence[str]) -> dict[str, Any]:
    """One batch of a queue: inbox keys, or keys of the store's own."""
    records = [
        sqs_event(s3_notification(BUCKET, f"{TENANT}/{key}" if key.startswith("inbox/") else key, "1"))["Records"][0] for key in keys
    ]
    return {"Records": [{**record, "messageId": f"00000000-0000-4000-8000-{number:012}"} for number, record in enumerate(records)]}
