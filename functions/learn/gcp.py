"""The clock, or fresh summaries: forecasts, anomalies, owner suggestions (Google Cloud Functions, 2nd gen)."""

import functions_framework
from cloudevents.http import CloudEvent

from functions.gcp_events import serve_event
from trimtab import wiring
from trimtab.flow.learn import learn


@functions_framework.cloud_event  # type: ignore[untyped-decorator]
def handler(event: CloudEvent) -> None:
    """Translate and serve."""
    ports = wiring.ports()
    serve_event(learn, "learn", event, ports, wiring.now(ports.settings))
