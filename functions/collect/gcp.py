"""The clock: read every cluster's last hours from its Prometheus (Google Cloud Functions, 2nd gen)."""

import functions_framework
from cloudevents.http import CloudEvent

from functions.gcp_events import serve_event
from trimtab import wiring
from trimtab.flow.collect_all import collect_all


@functions_framework.cloud_event  # type: ignore[untyped-decorator]
def handler(event: CloudEvent) -> None:
    """Translate and serve."""
    ports = wiring.ports()
    serve_event(collect_all, "collect", event, ports, wiring.now(ports.settings))
