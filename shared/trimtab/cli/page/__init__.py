"""`trimtab serve`: one local page over the store, for people who would rather look than type.

It shows what the ledger and the summaries say. On a disk of our own with a local repo it also decides, by the way that everybody else
takes: a signed request to `receive`, and the inbox after it. Anywhere else it is read-only (facts: security 1 and 34).
"""

from collections.abc import Callable
from datetime import datetime

from trimtab.cli.output import say
from trimtab.cli.page.server import open_server
from trimtab.policy.access_rules import Audience
from trimtab.ports import Ports

__all__ = ["open_server", "serve_page"]


def serve_page(ports: Ports, clock: Callable[[], datetime], port: int, secret: bytes, asker: Audience) -> None:
    """Serve until interrupted. `secret` is new on every start. Raises BadInput where the port is taken."""
    server = open_server(ports, clock, port, secret, asker)
    say(f"http://127.0.0.1:{server.server_port}/  (Ctrl-C ends it)")
    try:
        server.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        say("closed")
    finally:
        server.server_close()
