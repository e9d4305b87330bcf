"""The least that a Lambda handler can do that keeps a request: one create-only put, and 200. The yardstick of `receive`."""

import hashlib
import os
from functools import cache
from typing import Any

import obstore
from obstore.store import LocalStore


@cache
def store() -> LocalStore:
    """The folder, opened with the first request."""
    return LocalStore(prefix=os.environ["TRIMTAB_STORE"].removeprefix("file://"), mkdir=True)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Keep the body, verify nothing."""
    del context
    body = event["body"].encode()
    obstore.put(store(), f"inbox/hello/{hashlib.sha256(body).hexdigest()}", body, mode="create", use_multipart=False)
    return {"statusCode": 200, "body": ""}
