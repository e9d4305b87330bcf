"""A private key that never leaves AWS KMS signs for a GitHub App."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from trimtab.errors import Upstream


@dataclass(frozen=True, kw_only=True, slots=True)
class KmsSigner:
    """Makes the JSON web token of a payload; `client` makes a boto3 `kms` client at the first question."""

    key: str
    """ARN of an asymmetric RSA_2048 key for SIGN_VERIFY, into which the App's private key was imported."""
    client: Callable[[], Any]

    def __call__(self, payload: Mapping[str, Any]) -> str:
        """The signed token. Raises Upstream where AWS refuses."""
        from botocore.exceptions import BotoCoreError, ClientError

        text = f"{_part({'alg': 'RS256', 'typ': 'JWT'})}.{_part(payload)}"
        try:
            answer = self.client().sign(
                KeyId=self.key, Message=text.encode(), MessageType="RAW", SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256"
            )
        except (BotoCoreError, ClientError) as error:
            raise Upstream(f"{self.key}: {str(error).splitlines()[0][:200]}; the function's role needs kms:Sign on it") from None
        return f"{text}.{_base64(answer['Signature'])}"


def kms_signer(key: str) -> KmsSigner:
    """The signer, by this process's own credentials."""
    return KmsSigner(key=key, client=_kms)


def _part(value: Mapping[str, Any]) -> str:
    return _base64(json.dumps(dict(value), separators=(",", ":")).encode())


def _base64(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def _kms() -> Any:
    import boto3

    return boto3.client("kms")
