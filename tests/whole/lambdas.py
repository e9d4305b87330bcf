"""A small Lambda: the bundles that Terraform deployed, each run by AWS's own runtime client in a process that can be killed.

A process serves one event at a time and is kept for the next; who runs out of time is killed, as there.
"""

import json
import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from queue import Empty, Queue
from typing import Any
from urllib.parse import parse_qs, urlsplit

from infra.bundles.alone import Unpacked
from tests.runtime_api import Invocation, QuietServer, runtime_api

BEGIN = """
import os, runpy
sys.argv = ["awslambdaric", os.environ["_HANDLER"]]
runpy.run_module("awslambdaric", run_name="__main__")
"""


BEGINS_WITHIN = 60
"""Seconds; they do not count as the function's own."""


class Failed(Exception):
    """An invocation that did not end well: the function raised, ran out of time or was killed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployed:
    """A function as AWS has it."""

    name: str
    handler: str
    variables: Mapping[str, str]
    timeout: int
    memory_mb: int
    role: str


@dataclass
class Lambda:
    """One function; its process is started with the first event."""

    deployed: Deployed
    code: Unpacked
    environ: Mapping[str, str]
    """What Lambda and the machine add to the function's own variables."""
    log: Path
    took: list[float] = field(default_factory=list)
    """Seconds of each invocation that ended well, those to begin a process included."""
    _events: Queue[Invocation | None] = field(default_factory=Queue)
    _answers: Queue[tuple[bool, bytes]] = field(default_factory=Queue)
    _begun: threading.Event = field(default_factory=threading.Event)
    _process: "subprocess.Popen[bytes] | None" = None
    _running: ExitStack = field(default_factory=ExitStack)

    @property
    def function(self) -> str:
        """Its name in AWS."""
        return self.deployed.name

    def following(self) -> Invocation | None:
        """The next event for the process, which has begun by now."""
        self._begun.set()
        return self._events.get()

    def answered(self, body: bytes) -> None:
        """It did."""
        self._answers.put((True, body))

    def failed(self, body: bytes) -> None:
        """It did not."""
        self._answers.put((False, body))

    def invoke(self, event: Mapping[str, Any]) -> Any:
        """What it answers. Raises Failed."""
        self._start()
        begun = time.monotonic()
        while not self._begun.wait(0.05) and time.monotonic() < begun + BEGINS_WITHIN:
            self._check_alive()
        self._events.put(Invocation(str(uuid.uuid4()), json.dumps(event).encode()))
        is_well, body = self._answer(time.monotonic() + self.deployed.timeout)
        if not is_well:
            raise Failed(f"{self.function}: {body.decode()[:2000]}")
        self.took.append(round(time.monotonic() - begun, 2))
        return json.loads(body)

    def _answer(self, until: float) -> tuple[bool, bytes]:
        while time.monotonic() < until:
            try:
                return self._answers.get(timeout=0.05)
            except Empty:
                self._check_alive()
        self.stop()
        raise Failed(f"{self.function}: timed out after {self.deployed.timeout} seconds: {self.said()[-2000:]}")

    def _check_alive(self) -> None:
        if self._process is None or self._process.poll() is not None:
            self.stop()
            raise Failed(f"{self.function}: its process ended: {self.said()[-2000:]}")

    def _start(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self.stop()
        self._events, self._answers = Queue(), Queue()
        self._begun.clear()
        address = self._running.enter_context(runtime_api(self))
        root = str(self.code.folders[0])
        environ = {**self.environ, **self.deployed.variables} | {
            "AWS_LAMBDA_FUNCTION_NAME": self.function,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.deployed.memory_mb),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_RUNTIME_API": address,
            "LAMBDA_TASK_ROOT": root,
            "_HANDLER": self.deployed.handler,
        }
        out = self._running.enter_context(self.log.open("ab"))
        self._process = subprocess.Popen(self._command(), env=environ, cwd=root, stdout=out, stderr=out, start_new_session=True)

    def _command(self) -> list[str]:
        """The runtime client, alone with its bundle. What it compiles is kept beside the bundle, or each death would cost seconds."""
        kept = self.code.folders[0].with_name("compiled")
        python, *rest = self.code.command(BEGIN)
        return [python, "-X", f"pycache_prefix={kept}", *(part for part in rest if part != "-B")]

    @property
    def session(self) -> int:
        """Number of the session that its process and its children are; 0 = there is none."""
        return self._process.pid if self._process is not None else 0

    def kill(self) -> None:
        """Its process is no more, from one instruction to the next, nor are its children."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)

    def stop(self) -> None:
        """End its process, whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self._events.put(None)
        self._running.close()

    def said(self) -> str:
        """What it wrote, in all."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""


@contextmanager
def secrets_extension(token: str, read: Callable[[str], str | None]) -> Iterator[int]:
    """AWS's Parameters and Secrets extension beside one function; its port. `read(arn)` is a secret's text; None = AWS refuses."""

    class Extension(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            is_ours = self.headers.get("X-Aws-Parameters-Secrets-Token") == token and parts.path == "/secretsmanager/get"
            arn = parse_qs(parts.query).get("secretId", [""])[0]
            text = read(arn) if is_ours else None
            if text is None:
                self.send_error(400)
                return
            body = json.dumps({"ARN": arn, "SecretString": text}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name is the standard library's
            """Say nothing."""

    server = QuietServer(("127.0.0.1", 0), Extension)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
