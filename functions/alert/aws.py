"""A budget or anomaly notice came: tell the owner, once per threshold (AWS Lambda)."""

from typing import Any

from functions.aws_events import serve_event
from trimtab import wiring
from trimtab.flow.alert import alert


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Translate and serve."""
    ports = wiring.ports()
    return serve_event(alert, "alert", event, ports, wiring.now(ports.settings))
