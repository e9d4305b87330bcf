"""The clock: showback and statements from summaries (AWS Lambda)."""

from typing import Any

from functions.aws_events import serve_event
from trimtab import wiring
from trimtab.flow.report import report


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Translate and serve."""
    ports = wiring.ports()
    return serve_event(report, "report", event, ports, wiring.now(ports.settings))
