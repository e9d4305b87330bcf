"""The clock, or fresh summaries: forecasts, anomalies, owner suggestions (AWS Lambda)."""

from typing import Any

from functions.aws_events import serve_event
from trimtab import wiring
from trimtab.flow.learn import learn


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Translate and serve."""
    ports = wiring.ports()
    return serve_event(learn, "learn", event, ports, wiring.now(ports.settings))
