"""IAM before AWS's stand-in: what a role may not do does not happen, and what is created once is not written over."""

import io
import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.infra.aws_front import Front
from tests.whole.guard import Guard

LEDGER = "arn:aws:s3:::ledger/*"
CREATE_ONLY = {
    "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": LEDGER, "Condition": {"Null": {"s3:if-none-match": "true"}},
}  # fmt: skip


@pytest.fixture
def guard() -> Guard:
    def there(_environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        start("200 OK", [])
        return [b"done"]

    made = Guard(Front(app=there))
    made.roles["AKIAINGEST"] = [{"Effect": "Allow", "Action": ["s3:PutObject", "s3:GetObject"], "Resource": [LEDGER]}]
    made.front.policies["ledger"] = json.dumps({"Statement": [CREATE_ONLY]}).encode()
    return made


def asked(guard: Guard, method: str, path: str, *, key: str = "AKIAINGEST", **more: str) -> str:
    """The status that one request gets."""
    said: list[str] = []
    environ = {
        "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": "", "wsgi.input": io.BytesIO(),
        "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={key}/20260803/us-east-1/s3/aws4_request", **more,
    }  # fmt: skip
    b"".join(guard(environ, lambda status, _headers: said.append(status)))
    return said[0][:3]


def test_what_a_role_allows_and_no_bucket_forbids_passes(guard: Guard) -> None:
    assert asked(guard, "PUT", "/ledger/estate/inbox/x", HTTP_IF_NONE_MATCH="*") == "200"
    assert asked(guard, "GET", "/ledger/estate/inbox/x") == "200"
    assert guard.refused == []


@pytest.mark.parametrize(
    ("method", "path", "query"), [("DELETE", "/ledger/x", ""), ("GET", "/ledger", "list-type=2"), ("GET", "/store/x", "")]
)
def test_what_no_statement_allows_is_refused_and_noted(guard: Guard, method: str, path: str, query: str) -> None:
    assert asked(guard, method, path, QUERY_STRING=query) == "403"
    assert [call.who for call in guard.refused] == ["AKIAINGEST"]


@pytest.mark.security(17)
def test_a_put_over_what_is_there_is_refused_by_the_ledgers_bucket(guard: Guard) -> None:
    assert asked(guard, "PUT", "/ledger/estate/inbox/x") == "403"


def test_keys_of_nobody_are_the_tests_own(guard: Guard) -> None:
    assert asked(guard, "DELETE", "/ledger/x", key="test") == "200"
