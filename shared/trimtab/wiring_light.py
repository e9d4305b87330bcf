"""The ports of the functions that must start fast or run inside a cluster; nothing heavy is imported before it is needed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from trimtab.flow.receive import ReceivePorts
from trimtab.receive_settings import VARIABLES, load_receive_settings

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
    for size, seen, ports in _BUILT:
        if size == len(environ) and seen == [(name, environ.get(name)) for name, _ in seen]:
            return ports
    found = [(name, environ[name]) for name in VARIABLES if name in environ]
    _BUILT[:] = [(len(environ), found, _build(dict(found)))]
    return _BUILT[0][2]


_BUILT: list[tuple[int, list[tuple[str, str]], ReceivePorts]] = []


def _build(environ: Mapping[str, str]) -> ReceivePorts:
    from trimtab.adapters.store.objects import open_objects

    settings = load_receive_settings(environ)
    return ReceivePorts(PutOnly(open_objects(settings.ledger_url).within(settings.tenant)), settings, settings.clock)
