"""The clock plans a run, its messages analyze and open (AWS Lambda)."""

from typing import Any

from functions.aws_events import serve_event
from trimtab import wiring
from trimtab.flow.propose import propose


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Translate and serve."""
    ports = wiring.ports()
    return serve_event(propose, "propose", event, ports, wiring.now(ports.settings))
