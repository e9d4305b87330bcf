"""The doors before the outside: they tell the right process from all others, and kill it on the right side of what it asked for."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.whole.deaths import Death, Deaths, Victim, When, drawn
from tests.whole.doors import Door, opened

ASKS = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], b'{}', timeout=20).read().decode())"


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """A server, and what it carried out."""
    seen: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            seen.append(self.path)
            self.send_response(200)
            self.send_header("content-length", "4")
            self.end_headers()
            self.wfile.write(b"done")

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", seen
        server.shutdown()


def called(door: Door, deaths: Deaths) -> tuple[int, str]:
    """What becomes of a process that calls once: its end and what it was answered."""
    command = [sys.executable, "-c", ASKS, f"{door.url}/api/chat.postMessage"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True) as caller:
        deaths.victims = lambda: {caller.pid: Victim("report", lambda: os.killpg(caller.pid, signal.SIGKILL))}
        said, _ = caller.communicate(timeout=30)
        return caller.returncode, said.strip()


@pytest.mark.parametrize(("when", "carried_out"), [("before", []), ("after", ["/api/chat.postMessage"])])
def test_whoever_is_to_die_of_a_call_dies_on_that_side_of_it_and_never_hears_the_answer(
    asked: tuple[str, list[str]], when: When, carried_out: list[str]
) -> None:
    deaths = Deaths({("report", "slack, to say something"): (Death(1, when),)})
    with opened("slack", 0, deaths) as door:
        door.lead_to(asked[0])

        assert called(door, deaths) == (-signal.SIGKILL, "")
        assert asked[1] == carried_out
        assert called(door, deaths) == (0, "done")
    assert (deaths.ahead(), len(deaths.told)) == ([], 1)


def test_whoever_serves_no_function_passes_uncounted(asked: tuple[str, list[str]]) -> None:
    deaths = Deaths({("report", "slack, to say something"): (Death(1, "before"),)})
    with opened("slack", 0, deaths) as door:
        door.lead_to(asked[0])
        deaths.victims = lambda: {os.getppid(): Victim("report", lambda: None)}

        done = subprocess.run([sys.executable, "-c", ASKS, door.url], capture_output=True, text=True, check=True, timeout=30)

    assert (done.stdout.strip(), deaths.calls()) == ("done", {})


@pytest.mark.parametrize(
    ("door", "method", "path", "body", "place"),
    [
        ("forge", "GET", "/repos/acme/gitops/pulls", b"", "forge"),
        ("forge", "PATCH", "/repos/acme/gitops/pulls/1", b"{}", "forge, to change it"),
        ("forge", "POST", "/graphql", b'{"query": "query { viewer }"}', "forge"),
        ("forge", "POST", "/graphql", b'{"query": "mutation { merge }"}', "forge, to change it"),
        ("forge", "POST", "/app/installations/1/access_tokens", b"{}", "forge"),
        ("forge", "POST", "/graphql", b'{"query": "mutation { createPullRequest }"}', "forge, to open"),
        ("forge", "PUT", "/repos/acme/gitops/pulls/1/merge", b"{}", "forge, to merge"),
        ("forge", "POST", "/api/v4/projects/1/merge_requests", b"{}", "forge, to open"),
        ("forge", "PUT", "/api/v4/projects/1/merge_requests/1/merge", b"{}", "forge, to merge"),
        ("forge", "PUT", "/api/v4/projects/1/merge_requests/1", b"{}", "forge, to change it"),
        ("forge", "POST", "/acme/gitops.git/git-receive-pack", b"0000", "forge, to change it"),
        ("slack", "POST", "/api/users.info", b"", "slack"),
        ("slack", "POST", "/api/chat.update", b"", "slack, to say something"),
        ("services", "POST", "/palette/v1/dashboard/spectroclusters/search", b"{}", "palette"),
        ("services", "POST", "/prometheus/api/v1/query_range", b"", "prometheus"),
    ],
)
def test_what_changes_something_is_told_from_what_only_asks(door: str, method: str, path: str, body: bytes, place: str) -> None:
    made = Door(door, 0, Deaths())
    made.server_close()

    assert made.place(method, path, body) == place


def test_a_plan_has_every_function_die_on_both_sides_at_every_place_and_is_the_same_for_a_seed() -> None:
    calls = {"merge": {"AWS": 40, "forge": 3}, "report": {"slack": 1}}

    plan = drawn(7, calls, 2)

    assert set(plan) == {("merge", "AWS"), ("merge", "forge"), ("report", "slack")}
    assert all({death.when for death in deaths} == {"before", "after"} for deaths in plan.values())
    assert plan == drawn(7, calls, 2) != drawn(8, calls, 2)


def test_nobody_dies_a_third_time_in_a_row() -> None:
    """What nobody waits for is tried three times: with one death more it would be a dead letter, and rightly so."""
    deaths = Deaths({("alert", "slack"): tuple(Death(1, "before") for _ in range(3))})

    first = [deaths.due("alert", "slack", "x") for _ in range(3)]
    deaths.served("alert")

    assert [*first, deaths.due("alert", "slack", "x")] == ["before", "before", None, "before"]
