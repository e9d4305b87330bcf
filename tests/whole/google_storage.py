"""Google Cloud Storage as the functions see it, a process of its own: moto behind the shim, TLS, IAM's answers, and notifications.

Whoever calls says who they are in the path (`/as/<account>/<bucket>/<object>`), as a token would. What Terraform's bindings do not allow is
refused as Google refuses it, and kept in `refused.jsonl`. What was put is told to the topics that Terraform's notifications name.

`python -m tests.whole.google_storage FOLDER` reads FOLDER/rules.json and writes FOLDER/ready.json when it serves.
"""

import base64
import http.client
import json
import logging
import ssl
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
from moto.server import ThreadedMotoServer

from tests.contract.gcs_shim import Relay, Relayed, Shim
from tests.infra import google_iam
from tests.tls_server import authority

OWNER = "owner"
"""Who set the project up, and may do everything."""
_REFUSED = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access denied.</Message></Error>"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One request: whose it is, and of which object."""

    account: str
    bucket: str
    key: str
    query: Mapping[str, Sequence[str]]

    @property
    def makes_an_object(self) -> bool:
        """False for a part of an upload, and for the beginning of one."""
        return not {"partNumber", "uploads"} & set(self.query)


def asked(path: str) -> Asked:
    """What a path asks for."""
    parts = urlsplit(path)
    _, _, account, bucket, *key = unquote(parts.path).split("/", 4)
    return Asked(account=account, bucket=bucket, key="".join(key), query=parse_qs(parts.query, keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Rules:
    """What Terraform made: who may do what, and who is told of what."""

    bindings: tuple[Mapping[str, Any], ...]
    notifications: tuple[Mapping[str, Any], ...]
    publish: str
    """Where the topics are."""

    def may(self, account: str, permission: str, bucket: str, key: str = "") -> bool:
        """Whether IAM says yes."""
        own = [each for each in self.bindings if each["member"].partition(":")[2] == account]
        return account == OWNER or google_iam.allows(own, permission, bucket, key)


@dataclass(slots=True)
class Storage:
    """The service: its rules, and what it turned away."""

    folder: Path
    rules: Rules
    moto: str
    lock: Lock = field(default_factory=Lock)
    newest: int = 0

    def refused(self, call: Asked, permission: str) -> None:
        """Remember it: a call that no binding allows is a mistake of ours."""
        with self.lock, (self.folder / "refused.jsonl").open("a") as kept:
            kept.write(json.dumps({"account": call.account, "permission": permission, "bucket": call.bucket, "key": call.key}) + "\n")

    def generation(self) -> int:
        """Microseconds, as Google's are, and never the same twice."""
        with self.lock:
            self.newest = max(self.newest + 1, time.time_ns() // 1000)
            return self.newest

    def tell(self, call: Asked, size: int) -> None:
        """Publish what was put, to every topic that asked for it."""
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        generation = str(self.generation())
        for rule in self.rules.notifications:
            if rule["bucket"] == call.bucket and call.key.startswith(rule["object_name_prefix"] or ""):
                thing = {"kind": "storage#object", "bucket": call.bucket, "name": call.key, "generation": generation, "size": str(size)}
                attributes = {
                    "bucketId": call.bucket, "objectId": call.key, "objectGeneration": generation, "eventType": "OBJECT_FINALIZE",
                    "payloadFormat": rule["payload_format"], "eventTime": at, "notificationConfig": rule["id"],
                }  # fmt: skip
                data = base64.b64encode(json.dumps(thing).encode()).decode()
                _post(self.rules.publish, {"topic": rule["topic"], "attributes": attributes, "data": data})


def _post(url: str, message: Mapping[str, Any]) -> None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request("POST", "/", json.dumps(message).encode())
    connection.getresponse().read()
    connection.close()


def door(storage: Storage) -> type[Shim]:
    """The shim with IAM before it and notifications behind it."""

    class Door(Shim):
        wbufsize = -1

        def relayed(self, body: bytes) -> Relayed:
            """Judge, carry out, tell."""
            call = asked(self.path)
            needed = self._needed(call)
            if needed and not all(storage.rules.may(call.account, each, call.bucket, call.key) for each in needed):
                storage.refused(call, needed[-1])
                return 403, {"Content-Type": "application/xml"}, _REFUSED
            self.path = self.path.removeprefix(f"/as/{call.account}")
            status, headers, answer = super().relayed(body)
            if status == 404 and call.key and not storage.rules.may(call.account, "storage.objects.list", call.bucket):
                return 403, {"Content-Type": "application/xml"}, _REFUSED
            if status == 200 and self.command in {"PUT", "POST"} and call.key and call.makes_an_object:
                storage.tell(call, len(body))
            return status, headers, answer

        def _needed(self, call: Asked) -> list[str]:
            if not call.key:
                return ["storage.objects.list"]
            if self.command in {"GET", "HEAD"}:
                return ["storage.objects.get"]
            if self.command == "DELETE":
                # Giving up an upload of one's own is part of creating.
                return ["storage.objects.create" if "uploadId" in call.query else "storage.objects.delete"]
            replaces = call.makes_an_object and self.headers.get("x-goog-if-generation-match") != "0" and self._is_there(call)
            return ["storage.objects.create", *(["storage.objects.delete"] if replaces else [])]

        def _is_there(self, call: Asked) -> bool:
            connection = http.client.HTTPConnection(urlsplit(storage.moto).netloc, timeout=20)
            connection.request("HEAD", f"/{call.bucket}/{call.key}")
            status = connection.getresponse().status
            connection.close()
            return status == 200

    return Door


def _rules(said: Mapping[str, Any]) -> Rules:
    return Rules(tuple(said["bindings"]), tuple(said["notifications"]), said["publish"])


def serve(folder: Path) -> None:
    """Serve until the process ends."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    url = "http://{}:{}".format(*moto.get_host_and_port())
    rules = json.loads((folder / "rules.json").read_text())
    s3 = boto3.client("s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    for bucket in rules["buckets"]:
        s3.create_bucket(Bucket=bucket)
    handler = door(Storage(folder, _rules(rules), url))
    own = authority(folder / "tls", days=60)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.server)
    plain, behind_tls = (Relay(url, is_gcs=True, handler=handler) for _ in range(2))
    # The handshake belongs to the connection's own thread: whoever hangs in it holds up nobody else.
    behind_tls.socket = context.wrap_socket(behind_tls.socket, server_side=True, do_handshake_on_connect=False)
    Thread(target=plain.serve_forever, daemon=True).start()
    made = {"url": behind_tls.url.replace("http:", "https:"), "plain": plain.url, "ca": str(own.ca)}
    (folder / "ready.json.partial").write_text(json.dumps(made))
    (folder / "ready.json.partial").rename(folder / "ready.json")
    behind_tls.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
