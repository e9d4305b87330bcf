"""One proposal: judge again on fresh facts, merge, or say why not (Google Cloud Functions, 2nd gen)."""

import functions_framework
from cloudevents.http import CloudEvent

from functions.gcp_events import serve_event
from trimtab import wiring
from trimtab.flow.merge import merge


@functions_framework.cloud_event  # type: ignore[untyped-decorator]
def handler(event: CloudEvent) -> None:
    """Translate and serve."""
    ports = wiring.ports()
    serve_event(merge, "merge", event, ports, wiring.now(ports.settings))
