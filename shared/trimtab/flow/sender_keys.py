"""The keys that Azure's tokens are signed with, read here and kept for `receive`, which calls nobody."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from trimtab.errors import BadInput, Broken, Upstream
from trimtab.ports import Ports
from trimtab.receive_settings import AZURE_KEYS

READ_EVERY = timedelta(hours=6)
"""Entra rolls its keys over weeks, and publishes the next one long before it signs."""


def keep_sender_keys(ports: Ports, now: datetime) -> str:
    """Read them anew where they are old; "" where nothing was to do. What is there stays where the new ones cannot be used."""
    if ports.token_keys is None:
        return ""
    if now - _read_at(ports, now) < READ_EVERY:
        return ""
    try:
        keys = _keys(ports.token_keys.published())
    except (BadInput, Upstream) as error:
        # Nobody is believed for it, and nothing else waits for it: after a week without keys, notices are refused by name.
        ports.log.warning("sender-keys.unread", input=str(error))
        return ""
    ports.documents.publish(AZURE_KEYS, {"read_at": now.isoformat(), "keys": keys})
    return f"{len(keys)} keys of Azure's tokens read"


def _read_at(ports: Ports, now: datetime) -> datetime:
    """When they were read; a document that cannot say so, or that comes from the future, was read long ago."""
    try:
        at = datetime.fromisoformat(str((ports.documents.find(AZURE_KEYS) or {}).get("read_at")))
        return at if at <= now else now - READ_EVERY
    except (ValueError, TypeError, Broken):
        return now - READ_EVERY


def _keys(published: bytes) -> list[dict[str, str]]:
    """The members of a key that a signature is checked with. Raises BadInput where there is none."""
    try:
        listed = json.loads(published)["keys"]
        found = [{name: str(key[name]) for name in ("kty", "kid", "n", "e")} | {"use": "sig"} for key in listed if _may_sign(key)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BadInput("the directory's keys: not a key set") from None
    if not found:
        raise BadInput("the directory's keys: none that could sign a token")
    return found


def _may_sign(key: Mapping[str, object]) -> bool:
    return key.get("kty") == "RSA" and key.get("use", "sig") == "sig"
