"""A token of Microsoft Entra: who calls the secure webhook of an action group, proven by the directory's own signature.

The keys come as a document that another function keeps: whoever receives calls nobody. Loaded for Azure's path alone.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import jwt

from trimtab.errors import Forged
from trimtab.receive_settings import EntraRules
from trimtab.sources.senders import WINDOW_SECONDS, Request

KEPT_FOR = timedelta(days=7)
"""A key that was withdrawn is believed no longer than this."""
LONGEST = 16 << 10
_PLACE = "/azure"
_ISSUERS = ("https://sts.windows.net/{tenant}/", "https://login.microsoftonline.com/{tenant}/v2.0")
"""Of a token's first and second version; which one is made is the audience's setting."""


def check_token(request: Request, rules: EntraRules, document: bytes | None, now: datetime) -> None:
    """Return quietly if the request brings a token for us, of the right tenant and sender, signed and in time. Raises Forged.

    `document` is what is kept of the directory's keys; None = nothing yet.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token or len(token) > LONGEST:
        raise Forged(f"{_PLACE}: the authorization header holds no bearer token")
    claims = _claims(token, rules, _keys(document, now))
    sender = claims.get("appid") or claims.get("azp")
    if claims.get("tid") != rules.tenant or sender != rules.sender:
        raise Forged(f"{_PLACE}: the token is of another tenant or application")
    _check_times(claims, now)


def _claims(token: str, rules: EntraRules, keys: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    try:
        named = jwt.get_unverified_header(token).get("kid")
        key = keys.get(named) if isinstance(named, str) else None
        if key is None:
            raise Forged(f"{_PLACE}: the token is signed with no key of the directory's")
        return jwt.decode(
            token,
            # RS256 alone: the token's own word for its algorithm ("none", or HMAC with a public key) decides nothing.
            jwt.PyJWK(dict(key), algorithm="RS256").key,
            algorithms=["RS256"],
            audience=[rules.audience, f"api://{rules.audience}"],
            issuer=[issuer.format(tenant=rules.tenant) for issuer in _ISSUERS],
            # The library would ask its own clock; the times are checked below, against ours.
            options={"require": ["exp", "nbf", "iat", "aud", "iss"], "verify_exp": False, "verify_nbf": False, "verify_iat": False},
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise Forged(f"{_PLACE}: the token does not hold: {type(error).__name__}") from None


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    times = [claims[name] for name in ("nbf", "exp")]
    if not all(type(time) is int for time in times):
        raise Forged(f"{_PLACE}: the token's times are no whole seconds")
    begins, ends = times
    if not begins - WINDOW_SECONDS <= now.timestamp() < ends:
        raise Forged(f"{_PLACE}: the token has expired, or does not hold yet")


def _keys(document: bytes | None, now: datetime) -> dict[str, Mapping[str, Any]]:
    """Key id → key. Raises Forged where they were never read, or too long ago to be believed."""
    if document is None:
        raise Forged(f"{_PLACE}: the directory's keys have not been read yet; `verify` reads them every hour")
    try:
        kept = json.loads(document)
        if now - datetime.fromisoformat(kept["read_at"]) > KEPT_FOR:
            raise Forged(f"{_PLACE}: the directory's keys were last read on {kept['read_at'][:10]}; see why `verify` cannot read them")
        return {str(key["kid"]): key for key in kept["keys"] if key.get("kty") == "RSA" and key.get("use", "sig") == "sig"}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Forged(f"{_PLACE}: the document of the directory's keys cannot be read") from None
