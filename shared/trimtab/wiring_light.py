"""The ports of the functions that must start fast or run inside a cluster; nothing heavy is imported before it is needed."""

from collections.abc import Callable, Mapping
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from trimtab.errors import Upstream
from trimtab.flow.receive import ReceivePorts, Refusals
from trimtab.locations import is_secret_arn
from trimtab.receive_settings import AZURE_KEYS, VARIABLES, ReceiveSettings, load_receive_settings
from trimtab.sources.senders import Request

if TYPE_CHECKING:
    from trimtab.adapters.store.objects import Objects


class PutOnly(NamedTuple):
    """The inbox as `receive` may use it: it can create, and nothing else. `StoreInbox` reads what it keeps (a contract test)."""

    objects: "Objects"

    def put(self, key: str, body: bytes) -> bool:
        """Keep `body` under `key`; False = it was there already."""
        return self.objects.keep(key, body)


def receive_ports(environ: Mapping[str, str]) -> ReceivePorts:
    """What `receive` touches: the inbox below the tenant's prefix, and the senders' secrets. Built once per environment.

    It is asked with every request, and looking up a variable that is absent costs a tenth of a put: so only those that were there
    are compared, and the number of all, which tells of a new one.
    """
    for size, seen, ports, until in _BUILT:
        if size == len(environ) and seen == [(name, environ.get(name)) for name, _ in seen] and (until is None or monotonic() < until):
            return ports
    found = [(name, environ[name]) for name in VARIABLES if name in environ]
    fetched = any(is_secret_arn(name, text) for name, text in found)
    ports = _refreshed(found, environ) if fetched else _build(dict(found))
    _BUILT[:] = [(len(environ), found, ports, monotonic() + SECRETS_SERVE if fetched else None)]
    return ports


def _refreshed(found: list[tuple[str, str]], environ: Mapping[str, str]) -> ReceivePorts:
    """Ports with the secrets as they are now; while they cannot be fetched, those known before go on serving."""
    try:
        return _build(_fetched(dict(found), environ))
    except Upstream:
        for _, seen, ports, _ in _BUILT:
            if seen == found:
                return ports
        raise


SECRETS_SERVE = 300.0
"""Seconds that fetched secrets are used before they are asked for again; the extension keeps them for a time of its own beside that."""
_BUILT: list[tuple[int, list[tuple[str, str]], ReceivePorts, float | None]] = []


def _fetched(found: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    from trimtab.adapters.aws.secrets_extension import with_secrets  # only where a variable says where its secret is

    return with_secrets(found, environ)


def _build(environ: Mapping[str, str]) -> ReceivePorts:
    from trimtab.adapters.store.objects import open_objects

    settings = load_receive_settings(environ)
    inbox = PutOnly(open_objects(settings.ledger_url).within(settings.tenant))
    return ReceivePorts(inbox, settings, settings.clock, _token_check(settings), Refusals(_log))


def _token_check(settings: ReceiveSettings) -> "Callable[[Request, datetime], None] | None":
    rules = settings.azure_entra
    if rules is None:
        return None

    def check(request: Request, now: datetime) -> None:
        # Here, because its library takes longer to load than a Slack click may wait.
        from trimtab.adapters.store.objects import open_objects
        from trimtab.sources.entra import check_token

        keys = open_objects(settings.store).within(settings.tenant).read(f"docs/{AZURE_KEYS}.json")
        check_token(request, rules, keys, now)

    return check


def _log(event: str, **values: object) -> None:
    from trimtab.adapters.logs import JsonLog  # only where something was refused: a good click does not pay for it

    JsonLog().warning(event, **values)
