"""The clock, or Palette called: applied, healthy, saved? and sweep (AWS Lambda)."""

from typing import Any

from functions.aws_events import serve_event
from trimtab import wiring
from trimtab.flow.verify import verify


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Translate and serve."""
    ports = wiring.ports()
    return serve_event(verify, "verify", event, ports, wiring.now(ports.settings))
