"""A door before each server of the outside: everybody comes in by it, is known by the process at the other end, and may die there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

from tests.contract.gcs_shim import Relay, Relayed, Shim
from tests.whole.deaths import Deaths, Victim

CHANGES = ("forge, to open", "forge, to merge", "forge, to change it")
OUTSIDE = (("forge",), CHANGES, ("slack",), ("slack, to say something",), ("palette",))
"""What functions call there, in the words of a plan of deaths; at one of each somebody has to die on either side."""


class Door(Relay):
    """Always at the same port, whatever stands behind it."""

    def __init__(self, name: str, port: int, deaths: Deaths) -> None:
        super().__init__("", is_gcs=False, handler=_Visit, port=port)
        self.name, self.deaths = name, deaths

    def lead_to(self, url: str) -> None:
        """What stands behind it."""
        self.target = urlsplit(url).netloc

    def place(self, method: str, path: str, body: bytes) -> str:
        """What is called, in the words of a plan."""
        if self.name == "services":
            # Palette and Prometheus are only ever asked.
            return path.split("/")[1]
        if self.name == "slack":
            return "slack, to say something" if "/chat." in path else "slack"
        return f"forge{_purpose(method, path, body)}"


@contextmanager
def opened(name: str, port: int, deaths: Deaths) -> Iterator[Door]:
    """A door until the block ends; 0 = wherever there is room."""
    door = Door(name, port, deaths)
    Thread(target=door.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield door
    finally:
        door.shutdown()
        door.server_close()


class _Visit(Shim):
    """One connection, and who holds its other end."""

    server: Door
    wbufsize = -1
    disable_nagle_algorithm = True
    _visitor: "Victim | None" = None

    def relayed(self, body: bytes) -> Relayed:
        """Carry it out, where whoever asks lives to ask it, and answer, where they live to hear it."""
        place = self.server.place(self.command, self.path, body)
        visitor = self._who()
        dies = self.server.deaths.due(visitor.function, place, f"{self.command} {self.path}") if visitor else None
        if visitor and dies == "before":
            visitor.kill()
            raise ConnectionAbortedError
        status, headers, answer = super().relayed(body)
        if visitor and dies == "after":
            visitor.kill()
            raise ConnectionAbortedError
        # `handle_one` looks for a length under this spelling.
        return status, {name.title(): value for name, value in headers.items()}, answer

    def _who(self) -> Victim | None:
        if self._visitor is None:
            self._visitor = victim_behind(self.client_address[1], self.server.server_port, self.server.deaths)
        return self._visitor

    do_PATCH = Shim.handle_one  # noqa: N815 -- the base class's names


def _purpose(method: str, path: str, body: bytes) -> str:
    """GraphQL is always posted to, and the token that an App asks for is nothing that anybody sees."""
    if path.endswith("/merge"):
        return ", to merge"
    if b"createPullRequest" in body or (method == "POST" and path.endswith("/merge_requests")):
        return ", to open"
    changes = b"mutation" in body if path.endswith("/graphql") else method != "GET" and "/app/" not in path
    return ", to change it" if changes else ""


def victim_behind(port: int, door: int, deaths: Deaths) -> Victim | None:
    """Who holds the other end of a connection to a door; None = nobody who serves a function."""
    held = f"socket:[{_inode(port, door)}]"
    for session, victim in deaths.victims().items():
        if any(_holds(pid, held) for pid in _of_session(session)):
            return victim
    return None


def _inode(port: int, door: int) -> str:
    """The number of the socket at that port which is connected to the door; "" = it is gone."""
    ends = [f"0100007F:{number:04X}" for number in (port, door)]
    lines = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines())
    return next((line[9] for line in lines if line[1:3] == ends), "")


def _of_session(session: int) -> Iterator[int]:
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            try:
                if os.getsid(int(path.name)) == session:
                    yield int(path.name)
            except ProcessLookupError:
                continue


def _holds(pid: int, held: str) -> bool:
    try:
        return any(each.readlink() == Path(held) for each in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False
