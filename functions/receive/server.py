"""No cloud: a WSGI server → receive → its reply. TLS and the throttle are those of the ingress in front of it."""

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from trimtab.errors import BadInput
from trimtab.flow.receive import LARGEST, receive
from trimtab.receive_settings import load_receive_settings
from trimtab.sources.senders import Request
from trimtab.wiring_light import receive_ports

MOST_BYTES = max(LARGEST.values())
"""A body that is larger is refused while it comes; each sender is then held to its own limit."""
SILENT_SECONDS = 20
"""A connection on which nothing moves is closed after about as long."""
STATUSES = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed", 413: "Content Too Large",
            503: "Service Unavailable"}  # fmt: skip


def application(environ: Mapping[str, Any], start_response: Callable[[str, list[tuple[str, str]]], object]) -> Iterable[bytes]:
    """One request; the server has read all of its body."""
    headers = {name[5:].replace("_", "-").lower(): str(value) for name, value in environ.items() if name.startswith("HTTP_")}
    headers["content-type"] = str(environ.get("CONTENT_TYPE") or "")
    body = environ["wsgi.input"].read()
    query = dict(parse_qsl(str(environ.get("QUERY_STRING") or "")))
    request = Request(str(environ["PATH_INFO"]), headers, body, str(environ["REQUEST_METHOD"]), query)
    ports = receive_ports(os.environ)
    reply = receive(request, ports, ports.clock or datetime.now(UTC))
    text = reply.body.encode()
    kind = [("Content-Type", reply.content_type)] if text else []
    start_response(f"{reply.status} {STATUSES[reply.status]}", [*kind, ("Content-Length", str(len(text)))])
    return [text]


def serve(host: str, port: int, threads: int) -> None:
    """Listen until SIGTERM or SIGINT. Raises BadInput where the settings cannot be read or the port cannot be had."""
    try:
        from waitress.server import create_server
    except ImportError:
        raise BadInput("trimtab receive: the server is not installed; install trimtab[cluster]") from None
    load_receive_settings(os.environ)
    try:
        server = create_server(
            application, host=host, port=port, threads=threads, max_request_body_size=MOST_BYTES, max_request_header_size=64 << 10,
            channel_timeout=SILENT_SECONDS, cleanup_interval=5, connection_limit=500, ident=None, expose_tracebacks=False,
            clear_untrusted_proxy_headers=True,
        )  # fmt: skip
    except (OSError, ValueError) as error:
        raise BadInput(f"--host {host} --port {port}: {error}") from None
    server.run()
