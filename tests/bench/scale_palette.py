"""`python -m tests.bench.scale_palette CLUSTERS`: a Palette over HTTP, in a process of its own; it prints its port.

`GET /asked` says how often it was asked so far, by prefix of Palette's rate limits. `PUT /broken/<uid>` breaks one cluster for good.
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from tests.bench.scale_estate import palette_state
from trimtab.adapters.palette.pace import prefix_of
from trimtab.demo.estate.palette import answered


def server_of(state: Sequence[dict[str, Any]]) -> ThreadingHTTPServer:
    """On a free port of loopback, with these clusters."""
    asked, broken = Counter[str](), set[str]()
    by_uid = {each[key]: [each] for each in state for key in ("uid", "configUid")}

    class Palette(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # One packet an answer: with two, the second waits 40 ms for the first one's acknowledgment.
        wbufsize = -1

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if self.path == "/asked":
                self._send(200, json.dumps(asked).encode())
                return
            if self.path.startswith("/broken/"):
                broken.add(self.path.rpartition("/")[2])
                self._send(200, b"{}")
                return
            asked[prefix_of(self.path.partition("?")[0])] += 1
            named = re.findall(r"[0-9a-f]{24}", self.path)
            if broken.intersection(named):
                self._send(500, b'{"code":"Internal","message":"this one is broken"}')
                return
            # Whoever names a cluster is answered from that one alone: a thousand are not looked through for it.
            known = by_uid.get(named[0], []) if named else list(state)
            request = httpx.Request(self.command, f"http://palette.test{self.path}", headers=dict(self.headers), content=body)
            found = answered(request, known)
            self._send(found.status_code, found.read())

        def _send(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = _answer  # noqa: N815 -- the base class's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Palette)
    server.daemon_threads = True
    return server


if __name__ == "__main__":
    serving = server_of(palette_state(int(sys.argv[1])))
    print(serving.server_port, flush=True)
    serving.serve_forever()
