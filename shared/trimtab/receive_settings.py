"""The few deployment settings that `receive` needs, read without pydantic: on a cold start it costs more than all the rest together.

Same places, same names, same refusals as `settings.load`; a contract test holds the two together.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from trimtab.errors import BadInput
from trimtab.locations import local_path

SENDER_SECRETS = {
    "slack": "slack_signing_secret",
    "github": "github_webhook_secret",
    "gitlab": "gitlab_webhook_secret",
    "palette": "palette_webhook_secret",
    "azure": "azure_webhook_secret",
    "alertmanager": "alertmanager_webhook_secret",
}
"""Sender → its setting."""

VARIABLES = (
    "TRIMTAB_STORE",
    "TRIMTAB_LEDGER",
    "TRIMTAB_CLOCK",
    "TRIMTAB_SETTINGS",
    *(f"TRIMTAB_{name.upper()}" for name in SENDER_SECRETS.values()),
)
"""All that is read of the environment."""

AZURE_MONITOR = "461e8683-5575-4561-ac7f-899cc907d62a"
"""The application of Azure Monitor's action groups, in every tenant the same."""

AZURE_KEYS = "senders/azure-keys"
"""The document of public keys that its tenant's tokens are signed with; `verify` keeps it."""

ENTRA_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

SHORTEST_SECRET = 16
"""A shorter one is treated as missing wherever strangers can reach us."""


class EntraRules(NamedTuple):
    """Whose tokens count on Azure's path."""

    tenant: str
    audience: str
    sender: str


class ReceiveSettings(NamedTuple):
    """What a deployment says about receiving."""

    store: str
    ledger_url: str
    tenant: str
    clock: datetime | None
    """A fixed "now" of a replay on disk."""
    secrets: Mapping[str, tuple[str, ...]]
    azure_entra: EntraRules | None = None

    @property
    def is_local(self) -> bool:
        """True where everything is on a disk of our own."""
        return _on_disk(self.store) and _on_disk(self.ledger_url)

    def secrets_of(self, source: str) -> tuple[str, ...]:
        """The secrets that a sender may prove itself with."""
        return self.secrets.get(source, ())


def split_secret(source: str, text: str, *, is_local: bool) -> tuple[str, ...]:
    """A setting's secrets: a signing key is one, a shared word may be two, "new,old", while it is being replaced."""
    parts = [text] if source in ("slack", "github") else [part.strip() for part in text.split(",")][:2]
    shortest = 1 if is_local else SHORTEST_SECRET
    return tuple(part for part in parts if len(part) >= shortest)


def load_receive_settings(environ: Mapping[str, str]) -> ReceiveSettings:
    """The settings from the environment and, on a local store, its settings.json. Raises BadInput that names the key."""
    given = environ.get("TRIMTAB_STORE") or "file://./trimtab-store"
    store = f"file://{local_path(given)}" if _on_disk(given) else given
    values, place = _values(environ, given)
    ledger = environ.get("TRIMTAB_LEDGER") or _text(values, "ledger", place) or store
    is_local = _on_disk(store) and _on_disk(ledger)
    clock = environ.get("TRIMTAB_CLOCK") or _text(values, "clock", place)
    if not is_local and (clock or values.get("is_demo")):
        raise BadInput(f"{place}: clock and is_demo are for file:// stores only, this one is {store}")
    return ReceiveSettings(
        store=store,
        ledger_url=ledger,
        tenant=_text(values, "tenant", place) or "default",
        clock=_time(clock, place) if clock else None,
        azure_entra=_entra(values.get("azure_entra"), f"{place}: azure_entra"),
        secrets={source: split_secret(source, _secret(environ, values, name, place), is_local=is_local) for source, name in _SENDERS},
    )


_SENDERS = tuple(SENDER_SECRETS.items())


def _values(environ: Mapping[str, str], url: str) -> tuple[dict[str, object], str]:
    text, place = environ.get("TRIMTAB_SETTINGS"), "TRIMTAB_SETTINGS"
    if text is None and _on_disk(url):
        path = local_path(url) / "settings.json"
        text, place = path.read_text() if path.exists() else None, str(path)
    if not text:
        return {}, place
    try:
        value = json.loads(text)
    except ValueError as error:
        raise BadInput(f"{place}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadInput(f"{place}: expected a JSON object")
    return value, place


def _secret(environ: Mapping[str, str], values: Mapping[str, object], name: str, place: str) -> str:
    variable = f"TRIMTAB_{name.upper()}"
    if variable in environ:
        return environ[variable]
    if name in values and place == "TRIMTAB_SETTINGS" and not _on_disk(environ.get("TRIMTAB_STORE") or "file://"):
        raise BadInput(f"{place}.{name}: a secret may not stand here; set {variable}")
    return _text(values, name, place)


def _entra(value: object, place: str) -> EntraRules | None:
    if value is None:
        return None
    if not isinstance(value, dict) or value.keys() - {"tenant", "audience", "sender"}:
        raise BadInput(f"{place}: expected tenant, audience and, where it is not Azure Monitor, sender")
    ids = [value.get("tenant"), value.get("audience"), value.get("sender", AZURE_MONITOR)]
    if not all(isinstance(one, str) and ENTRA_ID.fullmatch(one) for one in ids):
        raise BadInput(f"{place}: tenant, audience and sender are ids of 8-4-4-4-12 hexadecimal digits in small letters")
    return EntraRules(*(str(one) for one in ids))


def _text(values: Mapping[str, object], name: str, place: str) -> str:
    value = values.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadInput(f"{place}: {name}: expected text")
    return value


def _time(text: str, place: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{place}: clock: {text!r} is not an ISO time") from None
    if time.tzinfo is None:
        raise BadInput(f"{place}: clock: {text!r} has no time zone; end it with Z")
    return time


def _on_disk(url: str) -> bool:
    return url.startswith("file://")
