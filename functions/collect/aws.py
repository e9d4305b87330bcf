"""The clock: read every cluster's last hours from its Prometheus (AWS Lambda)."""

from typing import Any

from functions.aws_events import serve_event
from trimtab import wiring
from trimtab.flow.collect_all import collect_all


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Translate and serve."""
    ports = wiring.ports()
    return serve_event(collect_all, "collect", event, ports, wiring.now(ports.settings))
