"""A role of another account, assumed to read the bucket its exports are in."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from trimtab.adapters.store.foreign import Credential
from trimtab.errors import Upstream

SESSION = "trimtab-ingest"


@dataclass(frozen=True, kw_only=True, slots=True)
class AssumedRole:
    """Gives the role's keys whenever the ones before run out; `client` makes a boto3 `sts` client at the first question."""

    arn: str
    client: Callable[[], Any]

    def __call__(self) -> Credential:
        """Fresh keys. Raises Upstream where AWS refuses."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self.client().assume_role(RoleArn=self.arn, RoleSessionName=SESSION)["Credentials"]
        except (BotoCoreError, ClientError) as error:
            raise Upstream(f"{self.arn}: {str(error).splitlines()[0][:200]}; its trust policy must name the function's role") from None
        return {
            "access_key_id": answer["AccessKeyId"],
            "secret_access_key": answer["SecretAccessKey"],
            "token": answer["SessionToken"],
            # boto3's zone is its own class of UTC; the store asks for Python's.
            "expires_at": answer["Expiration"].astimezone(UTC),
        }


def assumed_role(arn: str) -> AssumedRole:
    """The role, by this process's own credentials."""
    return AssumedRole(arn=arn, client=_sts)


def _sts() -> Any:
    import boto3

    return boto3.client("sts")
