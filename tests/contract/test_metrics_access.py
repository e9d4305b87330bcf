"""Whose metrics are read, and as whom: every way to prove it, against a server that checks, and every way to be confused about it."""

import base64
import hmac
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.tls_server import Authority, Seen, authority, https
from trimtab.adapters import http
from trimtab.adapters.aws.sigv4 import SigV4
from trimtab.adapters.gcp.identity import METADATA, SCOPE, TOKENS, GoogleIdentity, TokenRequest
from trimtab.adapters.prometheus.access import metrics_of
from trimtab.adapters.prometheus.client import PrometheusMetrics
from trimtab.errors import BadInput, Refused, Upstream
from trimtab.records import ClusterUid
from trimtab.settings import MetricsEndpoint, Settings, load

UID, OTHER = ClusterUid("uid-1"), ClusterUid("uid-2")
START = datetime(2026, 8, 2, tzinfo=UTC)
END = START + timedelta(hours=1)
EMPTY = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": []}}).encode()
SECRET = "EXAMPLE-secret-that-no-account-has"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("authority"))


def settings(*endpoints: MetricsEndpoint, secrets: object = None) -> Settings:
    values = {"metrics": endpoints, "private_hosts": ("127.0.0.1",)}
    return Settings.model_validate(values | ({"metrics_secrets": json.dumps(secrets)} if secrets else {}))


def ask(chosen: Settings, uid: ClusterUid = UID) -> None:
    metrics_of(chosen, uid).range('up{a="b c+d"}', START, END, 300)


def yes(_: Seen) -> tuple[int, bytes]:
    return 200, EMPTY


# ── mutual TLS and authorities ───────────────────────────────────────────────────────────────────────────────────────
def test_a_client_certificate_opens_a_store_that_wants_one(own: Authority) -> None:
    with https(own, yes, wants_client=True) as server:
        ask(settings(MetricsEndpoint(cluster_uid=UID, url=server.url, ca_file=str(own.ca), client_certificate=str(own.client))))

        assert len(server.seen) == 1


def test_the_key_may_come_from_the_environment_alone(own: Authority) -> None:
    """A function has no file that only it can read; its key is a secret like the others."""
    endpoint = {"cluster_uid": UID, "ca_file": str(own.ca), "client_certificate": str(own.client_certificate)}
    with https(own, yes, wants_client=True) as server:
        secrets = {UID: {"client_key": own.client_key.read_text()}}
        ask(settings(MetricsEndpoint(url=server.url, **endpoint), secrets=secrets))  # type: ignore[arg-type]

        assert len(server.seen) == 1


def test_without_a_certificate_the_store_is_closed(own: Authority) -> None:
    with https(own, yes, wants_client=True) as server:
        metrics = metrics_of(settings(MetricsEndpoint(cluster_uid=UID, url=server.url, ca_file=str(own.ca))), UID)
        impatient = PrometheusMetrics(metrics.url, metrics.client, sleep=lambda _: None)

        with pytest.raises(Upstream):
            impatient.range("up", START, END, 300)
        assert server.seen == []


def test_a_store_whose_authority_nobody_named_is_not_believed(own: Authority) -> None:
    """And nothing of the question reaches it: the tenant and the token would be in it."""
    with https(own, yes) as server:
        metrics = metrics_of(settings(MetricsEndpoint(cluster_uid=UID, url=server.url)), UID)
        impatient = PrometheusMetrics(metrics.url, metrics.client, sleep=lambda _: None)

        with pytest.raises(Upstream, match="CERTIFICATE_VERIFY_FAILED"):
            impatient.range("up", START, END, 300)
        assert server.seen == []


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"ca_file": "/no/such.pem"}, "No such file"),
        ({"client_certificate": "/no/such.pem"}, "No such file"),
        ({"client_key": "/some/key.pem"}, "without client_certificate"),
    ],
)
def test_a_certificate_that_is_not_there_is_said_before_anything_is_sent(files: dict[str, str], said: str) -> None:
    with pytest.raises(BadInput, match=f"{UID}.*{said}"):
        metrics_of(settings(MetricsEndpoint(cluster_uid=UID, url="https://mimir.example", **files)), UID)  # type: ignore[arg-type]


def test_a_key_that_is_no_key_is_said_without_showing_it(own: Authority) -> None:
    endpoint = MetricsEndpoint(cluster_uid=UID, url="https://mimir.example", client_certificate=str(own.client_certificate))

    with pytest.raises(BadInput, match="uid-1") as said:
        metrics_of(settings(endpoint, secrets={UID: {"client_key": SECRET}}), UID)
    assert SECRET not in str(said.value)


# ── bearer and tenant ────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("header", ["X-Scope-OrgID", "THANOS-TENANT"])
def test_each_cluster_is_asked_for_as_its_own_tenant_with_its_own_token(header: str, own: Authority) -> None:
    with https(own, yes) as server:
        both = [
            MetricsEndpoint(cluster_uid=uid, url=server.url, ca_file=str(own.ca), tenant=f"t-{uid}", tenant_header=header, auth="bearer")  # type: ignore[arg-type]
            for uid in (UID, OTHER)
        ]
        chosen = settings(*both, secrets={UID: {"token": "token-1"}, OTHER: {"token": "token-2"}})
        for uid in (UID, OTHER):
            ask(chosen, uid)

        shown = [(seen.headers[header.lower()], seen.headers["authorization"]) for seen in server.seen]
    assert shown == [("t-uid-1", "Bearer token-1"), ("t-uid-2", "Bearer token-2")]


def test_a_token_in_a_file_is_read_again_with_every_request(own: Authority, tmp_path: Path) -> None:
    """Kubernetes replaces a service account's token every hour, under a run that may last longer."""
    file = tmp_path / "token"
    with https(own, yes) as server:
        metrics = metrics_of(
            settings(MetricsEndpoint(cluster_uid=UID, url=server.url, ca_file=str(own.ca), auth="bearer", token_file=str(file))), UID
        )
        for token in ("old", "new"):
            file.write_text(f"{token}\n")
            metrics.range("up", START, END, 300)

        assert [seen.headers["authorization"] for seen in server.seen] == ["Bearer old", "Bearer new"]


@pytest.mark.parametrize("token", ["", "two\r\nx-scope-orgid: other", "a b", "é"])
def test_a_token_that_would_be_two_headers_is_refused_unseen(token: str) -> None:
    endpoint = MetricsEndpoint(cluster_uid=UID, url="https://mimir.example", auth="bearer")

    with pytest.raises(BadInput, match="printable"):
        metrics_of(settings(endpoint, secrets={UID: {"token": token}}), UID)
    with pytest.raises(BadInput, match="tenant"):
        metrics_of(settings(MetricsEndpoint(cluster_uid=UID, url="https://mimir.example", tenant=token or " ")), UID)


@pytest.mark.parametrize("auth", ["bearer", "aws", "google"])
def test_no_credential_goes_over_plain_http(auth: str) -> None:
    endpoint = MetricsEndpoint(cluster_uid=UID, url="http://prometheus.monitoring.svc:9090", auth=auth, region="us-east-1")  # type: ignore[arg-type]
    chosen = settings(endpoint).model_copy(update={"private_hosts": ("prometheus.monitoring.svc",)})

    with pytest.raises(BadInput, match="plain http"):
        metrics_of(chosen, UID)


@pytest.mark.parametrize("text", ["no json", '{"uid-1": {"tokne": "EXAMPLE-secret"}}', '["EXAMPLE-secret"]', '{"uid-1": "EXAMPLE-secret"}'])
def test_secrets_that_cannot_be_read_are_said_without_showing_them(text: str) -> None:
    chosen = settings(MetricsEndpoint(cluster_uid=UID, url="https://mimir.example", auth="bearer"))
    chosen = Settings.model_validate({**chosen.model_dump(), "metrics_secrets": text})

    with pytest.raises(BadInput, match="TRIMTAB_METRICS_SECRETS") as said:
        metrics_of(chosen, UID)
    assert "EXAMPLE" not in str(said.value)


def test_secrets_come_from_their_variable_and_never_from_the_settings() -> None:
    endpoint = {"cluster_uid": UID, "url": "https://mimir.example", "auth": "bearer"}
    environ = {"TRIMTAB_STORE": "s3://b", "TRIMTAB_SETTINGS": json.dumps({"metrics": [endpoint]})}

    found = load({**environ, "TRIMTAB_METRICS_SECRETS": '{"uid-1": {"token": "t"}}'})
    assert "token" not in repr(found.metrics_secrets)
    with pytest.raises(BadInput, match="TRIMTAB_METRICS_SECRETS"):
        load({**environ, "TRIMTAB_SETTINGS": json.dumps({"metrics": [endpoint], "metrics_secrets": "{}"})})


# ── Amazon: the signature is worked out again from what arrived ──────────────────────────────────────────────────────
def recomputed(seen: Seen, url: str, key: Credentials) -> str:
    """The signature that the request should carry, by botocore, over the headers that it says are signed."""
    authorization = seen.headers["authorization"]
    names = re.search(r"SignedHeaders=([^,]+)", authorization)
    assert names
    headers = {name: seen.headers[name] for name in names[1].split(";")}
    request = AWSRequest(method=seen.method, url=url, data=seen.body, headers=headers)
    request.context["timestamp"] = seen.headers["x-amz-date"]
    auth = SigV4Auth(key, "aps", "eu-central-1")
    return str(auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request))


def test_amazon_sees_a_signature_over_the_body_by_the_functions_own_role(own: Authority) -> None:
    key = Credentials("AKIDEXAMPLE", SECRET, "session-token")
    with https(own, yes) as server:
        metrics = metrics_of(
            settings(
                MetricsEndpoint(
                    cluster_uid=UID, url=f"{server.url}/workspaces/ws-1", ca_file=str(own.ca), auth="aws", region="eu-central-1"
                )
            ),
            UID,
        )
        metrics = PrometheusMetrics(metrics.url, metrics.client, auth=SigV4("eu-central-1", lambda: key), more=metrics.more)
        metrics.range('sum(up{a="b c+d/é"})', START, END, 300)

        (seen,) = server.seen
    authorization = seen.headers["authorization"]
    assert authorization.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-central-1/aps/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, " in authorization
    signature = authorization.rpartition("Signature=")[2]
    assert hmac.compare_digest(signature, recomputed(seen, f"{server.url}/workspaces/ws-1/api/v1/query_range", key))
    # A body that was changed on the way has another signature: what the check above rests on.
    changed = Seen(seen.method, seen.path, seen.headers, seen.body + b"&x=1")
    assert signature != recomputed(changed, f"{server.url}/workspaces/ws-1/api/v1/query_range", key)
    # Only what Amazon documents is asked of it.
    assert parse_qs(seen.body.decode()).keys() == {"query", "start", "end", "step", "timeout"}
    assert SECRET not in str(seen)


def test_amazons_region_is_read_off_its_host_and_no_other_host_is_signed_for() -> None:
    for host, region in (
        ("aps-workspaces.eu-west-1.amazonaws.com", "eu-west-1"),
        ("aps-workspaces.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("vpce-0a1b.aps-workspaces.us-east-2.vpce.amazonaws.com", "us-east-2"),
    ):
        auth = metrics_of(settings(MetricsEndpoint(cluster_uid=UID, url=f"https://{host}/workspaces/ws-1", auth="aws")), UID).auth
        assert isinstance(auth, SigV4)
        assert auth.region == region
    for host in ("aps-workspaces.eu-west-1.amazonaws.com.evil.test", "evil.test", "aps-workspaces.evil.test"):
        with pytest.raises(BadInput, match="not a host of Amazon"):
            metrics_of(settings(MetricsEndpoint(cluster_uid=UID, url=f"https://{host}/workspaces/ws-1", auth="aws")), UID)


# ── Google: a token is got for a signed assertion, and shown ─────────────────────────────────────────────────────────
def _claims(assertion: str, key: rsa.RSAPrivateKey) -> dict[str, object]:
    """What a service account asserts, its signature checked."""
    signed, _, signature = assertion.rpartition(".")
    key.public_key().verify(_raw(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return dict(json.loads(_raw(signed.split(".")[1])))


def _raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.fixture
def account() -> tuple[dict[str, str], rsa.RSAPrivateKey]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    return {"type": "service_account", "client_email": "collector@project.example", "private_key": pem, "private_key_id": "k1"}, key


def test_google_sees_a_token_that_was_got_for_monitoring_alone(own: Authority, account: tuple[dict[str, str], rsa.RSAPrivateKey]) -> None:
    from google.oauth2.service_account import Credentials as ServiceAccount

    info, key = account
    granted: list[dict[str, object]] = []

    def answer(seen: Seen) -> tuple[int, bytes]:
        if seen.path == "/token":
            granted.append(_claims(parse_qs(seen.body.decode())["assertion"][0], key))
            return 200, json.dumps({"access_token": f"token-{len(granted)}", "expires_in": 3600, "token_type": "Bearer"}).encode()
        return 200, EMPTY

    with https(own, answer) as server:

        def found(_: TokenRequest) -> object:
            return ServiceAccount.from_service_account_info({**info, "token_uri": f"{server.url}/token"}, scopes=[SCOPE])

        chosen = settings(MetricsEndpoint(cluster_uid=UID, url=f"{server.url}/v1/p", ca_file=str(own.ca), auth="google"))
        metrics = metrics_of(chosen, UID)
        own_client = metrics.client
        metrics = PrometheusMetrics(
            metrics.url, own_client, auth=GoogleIdentity(found, own_client), method=metrics.method, more=metrics.more
        )  # fmt: skip
        for _ in range(2):
            metrics.range('up{a="b c+d"}', START, END, 300)

        asked = [seen for seen in server.seen if seen.path != "/token"]
    assert [claims["scope"] for claims in granted] == [SCOPE]
    assert [(seen.method, seen.headers["authorization"]) for seen in asked] == [("GET", "Bearer token-1")] * 2
    assert parse_qs(urlsplit(asked[0].path).query).keys() == {"query", "start", "end", "step", "timeout"}
    assert parse_qs(urlsplit(asked[0].path).query)["query"] == ['up{a="b c+d"}']


def test_a_functions_identity_comes_from_the_metadata_server() -> None:
    """As on Cloud Run: no key anywhere, only a server that answers this machine."""
    from google.auth.compute_engine import Credentials as Machine

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["metadata-flavor"] == "Google"
        if request.url.path.endswith("/default/token"):
            return httpx.Response(200, json={"access_token": "from-metadata", "expires_in": 3600, "token_type": "Bearer"})
        return httpx.Response(200, json={"email": "f@project.example", "scopes": ["https://www.googleapis.com/auth/cloud-platform"]})

    identity = GoogleIdentity(lambda _: Machine(), http.client(TOKENS, private=METADATA, transport=httpx.MockTransport(answer)))
    request = next(identity.auth_flow(httpx.Request("GET", "https://monitoring.googleapis.com/")))

    assert request.headers["authorization"] == "Bearer from-metadata"


def test_an_identity_that_google_does_not_give_is_upstream(account: tuple[dict[str, str], rsa.RSAPrivateKey]) -> None:
    from google.oauth2.service_account import Credentials as ServiceAccount

    info = {**account[0], "token_uri": "https://oauth2.googleapis.com/token"}
    no = httpx.MockTransport(lambda _: httpx.Response(403, json={"error": "access_denied"}))
    identity = GoogleIdentity(lambda _: ServiceAccount.from_service_account_info(info, scopes=[SCOPE]), http.client(TOKENS, transport=no))

    with pytest.raises(Upstream, match=r"Google identity: .*access_denied.*monitoring\.viewer"):
        next(identity.auth_flow(httpx.Request("GET", "https://monitoring.googleapis.com/")))


@pytest.mark.security(14)
def test_a_google_token_goes_to_google_alone() -> None:
    with pytest.raises(BadInput, match=r"monitoring\.googleapis\.com only"):
        metrics_of(settings(MetricsEndpoint(cluster_uid=UID, url="https://evil.test/v1", auth="google")), UID)
    there = metrics_of(settings(MetricsEndpoint(cluster_uid=UID, url="https://monitoring.googleapis.com/v1/p", auth="google")), UID)
    assert isinstance(there.auth, GoogleIdentity)


# ── one endpoint or tenant per cluster (security: a cluster never speaks for another) ────────────────────────────────
URL = "https://thanos.example"


@pytest.mark.security(18)
@pytest.mark.parametrize(
    "other",
    [
        MetricsEndpoint(cluster_uid=OTHER, url=URL),
        MetricsEndpoint(cluster_uid=OTHER, url=f"{URL}/"),
        MetricsEndpoint(cluster_uid=OTHER, url=URL, matchers={"cluster": "b"}),
        MetricsEndpoint(cluster_uid=OTHER, url=URL, matchers={"cluster": "a"}, labels_set_by_store=True),
    ],
)
def test_two_clusters_behind_one_url_and_tenant_are_refused(other: MetricsEndpoint) -> None:
    """A label that a cluster writes itself can say another's name: with it, one tenant could fake another's idle GPUs."""
    mine = MetricsEndpoint(cluster_uid=UID, url=URL, matchers={"cluster": "a"}, labels_set_by_store=True)

    with pytest.raises(BadInput, match="one URL and tenant"):
        metrics_of(settings(mine, other), UID)


def test_labels_that_the_store_itself_sets_tell_clusters_apart() -> None:
    both = [MetricsEndpoint(cluster_uid=uid, url=URL, matchers={"cluster": uid}, labels_set_by_store=True) for uid in (UID, OTHER)]

    assert metrics_of(settings(*both), UID).url == URL


def test_a_cluster_that_is_listed_twice_is_refused() -> None:
    twice = [MetricsEndpoint(cluster_uid=UID, url=f"https://{name}.example") for name in ("a", "b")]

    with pytest.raises(BadInput, match="2 times"):
        metrics_of(settings(*twice), UID)


def test_a_url_for_all_must_tell_the_clusters_apart() -> None:
    with pytest.raises(BadInput, match="cluster_uid"):
        metrics_of(Settings(metrics_url="https://thanos.example"), UID)
    with pytest.raises(Refused, match="no endpoint"):
        metrics_of(Settings(), UID)


def test_a_uid_stays_one_part_of_the_path() -> None:
    found = metrics_of(Settings(metrics_url="https://m.example/{cluster_uid}/p"), ClusterUid("../other"))

    assert found.url == "https://m.example/..%2Fother/p"
