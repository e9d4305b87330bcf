"""Who asks GitHub and how often: tokens for our repos alone, reads repeated within bounds, writes sent once, no secret in a sentence."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.aws_server import aws_server
from tests.tls_server import Seen, Server, served
from trimtab.adapters.aws.kms_signer import KmsSigner
from trimtab.adapters.github import GitHubForge
from trimtab.errors import BadInput, Overloaded, Refused, TrimtabError, Upstream
from trimtab.settings import Settings
from trimtab.wiring import forge_of

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TOKEN = "ghs_11_ey.a-token.of-no-length-that-anybody-promised" * 9
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
REPOSITORY: dict[str, Any] = {
    "id": "R_1", "databaseId": 7, "nameWithOwner": "acme/gitops", "isArchived": False, "visibility": "PRIVATE",
    "mergeCommitAllowed": True, "squashMergeAllowed": True, "rebaseMergeAllowed": True, "ref": {"target": {"oid": "1" * 40}},
}  # fmt: skip


class GitHub:
    """Answers the token and the base branch; `then` may answer anything else first."""

    def __init__(
        self, then: Callable[[Seen], tuple[int, bytes] | None] = lambda _: None, *, token: tuple[int, bytes] | None = None
    ) -> None:
        self.then, self.token = then, token
        self.tokens = 0

    def __call__(self, seen: Seen) -> tuple[int, bytes]:
        if seen.path.endswith("/access_tokens"):
            self.tokens += 1
            if self.token is not None:
                return self.token
            ends = NOW + timedelta(hours=1)
            return 201, json.dumps({"token": f"{TOKEN}{self.tokens}", "expires_at": ends.isoformat()}).encode()
        return self.then(seen) or (200, json.dumps({"data": {"repository": REPOSITORY}}).encode())


@contextmanager
def forge(github: GitHub, *, clock: Callable[[], datetime] = lambda: NOW, **repository: Any) -> Iterator[tuple[GitHubForge, Server]]:
    with served(github) as server:
        settings = Settings.model_validate(
            {
                "repositories": [{"id": "gitops", "forge": "github", "location": "acme/gitops", **repository}],
                "github": {"url": server.url, "writer": {"app_id": 11, "installation_id": 12}},
                "github_writer_key": PEM,
                "store": "s3://bucket",
                "private_hosts": ["127.0.0.1"],
            }
        )
        yield GitHubForge.of(settings, pause=0, clock=clock), server


@pytest.mark.security(6)
def test_a_token_is_asked_for_the_repos_of_the_settings_with_the_rights_of_its_app_alone() -> None:
    with forge(GitHub(), forge_id=7) as (by_number, server):
        by_number.base_head("gitops", "main")
    with forge(GitHub()) as (by_name, other):
        by_name.base_head("gitops", "main")

    asked, named = json.loads(server.seen[0].body), json.loads(other.seen[0].body)
    assert asked["repository_ids"] == [7]
    assert named["repositories"] == ["gitops"]
    assert asked["permissions"] == named["permissions"] == {
        "contents": "write", "pull_requests": "write", "issues": "write", "metadata": "read", "checks": "read", "statuses": "read",
    }  # fmt: skip
    claims = jwt.decode(server.seen[0].headers["authorization"].split()[1], KEY.public_key(), algorithms=["RS256"], issuer="11")
    assert claims["exp"] - claims["iat"] <= 600


def test_a_token_is_used_until_five_minutes_before_its_end() -> None:
    now = [NOW]
    github = GitHub()

    with forge(github, clock=lambda: now[0]) as (ours, server):
        for minutes in (0, 54, 56):
            now[0] = NOW + timedelta(minutes=minutes)
            ours.forget()
            ours.base_head("gitops", "main")

    assert [seen.path.rsplit("/", 1)[1] for seen in server.seen] == ["access_tokens", "graphql", "graphql", "access_tokens", "graphql"]


def test_a_token_that_is_no_longer_taken_is_replaced_once() -> None:
    refused = (401, b'{"message": "Bad credentials"}')
    with forge(GitHub(lambda seen: refused if seen.headers["authorization"].endswith(f"{TOKEN}1") else None)) as (ours, _):
        assert ours.base_head("gitops", "main") == "1" * 40

    github = GitHub(lambda _: refused)
    with forge(github) as (ours, _), pytest.raises(Refused, match="check the App's id, key and installation"):
        ours.base_head("gitops", "main")
    assert github.tokens == 2


def test_an_installation_without_the_rights_is_named_with_what_it_needs() -> None:
    github = GitHub(token=(422, b'{"message": "The permissions requested are not granted to this installation."}'))
    with forge(github) as (ours, _), pytest.raises(Refused, match=r"writer App no token: .*not granted.*contents write"):
        ours.base_head("gitops", "main")


def test_a_read_that_fails_is_repeated_and_a_write_is_not() -> None:
    failures = iter([(502, b"<html>"), (503, b"")])
    with forge(GitHub(lambda seen: next(failures, None) if b"Base" in seen.body else None)) as (ours, server):
        assert ours.base_head("gitops", "main") == "1" * 40
    assert len(server.seen) == 4

    with forge(GitHub(lambda seen: (502, b"<html>") if seen.path.endswith("/issues") else None)) as (ours, server):
        with pytest.raises(Upstream, match="502"):
            ours.open_issue("gitops", title="Pending", body="n1")
        assert [seen.path for seen in server.seen].count("/repos/acme/gitops/issues") == 1


@pytest.mark.parametrize(
    "answer",
    [
        (403, b'{"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}'),
        (200, b'{"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}'),
    ],
)
def test_a_limit_that_lasts_longer_than_a_function_is_left_to_the_next_delivery(answer: tuple[int, bytes]) -> None:
    """Neither waited for nor asked again: that is how Apps get banned."""
    with forge(GitHub(lambda seen: answer if seen.path.endswith("/graphql") else None)) as (ours, server):
        with pytest.raises(Overloaded, match="the next delivery goes on"):
            ours.base_head("gitops", "main")
        assert len(server.seen) == 2


@pytest.mark.security(2)
def test_another_repo_that_took_the_name_is_refused() -> None:
    with forge(GitHub(), forge_id=8) as (ours, _), pytest.raises(Refused, match="number 7 now, settings say 8"):
        ours.base_head("gitops", "main")
    with forge(GitHub(), location="acme/old-name") as (ours, _), pytest.raises(Refused, match="called acme/gitops now"):
        ours.base_head("gitops", "main")


@pytest.mark.parametrize(
    "answer",
    [
        (500, b'{"message": "Server Error"}'),
        (404, b'{"message": "Not Found"}'),
        (200, b"<html>a proxy's page</html>"),
        (200, b'{"data": {"repository": {"id": 1}}}'),
        (200, b'{"data": {"repository": null}, "errors": [{"type": "NOT_FOUND", "message": "Could not resolve\\nto a Repository"}]}'),
        (302, b""),
    ],
)
def test_whatever_goes_wrong_is_one_line_without_a_secret(answer: tuple[int, bytes]) -> None:
    with forge(GitHub(lambda _: answer)) as (ours, _), pytest.raises(TrimtabError) as caught:
        ours.base_head("gitops", "main")

    told = f"{caught.value!r} {ours!r}"
    assert "\n" not in str(caught.value)
    assert "ghs_" not in told
    assert "PRIVATE KEY" not in told


def test_a_missing_app_or_key_is_said_by_name() -> None:
    with pytest.raises(BadInput, match=r"settings\.github: missing"):
        GitHubForge.of(Settings())
    github = {"writer": {"app_id": 1, "installation_id": 2}}
    with pytest.raises(BadInput, match="TRIMTAB_GITHUB_WRITER_KEY"):
        GitHubForge.of(Settings.model_validate({"github": github}))


def test_the_settings_decide_which_forge_it_is() -> None:
    ours = {"id": "gitops", "forge": "github", "location": "acme/gitops"}
    github = {"writer": {"app_id": 1, "installation_id": 2}}
    settings = Settings.model_validate({"repositories": [ours], "github": github, "github_writer_key": PEM})

    assert isinstance(forge_of(settings), GitHubForge)
    with pytest.raises(BadInput, match="github and local side by side"):
        forge_of(Settings.model_validate({"repositories": [ours, {"id": "b", "forge": "local", "location": "/x"}], "github": github}))


@pytest.mark.security(28)
def test_a_function_without_the_gates_key_publishes_no_check() -> None:
    with forge(GitHub()) as (ours, server), pytest.raises(Refused, match="no key of the gate App"):
        ours.set_check("gitops", ours.base_head("gitops", "main"), name="trimtab/gate", conclusion="success", summary="")

    assert not [seen for seen in server.seen if "check-runs" in seen.path]


@pytest.mark.security(6)
def test_a_key_that_stays_in_kms_signs_as_well() -> None:
    with aws_server() as url:
        kms = boto3.Session("key", "secret", region_name="eu-central-1").client("kms", endpoint_url=url)
        key = kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec="RSA_2048")["KeyMetadata"]["KeyId"]
        token = KmsSigner(key=key, client=lambda: kms)({"iss": "11", "iat": 1, "exp": 2})
        public = serialization.load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])

    assert isinstance(public, rsa.RSAPublicKey)
    assert jwt.decode(token, public, algorithms=["RS256"], options={"verify_exp": False})["iss"] == "11"
