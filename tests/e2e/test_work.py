"""The processes that stand where there is no cloud: the worker and the webhook server, started as in a container, killed, and doubled."""

import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import boto3
import duckdb
import obstore
import pytest
from moto.server import DomainDispatcherApplication, create_backend_app
from obstore.store import S3Store
from werkzeug.serving import make_server

from tests.tls_server import authority
from trimtab.adapters.store import open_state
from trimtab.flow.work import lease_of
from trimtab.settings import Settings
from trimtab.sources.prometheus import COLUMNS
from trimtab.sources.senders import sign_slack

ROOT = Path(__file__).parents[2]
BUCKET = "trimtab-inside"
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """An empty store of a deployment that has nothing to look after, and allows writing."""
    root = tmp_path / "store"
    root.mkdir()
    (root / "settings.json").write_text(json.dumps({"slack_signing_secret": SECRET, "store": root.as_uri()}))
    state(root).permit.resume(by="test", reason="writing is allowed", at=HOUR)
    return root


def state(root: Path) -> Any:
    return open_state(Settings(store=root.as_uri()), nonce=lambda: "test")


def leave_drop(root: Path, name: str, pods: int) -> Path:
    """A drop as `trimtab collect` leaves it: Parquet, then its marker."""
    folder = root / "usage" / name / f"{HOUR:%Y-%m-%dT%H}-1h-{sha256(name.encode()).hexdigest()[:16]}"
    folder.mkdir(parents=True)
    known = {
        "hour": f"TIMESTAMP '{HOUR:%Y-%m-%d %H:%M:%S}'", "cluster_uid": f"'{name}'", "cluster": f"'{name}'", "node": "'n' || (i // 50)",
        "pod": "'pod-' || i", "namespace": "'shop'", "workload": "'web'", "workload_kind": "'Deployment'", "seconds": "3600",
        "cpu_request": "500", "memory_request": "1073741824",
    }  # fmt: skip
    columns = ", ".join(f'CAST({known.get(column.name, "NULL")} AS {column.sql_type}) AS "{column.name}"' for column in COLUMNS)
    with duckdb.connect() as session:
        session.execute(f"COPY (SELECT {columns} FROM range({pods}) AS t(i)) TO '{folder / 'usage.parquet'}' (FORMAT parquet)")
    times = {"from": HOUR, "to": HOUR + timedelta(hours=1), "collected_at": HOUR + timedelta(hours=1, minutes=5)}
    said = {which: f"{at:%Y-%m-%dT%H:%M:%SZ}" for which, at in times.items()}
    (folder / "_complete.json").write_text(json.dumps({"cluster_uid": name, "cluster": name, "files": ["usage.parquet"]} | said))
    return folder / "_complete.json"


class Process:
    """A command of ours, and the lines of its log."""

    def __init__(self, store: Path | dict[str, str], log: Path, *words: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TRIMTAB_")}
        where = {"TRIMTAB_STORE": store.as_uri()} if isinstance(store, Path) else store
        environ = clean | {"PYTHONPATH": f"{ROOT / 'shared'}{os.pathsep}{ROOT}"} | where
        self.log = log
        with log.open("ab") as out:
            self.popen = subprocess.Popen([sys.executable, "-m", "trimtab.cli.main", *words], env=environ, stdout=out, stderr=out)

    def lines(self, event: str) -> list[dict[str, Any]]:
        said = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in said if line["event"] == event]

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.popen.send_signal(how)
        return self.popen.wait(60)


@contextlib.contextmanager
def running(store: Path | dict[str, str], log: Path, *words: str) -> Iterator[Process]:
    process = Process(store, log, *words)
    try:
        yield process
    finally:
        if process.popen.poll() is None:
            process.popen.kill()
            process.popen.wait()


def until(is_so: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def waiting(store: Path, source: str) -> list[str]:
    return [key for key in state(store).inbox.pending() if key.startswith(f"inbox/{source}")]


def rows_in_lake(store: Path) -> int:
    files = [str(path) for path in (store / "default" / "lake" / "usage").rglob("*.parquet")]
    with duckdb.connect() as session:
        found = session.execute("SELECT count(*) FROM read_parquet($1)", [files]).fetchone() if files else None
    return int(found[0]) if found else 0


def test_usage_that_a_collector_left_reaches_the_lake_without_a_bucket_that_tells(store: Path, tmp_path: Path) -> None:
    """Nobody is notified on a volume or a plain S3 server; what only waited for a notification would wait for good."""
    leave_drop(store, "prod", 10)

    with running(store, tmp_path / "log", "work", "--functions", "ingest", "--every", "0.2") as worker:
        until(lambda: any(line["input"].startswith("prod: 10 rows") for line in worker.lines("wake.finished")))
        ended = worker.end()

    assert ended == 0
    assert worker.lines("work.stopped")
    assert rows_in_lake(store) == 10
    assert not waiting(store, "ingest")


def test_a_worker_killed_half_way_finishes_after_its_restart(store: Path, tmp_path: Path) -> None:
    """A node goes away without a word; its wake is neither lost nor done twice."""
    leave_drop(store, "prod", 150_000)
    with running(store, tmp_path / "log", "work", "--functions", "ingest", "--every", "0.2", "--name", "a") as worker:
        until(lambda: waiting(store, "ingest/pull"))
        key = waiting(store, "ingest/pull")[0]
        until((store / "default" / "leases" / lease_of(key)).exists)
        worker.end(signal.SIGKILL)
    assert waiting(store, "ingest/pull") == [key]

    with running(store, tmp_path / "log2", "work", "--functions", "ingest", "--once", "--name", "a") as again:
        assert again.popen.wait(120) == 0, again.log.read_text()

    assert not waiting(store, "ingest")
    assert rows_in_lake(store) == 150_000


def test_what_a_dead_worker_held_is_left_alone_until_its_lease_is_over(store: Path, tmp_path: Path) -> None:
    """Another worker cannot know that it died; it takes over when the lease ends, minutes later."""
    state(store).inbox.put("inbox/decide/prop-1.1.test", b"{}")
    now = datetime.now(UTC)
    assert state(store).ledger.acquire_lease(lease_of("inbox/decide/prop-1.1.test"), "dead", now, 0)

    with running(store, tmp_path / "log", "work", "--functions", "merge", "--once", "--name", "b") as early:
        assert early.popen.wait(60) == 0, early.log.read_text()
    assert waiting(store, "decide")


def test_two_workers_at_once_serve_each_wake_once(store: Path, tmp_path: Path) -> None:
    """Two replicas poll the same inbox; work done twice costs twice, and clicks would be answered twice."""
    keys = [f"inbox/decide/prop-{n}.1.test" for n in range(40)]
    for key in keys:
        state(store).inbox.put(key, b"{}")
    words = ("work", "--functions", "merge", "--every", "0.1", "--name")

    with running(store, tmp_path / "a", *words, "a") as one, running(store, tmp_path / "b", *words, "b") as two:
        # One may have served everything before the other is there at all; that one must be up before it is told to end.
        until(lambda: not waiting(store, "decide") and all(process.lines("work.started") for process in (one, two)))
        ends = (one.end(), two.end())

    served = sorted(line["key"] for process in (one, two) for line in process.lines("wake.finished"))
    assert ends == (0, 0)
    assert served == sorted(keys)


def test_a_wake_that_fails_is_tried_again_later_and_named(store: Path, tmp_path: Path) -> None:
    """A scheduler must see that a run did not end well, and a person which wake it was."""
    values = json.loads((store / "settings.json").read_text()) | {"palette_url": "https://127.0.0.1:9", "palette_api_key": "k" * 20}
    (store / "settings.json").write_text(json.dumps(values))

    with running(store, tmp_path / "log", "work", "--functions", "collect", "--once") as worker:
        ended = worker.popen.wait(120)

    again = worker.lines("work.again")
    assert ended == 3
    assert [(line["tries"], line["after_seconds"]) for line in again] == [(1, 30)]
    assert again[0]["key"] in worker.log.read_text().splitlines()[-1]
    assert waiting(store, "clock/collect")


def test_a_function_that_does_not_exist_is_named_before_anything_is_served(store: Path, tmp_path: Path) -> None:
    """A typing error in a chart's values must not leave a function unserved in silence."""
    with running(store, tmp_path / "log", "work", "--functions", "merge,verfiy") as worker:
        ended = worker.popen.wait(60)

    assert ended == 2
    assert "verfiy" in worker.log.read_text()


# ── a bucket inside the network ──────────────────────────────────────────────────────────────────────────────────────
@contextlib.contextmanager
def bucket_server(folder: Path) -> Iterator[dict[str, str]]:
    """An S3 server behind TLS of a private authority, with one bucket; the environment that reaches it."""
    own = authority(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.server)
    server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True, ssl_context=context)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"https://127.0.0.1:{server.server_port}"
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
    s3 = boto3.client(
        "s3", endpoint_url=address, verify=str(own.ca), region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    s3.create_bucket(Bucket=BUCKET)
    try:
        yield {
            "AWS_ENDPOINT_URL": address,
            "SSL_CERT_FILE": str(own.ca),
            "TRIMTAB_SETTINGS": "{}",
            "TRIMTAB_STORE": f"s3://{BUCKET}",
        } | keys
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_bucket_of_an_s3_compatible_server_with_a_private_authority_is_store_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Air-gapped: no cloud, no public certificate, and yet drops reach the lake and the clock is kept."""
    drop = leave_drop(tmp_path / "dropped", "prod", 10).parent
    with bucket_server(tmp_path) as environ:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        for name in ("usage.parquet", "_complete.json"):
            obstore.put(S3Store(BUCKET), f"usage/prod/{drop.name}/{name}", (drop / name).read_bytes())

        with running(environ, tmp_path / "log", "work", "--functions", "ingest", "--once") as worker:
            ended = worker.popen.wait(120)
        kept = {each["path"] for page in obstore.list(S3Store(BUCKET)) for each in page}

    assert ended == 0, worker.log.read_text()
    assert "prod: 10 rows of usage" in [line["input"] for line in worker.lines("wake.finished")]
    assert any(path.startswith("default/lake/usage/") and path.endswith(".parquet") for path in kept)


def said_by(environ: dict[str, str], log: Path, *words: str) -> str:
    with running(environ, log, *words) as command:
        assert command.popen.wait(60) == 0, log.read_text()
    return log.read_text()


@pytest.mark.security(21)
def test_whoever_a_bucket_lets_write_its_permit_resumes_and_stops(tmp_path: Path) -> None:
    """No name is proven there, and none need be: no function may write a permit to go, and without one nothing could ever begin."""
    with bucket_server(tmp_path) as environ:
        before = said_by(environ, tmp_path / "before", "status")
        said_by(environ, tmp_path / "resume", "resume", "--as", "pat", "--reason", "installed")
        resumed = said_by(environ, tmp_path / "resumed", "status")
        said_by(environ, tmp_path / "stop", "stop", "--as", "pat", "--reason", "audit of the year")
        stopped = said_by(environ, tmp_path / "stopped", "status")

    assert "no run permit" in before
    assert "allowed" in resumed
    assert "audit of the year" in stopped


# ── receive ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@contextlib.contextmanager
def receiving(store: Path, log: Path) -> Iterator[tuple[int, Process]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with running(store, log, "receive", "--port", str(port)) as server:
        until(lambda: is_listening(port))
        yield port, server


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def click() -> tuple[bytes, dict[str, str]]:
    """A signed click on a proposal that nobody knows."""
    action = {"type": "button", "action_id": "approve", "value": "prop-nobody " + "0" * 40, "block_id": "decide"}
    payload = {"type": "block_actions", "user": {"id": "U1"}, "actions": [action], "container": {"channel_id": "C1", "message_ts": "1.1"}}
    body, at = urlencode({"payload": json.dumps(payload)}).encode(), str(int(time.time()))
    headers = {"content-type": "application/x-www-form-urlencoded", "x-slack-request-timestamp": at}
    return body, headers | {"x-slack-signature": sign_slack(SECRET, at, body)}


def post(port: int, path: str, body: bytes, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_signed_click_over_http_reaches_its_function_and_is_done(store: Path, tmp_path: Path) -> None:
    """The server puts, the worker serves: together they are the way that a click goes without a cloud."""
    body, headers = click()
    with receiving(store, tmp_path / "server") as (port, server):
        statuses = [post(port, "/slack", body, headers), post(port, "/slack", body, headers)]
        assert server.end() == 0
    key = f"inbox/slack/{sha256(body).hexdigest()}"
    assert statuses == [200, 200]
    assert waiting(store, "slack") == [key]

    with running(store, tmp_path / "log", "work", "--functions", "merge", "--once") as worker:
        worker.popen.wait(60)

    assert [line["key"] for line in worker.lines("wake.finished")] == [key]
    assert not waiting(store, "slack")


@pytest.mark.security(33)
def test_what_is_forged_too_large_or_nobodys_is_refused_and_leaves_nothing(store: Path, tmp_path: Path) -> None:
    """Strangers reach this port; nothing of theirs is kept, and a body without end is cut off before it fills the memory."""
    body, headers = click()
    forged = headers | {"x-slack-signature": "v0=" + "0" * 64}
    with receiving(store, tmp_path / "server") as (port, _):
        answered = [
            post(port, "/slack", body, forged),
            post(port, "/slack", b"x" * (300 << 10), headers),
            post(port, "/nobody", body, headers),
            post(port, "/slack", b"", {}),
            refused_length(port, 6 << 20),
        ]

    assert answered == [401, 413, 404, 401, 413]
    assert not waiting(store, "")


def refused_length(port: int, size: int) -> int:
    """What a request is told that only says how much is to come."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        line.sendall(f"POST /github HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode())
        return int(line.recv(100).split()[1])


@pytest.mark.security(33)
def test_connections_that_say_nothing_hold_up_no_click(store: Path, tmp_path: Path) -> None:
    """A few slow strangers, more than there are threads, would otherwise be enough to silence every approver."""
    body, headers = click()
    with receiving(store, tmp_path / "server") as (port, _), contextlib.ExitStack() as lines:
        for _ in range(60):
            line = lines.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            line.sendall(b"POST /slack HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx")
        begun = time.monotonic()
        status = post(port, "/slack", body, headers)

    assert status == 200
    assert time.monotonic() - begun < 3
