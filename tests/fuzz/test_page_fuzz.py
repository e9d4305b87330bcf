"""The local page, over its real socket: whatever bytes come, it answers by a word of its own, fails at nothing and decides nothing."""

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from random import Random
from urllib.parse import urlencode

import pytest

from tests.fuzz.hostile import METHODS, PATHS, ROUNDS, TEXTS, bent, header_text, rng
from tests.page_store import Visitor, life_at, numbers, opened, served
from trimtab.ports import Ports

pytestmark = pytest.mark.security(34)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    with opened(tmp_path_factory.mktemp("page") / "store") as ports:
        yield ports


@pytest.fixture(scope="module")
def port(store: Ports) -> Iterator[int]:
    with served(store) as number:
        yield number


def answer(port: int, sent: bytes) -> bytes:
    """All that comes back; b"" = the connection was closed without a word."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        with suppress(OSError):  # it may have heard enough before the end
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
        got = b""
        while part := _part(connection):
            got += part
        return got


def _part(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1 << 16)
    except ConnectionResetError:
        return b""


def request_of(port: int, proposal: str, random: Random) -> bytes:
    """Mostly a request that its parser can read, with a strange part or two; sometimes no request at all."""
    paths = (*PATHS, "/slack", "/github", "/palette", f"/proposals/{proposal}/decide", f"/proposals/{proposal}/decide")
    method, path, version = (
        random.choice(METHODS),
        random.choice(paths),
        random.choice(("1.1",) * 9 + ("1.0", "0.9", "2.0", "9.9", "1.x", "")),
    )
    form = {name: random.choice(TEXTS)[:500] for name in ("token", "mark", "head", "action", "person", "reason")}
    body = random.choice((b"", urlencode(form, errors="replace").encode(), random.randbytes(50), b"payload=" + b"%7B" * 300))
    length = random.choice((str(len(body)),) * 6 + ("-1", "0", "9" * 30, "1e3", "٣", "", str(len(body) + 5)))
    host = random.choice((f"127.0.0.1:{port}",) * 5 + ("evil.test", "", f"localhost:{port}", f"127.0.0.1:{port}:80"))
    lines = [f"{method} {path} HTTP/{version}", f"Host: {host}", f"Content-Length: {length}"]
    names = random.sample(("Origin", "Cookie", "X-Slack-Signature", "Transfer-Encoding", "Expect", "Upgrade", "X-Trimtab-Token"), 2)
    lines += [f"{name}: {header_text(random)}" for name in names]
    if random.random() < 0.1:
        lines.append("X" * random.choice((1, 70_000)))
    sent = "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n\r\n" + body
    return bent(sent, random) if random.random() < 0.3 else sent


def test_nothing_that_comes_makes_the_page_fail_or_decide(store: Ports, port: int, capfd: pytest.CaptureFixture[str]) -> None:
    before, proposal = numbers(store), life_at(store, "cpu").planned().id

    for number in range(ROUNDS):
        sent = request_of(port, proposal, rng(f"page/{number}"))
        status = re.match(rb"HTTP/1\.[01] (\d{3})", answer(port, sent))
        assert status is None or int(status[1]) < 500, f"request {number}: {status[1]!r}: {sent[:2000]!r}"

    assert Visitor(port).get().status == 200
    assert numbers(store) == before
    assert "Traceback" not in capfd.readouterr().err
