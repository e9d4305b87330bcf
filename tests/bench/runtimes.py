"""The two clouds' real runtimes on this machine, each in a fresh process: the Lambda runtime client and functions-framework.

Both are driven by one client, one request after the other; the client's work is the same whatever handler answers.
"""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, sleep

from tests.bench.clicks import ROOT, Click
from tests.runtime_api import Invocation, runtime_api

WAIT_SECONDS = 60
WARM_UP = 10
"""Answers that do not count for the rate."""


@dataclass(frozen=True, slots=True)
class Answered:
    """How one process did."""

    first: float
    """Seconds from its start to its first 200."""
    rate: float
    """Answers per second once warm; 0 where only the first was asked for."""


Drive = Callable[[str, Path, Sequence[Click]], Answered]
"""(handler, store, requests) → how it did."""


# ── AWS ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(slots=True)
class Invocations:
    """What the Lambda service would hand out and take back."""

    events: list[bytes]
    function: str = "bench"
    times: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    handed_out: int = 0
    done: threading.Event = field(default_factory=threading.Event)

    def following(self) -> Invocation | None:
        """The next event; after the last one, the client waits to be ended."""
        place = self.handed_out
        if place == len(self.events):
            self.done.wait(WAIT_SECONDS)
            return None
        self.handed_out += 1
        return Invocation(f"00000000-0000-0000-0000-{place:012}", self.events[place])

    def answered(self, body: bytes) -> None:
        """One reply of the handler."""
        self.times.append(perf_counter())
        reply = json.loads(body)
        if reply.get("statusCode") != 200:
            self.failures.append(str(reply)[:200])
        self._end()

    def failed(self, body: bytes) -> None:
        """The handler raised."""
        self.failures.append(body.decode()[:200])
        self._end()

    def _end(self) -> None:
        """Tell whoever waits, once all are answered or one failed."""
        if self.failures or len(self.times) == len(self.events):
            self.done.set()


def drive_lambda(handler: str, store: Path, clicks: Sequence[Click]) -> Answered:
    """The Lambda runtime client, polling a service of ours."""
    invocations = Invocations([json.dumps(click_event(click)).encode() for click in clicks])
    with runtime_api(invocations) as address:
        environ = {"AWS_LAMBDA_RUNTIME_API": address, "AWS_LAMBDA_FUNCTION_NAME": "bench", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512"}
        start = perf_counter()
        with running([sys.executable, "-m", "awslambdaric", handler], store, environ):
            invocations.done.wait(WAIT_SECONDS)
            invocations.done.set()
    return _answered(start, invocations.times, len(clicks), invocations.failures)


def click_event(click: Click) -> dict[str, object]:
    """As API Gateway hands a request over."""
    http = {"method": "POST", "path": click.path, "sourceIp": "192.0.2.1"}
    return {
        "version": "2.0", "rawPath": click.path, "rawQueryString": "", "headers": click.headers,
        "requestContext": {"http": http, "stage": "$default"}, "body": click.body.decode(), "isBase64Encoded": False,
    }  # fmt: skip


# ── Google Cloud ─────────────────────────────────────────────────────────────────────────────────────────────────────
def drive_functions_framework(handler: str, store: Path, clicks: Sequence[Click]) -> Answered:
    """functions-framework on a port of this machine, as its container runs it; `handler` is the path of its source."""
    port = _free_port()
    command = [
        sys.executable,
        "-m",
        "functions_framework",
        "--target",
        "handler",
        "--source",
        handler,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    requests = [_http(click, port) for click in clicks]
    times: list[float] = []
    failures: list[str] = []
    start = perf_counter()
    with running(command, store, {}) as process, _connected(port, process, start) as connection:
        for request in requests:
            connection.sendall(request)
            status = _status(connection)
            times.append(perf_counter())
            if status != 200:
                failures.append(f"status {status}")
                break
    return _answered(start, times, len(clicks), failures)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _http(click: Click, port: int) -> bytes:
    headers = {"Host": f"127.0.0.1:{port}", "Content-Length": str(len(click.body)), **click.headers}
    lines = [f"POST {click.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + click.body


@contextmanager
def _connected(port: int, process: "subprocess.Popen[bytes]", start: float) -> Iterator[socket.socket]:
    """A connection, as soon as the server listens."""
    while True:
        try:
            connection = socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS)
        except ConnectionRefusedError:
            if process.poll() is not None or perf_counter() - start > WAIT_SECONDS:
                raise RuntimeError(f"{process.args!r} does not listen") from None
            sleep(0.001)
        else:
            break
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connection


def _status(connection: socket.socket) -> int:
    """Read one answer whole; its status."""
    read = b""
    while b"\r\n\r\n" not in read:
        read += _more(connection)
    head, body = read.split(b"\r\n\r\n", 1)
    length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += _more(connection)
    return int(head.split(b" ", 2)[1])


def _more(connection: socket.socket) -> bytes:
    part = connection.recv(65536)
    if not part:
        raise ConnectionError("the server closed the connection in the middle of an answer")
    return part


# ── Both ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
@contextmanager
def running(command: Sequence[str], store: Path, environ: dict[str, str]) -> "Iterator[subprocess.Popen[bytes]]":
    """A fresh process that sees this store and nothing else of our environment."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TRIMTAB_", "AWS_"))}
    known = clean | {"PYTHONPATH": f"{ROOT}:{ROOT / 'shared'}", "TRIMTAB_STORE": store.as_uri()}
    process = subprocess.Popen(command, cwd=ROOT, env=known | environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answered(start: float, times: Sequence[float], wanted: int, failures: Sequence[str]) -> Answered:
    if failures or len(times) != wanted:
        raise RuntimeError(f"{len(times)} of {wanted} requests were answered: {failures[0] if failures else 'no answer'}")
    warm = times[min(WARM_UP, len(times) - 1) :]
    return Answered(first=times[0] - start, rate=(len(warm) - 1) / (warm[-1] - warm[0]) if len(warm) > 1 else 0.0)


RUNTIMES: dict[str, tuple[Drive, str, str]] = {
    "aws": (drive_lambda, "functions.receive.aws.handler", "tests.bench.hello_aws.handler"),
    "gcp": (drive_functions_framework, "functions/receive/gcp.py", "tests/bench/hello_gcp.py"),
}
"""Cloud → its runtime, our handler, the yardstick's."""
