"""A Google Cloud HTTP function (target `handler`, signature http) → receive → its reply."""

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from trimtab.flow.receive import receive
from trimtab.sources.senders import Request
from trimtab.wiring_light import receive_ports

if TYPE_CHECKING:
    from flask import Request as FlaskRequest


def handler(request: "FlaskRequest") -> tuple[str, int, dict[str, str]]:
    """One request."""
    headers = {name.lower(): value for name, value in request.headers}
    query = request.args.to_dict() if request.query_string else {}
    ours = Request(request.path, headers, request.get_data(cache=False), request.method, query)
    ports = receive_ports(os.environ)
    reply = receive(ours, ports, ports.clock or datetime.now(UTC))
    return reply.body, reply.status, {"content-type": reply.content_type}
