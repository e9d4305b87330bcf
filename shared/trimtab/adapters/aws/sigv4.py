"""AWS Signature Version 4 on requests that are not boto3's own: Amazon Managed Service for Prometheus (`aps`)."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from trimtab.errors import Upstream

if TYPE_CHECKING:
    from botocore.credentials import Credentials

SERVICE = "aps"
SIGNED = ("content-type", "x-scope-orgid")
"""Headers under the signature beside host and date; a proxy on the way may change others."""


@dataclass(frozen=True, slots=True)
class SigV4(httpx.Auth):
    """Signs each request, with its body, by the credentials of that moment."""

    region: str
    credentials: Callable[[], "Credentials"]

    requires_request_body = True

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add Authorization, X-Amz-Date and, for a role, X-Amz-Security-Token."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.exceptions import BotoCoreError, ClientError

        headers = {name: request.headers[name] for name in SIGNED if name in request.headers}
        signed: Any = AWSRequest(method=request.method, url=str(request.url), data=request.content, headers=headers)
        try:
            SigV4Auth(self.credentials().get_frozen_credentials(), SERVICE, self.region).add_auth(signed)
        except (BotoCoreError, ClientError) as error:
            raise Upstream(f"AWS credentials: {str(error).splitlines()[0][:200]}") from None
        for name in ("Authorization", "X-Amz-Date", "X-Amz-Security-Token"):
            if name in signed.headers:
                request.headers[name] = signed.headers[name]
        yield request


def signer(region: str, identity: str | None) -> SigV4:
    """Signs as the function itself, or as a role that it assumes; credentials are looked up with the first request."""
    return SigV4(region, _Found(identity))


class _Found:
    """Credentials found once; they renew themselves."""

    def __init__(self, identity: str | None) -> None:
        self._identity = identity
        self._found: Credentials | None = None

    def __call__(self) -> "Credentials":
        if self._found is None:
            found: Credentials = _assumed(self._identity) if self._identity else _own()
            self._found = found
        return self._found


def _own() -> Any:
    import boto3

    found = boto3.Session().get_credentials()
    if found is None:
        raise Upstream("AWS credentials: none found; give the function a role with aps:QueryMetrics")
    return found


def _assumed(identity: str) -> Any:
    from botocore.credentials import RefreshableCredentials

    from trimtab.adapters.aws.roles import assumed_role

    role = assumed_role(identity)

    def keys() -> dict[str, str]:
        key = role()
        return {
            "access_key": key["access_key_id"], "secret_key": key["secret_access_key"], "token": key["token"],
            "expiry_time": key["expires_at"].isoformat(),
        }  # fmt: skip

    return RefreshableCredentials.create_from_metadata(metadata=keys(), refresh_using=keys, method="sts-assume-role")
