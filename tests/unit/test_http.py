"""A URL that somebody wrote must not be able to make us talk to a machine that nobody listed."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

import httpx
import pytest

from trimtab.adapters.http import Address, addresses_of, client, host_of
from trimtab.errors import BadInput, Upstream


class Answering(BaseHTTPRequestHandler):
    seen: list[str]

    def do_GET(self) -> None:
        self.seen.append(f"{self.headers['Host']} {self.path}")
        self.send_response(302 if self.path == "/moved" else 200)
        self.send_header("Location", "http://evil.test/")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the parent's name
        pass


@pytest.fixture
def served() -> Iterator[tuple[int, list[str]]]:
    seen: list[str] = []
    handler = type("Here", (Answering,), {"seen": seen})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server.server_port, seen
    server.shutdown()
    server.server_close()
    thread.join()


def at(*addresses: str) -> list[Address]:
    return [ip_address(address) for address in addresses]


def test_a_listed_private_host_is_reached_at_the_address_that_was_checked(served: tuple[int, list[str]]) -> None:
    port, seen = served

    with client([], private=["prometheus.monitoring.svc"], resolve=lambda *_: at("127.0.0.1")) as http:
        answer = http.get(f"http://prometheus.monitoring.svc:{port}/api")

    assert answer.text == "ok"
    assert seen == [f"prometheus.monitoring.svc:{port} /api"]


@pytest.mark.security(14)
def test_a_redirect_is_not_followed(served: tuple[int, list[str]]) -> None:
    port, seen = served

    with client([], private=["127.0.0.1"]) as http:
        answer = http.get(f"http://127.0.0.1:{port}/moved")

    assert answer.status_code == 302
    assert len(seen) == 1


BAD_ADDRESSES = (
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "::1", "fe80::1", "fd00::1", "::ffff:169.254.169.254", "::",
)  # fmt: skip


@pytest.mark.security(14)
@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_a_public_host_that_resolves_inward_is_refused(address: str, served: tuple[int, list[str]]) -> None:
    """Rebinding: the name is allowed, the address it has today is the metadata service."""
    port, seen = served

    with client(["api.example.com"], resolve=lambda *_: at("203.0.114.7", address)) as http, pytest.raises(BadInput, match="not a public"):
        http.get(f"https://api.example.com:{port}/")

    assert not seen


@pytest.mark.security(14)
@pytest.mark.parametrize(
    "url",
    [
        "https://evil.test/",
        "https://api.example.com.evil.test/",
        "http://api.example.com/",
        "https://user:password@api.example.com/",
        "https://169.254.169.254/latest/meta-data/",
        "https://API.example.com.:443@evil.test/",
    ],
)
def test_what_is_not_allowed_is_not_sent(url: str) -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200)

    with client(["api.example.com"], transport=httpx.MockTransport(answer)) as http, pytest.raises(BadInput):
        http.get(url)

    assert not sent


def test_the_environments_proxy_is_ignored(served: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    port, seen = served
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    with client([], private=["localhost.test"], resolve=lambda *_: at("127.0.0.1")) as http:
        http.get(f"http://localhost.test:{port}/")

    assert len(seen) == 1


def test_a_service_that_does_not_answer_is_upstream() -> None:
    with client([], private=["127.0.0.1"]) as http, pytest.raises(Upstream, match="ConnectError"):
        http.get("http://127.0.0.1:9/")


def test_a_name_that_nobody_knows_is_upstream() -> None:
    with pytest.raises(Upstream, match="resolved"):
        addresses_of("does-not-exist.invalid", 443)
    with client(["api.example.com"], resolve=lambda *_: []) as http, pytest.raises(Upstream, match="no address"):
        http.get("https://api.example.com/")


def test_a_url_gives_its_host_or_a_reason() -> None:
    assert host_of("https://api.spectrocloud.com/v1") == "api.spectrocloud.com"
    with pytest.raises(BadInput, match="host"):
        host_of("api.spectrocloud.com")
