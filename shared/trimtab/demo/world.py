"""The estate's outside world on loopback: Palette, Prometheus and Slack answer over HTTP, from files beside the store.

A demo's store remembers that it is one (`is_demo`), so every command on it can start the same world again.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx

from trimtab import wiring
from trimtab.demo.estate.clusters import CLUSTERS
from trimtab.demo.estate.metrics import prometheus_transport
from trimtab.demo.estate.model import AS_OF
from trimtab.demo.estate.palette import palette_transport
from trimtab.demo.slack_workspace import SlackWorkspace
from trimtab.settings import Settings, local_path


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """Where the estate's outside lives on disk, and its Slack while it runs."""

    root: Path
    slack: SlackWorkspace

    @property
    def repository(self) -> Path:
        """The bare GitOps repo."""
        return self.root / "gitops.git"

    @property
    def palette(self) -> Path:
        """Palette's state."""
        return self.root / "palette"


def root_of(settings: Settings) -> Path:
    """The demo's folder inside its store."""
    return local_path(settings.store) / "demo"


@contextmanager
def running(settings: Settings) -> Iterator[World]:
    """Start the estate's services on free loopback ports and point the environment at them."""
    root = root_of(settings)
    slack = SlackWorkspace(root / "slack", token=_secret(settings.slack_token), signing_secret=_secret(settings.slack_signing_secret))
    services = {"palette": palette_transport(root / "palette")}
    clock = _clock(settings)
    services |= {f"prometheus/{cluster.cluster.uid}": prometheus_transport(cluster.cluster.uid, clock=clock) for cluster in CLUSTERS}
    before = dict(os.environ)
    with served(services) as base, slack.running() as slack_url:
        os.environ |= {
            "TRIMTAB_STORE": settings.store,
            "TRIMTAB_PALETTE_URL": f"{base}/palette",
            "TRIMTAB_METRICS_URL": f"{base}/prometheus/{{cluster_uid}}",
            "TRIMTAB_SLACK_URL": slack_url,
        }
        wiring.forget_ports()
        try:
            yield World(root=root, slack=slack)
        finally:
            os.environ.clear()
            os.environ |= before
            wiring.forget_ports()


@contextmanager
def served(services: Mapping[str, httpx.BaseTransport], port: int = 0) -> Iterator[str]:
    """Answer /<name>/… on 127.0.0.1 with the service of that name; the base URL."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _bridge(services))
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _clock(settings: Settings) -> Callable[[], datetime]:
    """The time of the step that is played: everybody's in this world."""

    def now() -> datetime:
        at = os.environ.get("TRIMTAB_CLOCK")
        return datetime.fromisoformat(at) if at else settings.clock or AS_OF

    return now


def _secret(secret: object) -> str:
    return secret.get_secret_value() if hasattr(secret, "get_secret_value") else ""


def _bridge(transports: Mapping[str, httpx.BaseTransport]) -> type[BaseHTTPRequestHandler]:
    """An HTTP server class that answers /<name>/… with the service of that name."""

    class Bridge(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # One packet an answer: with two, the second waits 40 ms for the first one's acknowledgment.
        wbufsize = -1

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            name = next((name for name in transports if self.path.startswith(f"/{name}/")), None)
            if name is None:
                self.send_error(404)
                return
            path = self.path.removeprefix(f"/{name}/")
            request = httpx.Request(self.command, f"http://estate.test/{path}", headers=dict(self.headers), content=body)
            answer = transports[name].handle_request(request)
            content = answer.read()
            self.send_response(answer.status_code)
            for header, value in answer.headers.items():
                if header.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(header, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer  # noqa: N815 -- the base class's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
            """Quiet: the demo's own log says what happens."""

    return Bridge
