"""One proposal: judge again on fresh facts, merge, or say why not (AWS Lambda)."""

from typing import Any

from functions.aws_events import serve_event
from trimtab import wiring
from trimtab.flow.merge import merge


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Translate and serve."""
    ports = wiring.ports()
    return serve_event(merge, "merge", event, ports, wiring.now(ports.settings))
