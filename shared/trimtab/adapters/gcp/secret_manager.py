"""Secrets that stay in Google's Secret Manager: a variable holds the name of a version, and its value is fetched.

Functions do not need this: Google puts the values into their environment. It is for what Google starts without them, a Spark batch.
"""

import base64
import json
import re
from collections.abc import Mapping

import httpx

from trimtab.adapters import http
from trimtab.adapters.gcp.identity import GoogleIdentity
from trimtab.errors import Upstream

HOST = "secretmanager.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
"""Secret Manager takes no narrower one; what the account may read is its roles' business."""
_VERSION = re.compile(r"projects/[a-z0-9:.-]+/secrets/[A-Za-z0-9_-]+/versions/(?:latest|[0-9]+)")


def with_secrets(environ: Mapping[str, str], client: httpx.Client | None = None, auth: httpx.Auth | None = None) -> dict[str, str]:
    """The environment with the values of its secrets. Raises Upstream, naming the variable and never the value."""
    if not any(_is_version(name, text) for name, text in environ.items()):
        return dict(environ)
    ours, identity = client or http.client([HOST]), auth or GoogleIdentity(needs="roles/secretmanager.secretAccessor", scope=SCOPE)
    return {name: _value(name, text, ours, identity) if _is_version(name, text) else text for name, text in environ.items()}


def _is_version(name: str, text: str) -> bool:
    return name.startswith("TRIMTAB_") and _VERSION.fullmatch(text) is not None


def _value(name: str, version: str, client: httpx.Client, auth: httpx.Auth) -> str:
    answer = client.get(f"https://{HOST}/v1/{version}:access", auth=auth)
    if answer.status_code != httpx.codes.OK:
        raise Upstream(f"{name}: Secret Manager did not give {version}: {answer.status_code}; it needs roles/secretmanager.secretAccessor")
    try:
        return base64.b64decode(json.loads(answer.content)["payload"]["data"], validate=True).decode("utf-8")
    except (ValueError, KeyError, TypeError):
        raise Upstream(f"{name}: {version}: Secret Manager's answer holds no text; store the secret as text") from None
