"""`ports.Metrics` over HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import httpx

from trimtab.adapters import http
from trimtab.adapters.prometheus import protocol
from trimtab.errors import Refused
from trimtab.records import ClusterUid, MetricSeries
from trimtab.settings import Settings


@dataclass(frozen=True, slots=True)
class PrometheusMetrics:
    """One endpoint; what one cluster may say about itself."""

    url: str
    client: httpx.Client
    headers: Mapping[str, str] = field(default_factory=dict)
    """A tenant, a bearer token."""

    @classmethod
    def of(cls, settings: Settings, cluster_uid: ClusterUid, transport: httpx.BaseTransport | None = None) -> "PrometheusMetrics":
        """The endpoint of a cluster: its uid is part of the URL in the settings, never a label that a cluster could forge."""
        if not settings.metrics_url:
            raise Refused("Prometheus: not configured; set settings.metrics_url, with {cluster_uid} where clusters have their own")
        url = settings.metrics_url.replace("{cluster_uid}", cluster_uid).rstrip("/")
        return cls(url, http.client_for(url, settings, transport))

    def range(self, query: str, start: datetime, end: datetime, step: int) -> tuple[MetricSeries, ...]:
        """A range query, read once."""
        answer = self.client.post(f"{self.url}/api/v1/query_range", data=protocol.form(query, start, end, step), headers=dict(self.headers))
        return protocol.parse(answer.content, answer.status_code)
