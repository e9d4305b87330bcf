"""API Gateway HTTP API (payload 2.0) → receive → its reply."""

import os
from binascii import a2b_base64
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from trimtab.flow.receive import receive
from trimtab.sources.senders import Request
from trimtab.wiring_light import receive_ports


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """One request; the route's stage must be $default, so that the path is ours alone."""
    del context
    http, text = event["requestContext"]["http"], event.get("body") or ""
    body = a2b_base64(text) if event.get("isBase64Encoded") else text.encode()
    headers = {name.lower(): value for name, value in event["headers"].items()}
    query = event.get("rawQueryString")
    request = Request(http["path"], headers, body, http["method"], dict(parse_qsl(query)) if query else {})
    ports = receive_ports(os.environ)
    reply = receive(request, ports, ports.clock or datetime.now(UTC))
    return {"statusCode": reply.status, "body": reply.body} | ({"headers": {"content-type": reply.content_type}} if reply.body else {})
