"""An export or a usage drop landed, or a period is to be attributed again (AWS Lambda)."""

from typing import Any

from functions.aws_events import serve_event
from trimtab import wiring
from trimtab.flow.landed import land


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Translate and serve."""
    ports = wiring.ports()
    return serve_event(land, "ingest", event, ports, wiring.now(ports.settings))
