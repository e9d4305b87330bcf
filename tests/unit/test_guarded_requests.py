"""The forges' libraries go where the settings say and nowhere else, whatever a name resolves to or an answer asks for."""

import socket
import ssl
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.tls_server import Server, authority, https, served
from trimtab.adapters.guarded_requests import session, session_for
from trimtab.adapters.http import Address
from trimtab.errors import BadInput, Overloaded, Upstream
from trimtab.settings import Settings

BAD_ADDRESSES = ("127.0.0.1", "10.1.2.3", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "::1", "fd00::1", "::ffff:10.0.0.1")


def at(*addresses: str) -> list[Address]:
    return [ip_address(address) for address in addresses]


@pytest.fixture
def server() -> Iterator[Server]:
    with served(lambda seen: (302 if seen.path == "/moved" else 200, b"ok")) as found:
        yield found


def test_a_listed_private_host_is_reached_at_the_address_that_was_checked(server: Server) -> None:
    port = server.url.rsplit(":", 1)[1]

    with session([], private=["github.acme.test"], resolve=lambda *_: at("127.0.0.1")) as http:
        answer = http.get(f"http://github.acme.test:{port}/api/v3")

    assert answer.text == "ok"
    assert [seen.headers["host"] for seen in server.seen] == [f"github.acme.test:{port}"]


@pytest.mark.security(14)
@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_a_public_host_that_resolves_inward_is_refused(address: str, server: Server) -> None:
    """Rebinding: the name is allowed, the address it has today is the metadata service."""
    port = server.url.rsplit(":", 1)[1]

    with session(["api.github.test"], resolve=lambda *_: at("203.0.114.7", address)) as http, pytest.raises(BadInput, match="not a public"):
        http.get(f"https://api.github.test:{port}/")

    assert not server.seen


@pytest.mark.security(14)
@pytest.mark.parametrize(
    "url",
    [
        "https://evil.test/",
        "https://api.github.com.evil.test/",
        "http://api.github.com/",
        "https://user:password@api.github.com/",
        "https://169.254.169.254/latest/meta-data/",
    ],
)
def test_what_is_not_allowed_is_not_even_resolved(url: str) -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[Address]:
        asked.append(f"{host}:{port}")
        return []

    with session(["api.github.com"], resolve=resolve) as http, pytest.raises(BadInput):
        http.get(url)

    assert not asked


@pytest.mark.security(14)
def test_a_redirect_is_an_error_and_is_not_followed(server: Server) -> None:
    with session([], private=["127.0.0.1"]) as http, pytest.raises(BadInput, match="not followed"):
        http.get(f"{server.url}/moved")

    assert len(server.seen) == 1


def test_neither_proxies_nor_passwords_come_from_the_environment(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password hidden\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    with session([], private=["127.0.0.1"]) as http:
        http.get(f"{server.url}/")

    assert "authorization" not in server.seen[0].headers


def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    """The connection goes to an address; the certificate must still be the name's."""
    own = authority(tmp_path)
    trust = ssl.create_default_context(cafile=str(own.ca))

    with https(own, lambda _: (200, b"ok")) as there:
        with session([], private=["127.0.0.1"], tls=trust) as http:
            assert http.get(there.url).text == "ok"
        url = there.url.replace("127.0.0.1", "forge.test")
        with (
            session([], private=["forge.test"], resolve=lambda *_: at("127.0.0.1"), tls=trust) as http,
            pytest.raises(Upstream, match="SSL"),
        ):
            http.get(url)
        with session([], private=["127.0.0.1"]) as http, pytest.raises(Upstream, match="SSL"):
            http.get(there.url)

    assert len(there.seen) == 1


def test_a_host_that_does_not_answer_is_upstream_and_a_slow_one_overloaded() -> None:
    with socket.socket() as silent, session([], private=["127.0.0.1"]) as http:
        silent.bind(("127.0.0.1", 0))
        silent.listen()

        with pytest.raises(Upstream, match=r"127\.0\.0\.1: "):
            http.get("http://127.0.0.1:9/")
        with pytest.raises(Overloaded, match="no answer in time"):
            http.get(f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout=(1, 0.2))


def test_only_the_settings_make_a_host_private(tmp_path: Path) -> None:
    remote = Settings(store="s3://bucket")

    with session_for("http://127.0.0.1:9", remote) as http, pytest.raises(BadInput, match="only https"):
        http.get("http://127.0.0.1:9/")
    with session_for("http://127.0.0.1:9", Settings(store=f"file://{tmp_path}")) as http, pytest.raises(Upstream):
        http.get("http://127.0.0.1:9/")
    with session_for("http://127.0.0.1:9", remote.model_copy(update={"private_hosts": ("127.0.0.1",)})) as http, pytest.raises(Upstream):
        http.get("http://127.0.0.1:9/")
