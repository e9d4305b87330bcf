"""The least that a Google Cloud HTTP function can do that keeps a request: one create-only put, and 200."""

import hashlib
import os
from functools import cache
from typing import TYPE_CHECKING

import obstore
from obstore.store import LocalStore

if TYPE_CHECKING:
    from flask import Request


@cache
def store() -> LocalStore:
    """The folder, opened with the first request."""
    return LocalStore(prefix=os.environ["TRIMTAB_STORE"].removeprefix("file://"), mkdir=True)


def handler(request: "Request") -> tuple[str, int]:
    """Keep the body, verify nothing."""
    body = request.get_data(cache=False)
    obstore.put(store(), f"inbox/hello/{hashlib.sha256(body).hexdigest()}", body, mode="create", use_multipart=False)
    return "", 200
