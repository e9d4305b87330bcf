"""How a cluster's metrics endpoint is reached: which URL, as which tenant, with whose credentials. All of it by deployment settings."""

import os
import re
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, SecretStr, TypeAdapter, ValidationError

from trimtab.adapters import http
from trimtab.adapters.prometheus.client import PrometheusMetrics
from trimtab.adapters.prometheus.protocol import QUERY_SECONDS, WHOLE_AND_FRESH
from trimtab.errors import BadInput, Refused
from trimtab.records import ClusterUid
from trimtab.settings import MetricsEndpoint, Settings

TIMEOUT = httpx.Timeout(QUERY_SECONDS + 15, connect=5)
"""A little longer than the store is asked to try."""
GOOGLE = "monitoring.googleapis.com"
_AMAZON = re.compile(
    r"(?:[a-z0-9-]+\.)?aps-workspaces(?:-fips)?\.([a-z]{2}[a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|api\.aws|vpce\.amazonaws\.com)"
)
_HEADER = re.compile(r"[\x21-\x7e]{1,8192}")


class Secrets(BaseModel):
    """What one endpoint is shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: SecretStr | None = None
    client_key: SecretStr | None = None


@dataclass(frozen=True, slots=True)
class Bearer(httpx.Auth):
    """A token that may be another one with every request."""

    token: Callable[[], str]

    def auth_flow(self, request: httpx.Request):  # type: ignore[no-untyped-def]  # noqa: ANN201 -- httpx's own signature
        """Add the header."""
        request.headers["authorization"] = f"Bearer {self.token()}"
        yield request


def metrics_of(settings: Settings, cluster_uid: ClusterUid, transport: httpx.BaseTransport | None = None) -> PrometheusMetrics:
    """The one endpoint that may speak for a cluster. Raises Refused where there is none, BadInput for settings that cannot be meant."""
    endpoint = settings.metrics_endpoint(cluster_uid)
    if endpoint is None:
        raise Refused(f"Prometheus: no endpoint for cluster {cluster_uid}; set settings.metrics or settings.metrics_url")
    return open_endpoint(endpoint, settings, transport)


def open_endpoint(endpoint: MetricsEndpoint, settings: Settings, transport: httpx.BaseTransport | None = None) -> PrometheusMetrics:
    """A client for an endpoint."""
    url = endpoint.url.rstrip("/")
    _check(endpoint, settings)
    secrets = _secrets(settings, endpoint.cluster_uid)
    tls = _tls(endpoint, secrets)
    return PrometheusMetrics(
        url,
        http.client_for(url, settings, transport, tls=tls, timeout=TIMEOUT),
        headers={endpoint.tenant_header: _header(endpoint.tenant, endpoint, "tenant")} if endpoint.tenant else {},
        auth=_auth(endpoint, secrets),
        method="GET" if endpoint.auth == "google" else "POST",
        more={} if endpoint.auth in {"aws", "google"} else WHOLE_AND_FRESH,
    )


def _check(endpoint: MetricsEndpoint, settings: Settings) -> None:
    """A credential goes only where it is meant to go, and never in the open."""
    host = http.host_of(endpoint.url)
    is_ours = host in settings.private_hosts or (settings.is_local and host in http.LOOPBACK)
    if endpoint.auth != "none" and urlsplit(endpoint.url).scheme != "https" and host not in http.LOOPBACK:
        raise BadInput(f"{_place(endpoint)}: {endpoint.url}: credentials over plain http; use https")
    if endpoint.auth == "google" and host != GOOGLE and not is_ours:
        raise BadInput(f"{_place(endpoint)}: {host}: a Google token goes to {GOOGLE} only, or to a host in settings.private_hosts")
    if endpoint.auth == "aws" and not _AMAZON.fullmatch(host) and not is_ours:
        raise BadInput(f"{_place(endpoint)}: {host}: not a host of Amazon Managed Prometheus, nor in settings.private_hosts")


def _auth(endpoint: MetricsEndpoint, secrets: Secrets) -> httpx.Auth | None:
    match endpoint.auth:
        case "none":
            return None
        case "bearer":
            return Bearer(_token(endpoint, secrets))
        case "aws":
            from trimtab.adapters.aws.sigv4 import signer

            return signer(_region(endpoint), endpoint.identity)
        case "google":
            from trimtab.adapters.gcp.identity import GoogleIdentity

            return GoogleIdentity()


def _region(endpoint: MetricsEndpoint) -> str:
    found = _AMAZON.fullmatch(http.host_of(endpoint.url))
    region = endpoint.region or (found[1] if found else None)
    if not region:
        raise BadInput(f"{_place(endpoint)}: region: the host does not name it; set it")
    return region


def _token(endpoint: MetricsEndpoint, secrets: Secrets) -> Callable[[], str]:
    path = endpoint.token_file
    if path:
        return lambda: _header(_text(path, endpoint).strip(), endpoint, "token_file")
    if secrets.token is None:
        raise BadInput(f"{_place(endpoint)}: auth bearer, but no token; put it into TRIMTAB_METRICS_SECRETS, or name a token_file")
    token = _header(secrets.token.get_secret_value(), endpoint, "token in TRIMTAB_METRICS_SECRETS")
    return lambda: token


def _header(value: str, endpoint: MetricsEndpoint, name: str) -> str:
    """A value that is one header and nothing more; what it is, is not said."""
    if not _HEADER.fullmatch(value):
        raise BadInput(f"{_place(endpoint)}: {name}: expected 1 to 8192 printable characters without spaces")
    return value


def _tls(endpoint: MetricsEndpoint, secrets: Secrets) -> ssl.SSLContext | None:
    """Whom to believe and who we are; None = as for everybody."""
    if not (endpoint.ca_file or endpoint.client_certificate):
        if endpoint.client_key or secrets.client_key:
            raise BadInput(f"{_place(endpoint)}: a client key without client_certificate")
        return None
    try:
        context = ssl.create_default_context(cafile=endpoint.ca_file) if endpoint.ca_file else httpx.create_ssl_context(trust_env=False)
        if endpoint.client_certificate:
            _show(context, endpoint, secrets)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(name for name in (endpoint.ca_file, endpoint.client_certificate, endpoint.client_key) if name)
        raise BadInput(f"{_place(endpoint)}: {files}: {getattr(error, 'reason', None) or error.strerror}") from None
    return context


def _show(context: ssl.SSLContext, endpoint: MetricsEndpoint, secrets: Secrets) -> None:
    """Load our certificate. A password is never asked for: nobody sits there."""
    certificate = str(endpoint.client_certificate)
    if secrets.client_key is None:
        context.load_cert_chain(certificate, endpoint.client_key, password="")
        return
    # OpenSSL reads files only; this one is ours alone, and gone at once.
    handle, path = tempfile.mkstemp()
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.client_key.get_secret_value())
        context.load_cert_chain(certificate, path, password="")
    finally:
        Path(path).unlink()


def _secrets(settings: Settings, cluster_uid: ClusterUid) -> Secrets:
    """The cluster's own; a cluster that has none may have an endpoint that asks for none."""
    if settings.metrics_secrets is None:
        return Secrets()
    try:
        every = TypeAdapter(dict[str, Secrets]).validate_json(settings.metrics_secrets.get_secret_value())
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise BadInput(f"TRIMTAB_METRICS_SECRETS: {where}: {first['type']}; expected JSON by cluster uid") from None
    return every.get(cluster_uid, Secrets())


def _text(path: str, endpoint: MetricsEndpoint) -> str:
    try:
        return Path(path).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{_place(endpoint)}: {path}: cannot be read: {type(error).__name__}") from None


def _place(endpoint: MetricsEndpoint) -> str:
    return f"settings.metrics of cluster {endpoint.cluster_uid}"
