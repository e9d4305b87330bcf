"""Exports in another cloud or account cannot notify us: on the clock, their folders are listed, and new deliveries are asked for.

What is asked for goes the normal way, through the inbox; a request is named by what was found, so that looking twice asks once. The
cursor `pulls/<export>` keeps a delivery from being asked for again when its request has expired.
"""

import hashlib
import json
from collections.abc import Iterable

from trimtab.errors import BadInput, TrimtabError, Upstream
from trimtab.ports import Ports, StoredObject
from trimtab.settings import Export
from trimtab.sources.drops import is_export_signal, period_in

REQUEST = "inbox/ingest/pull."
EMPTY = 2
"""Bytes of a signal that signals nothing: none, or `{}`."""


def pull(ports: Ports) -> int:
    """Ask for every new delivery of the exports that are pulled; how many are asked for.

    Raises Upstream that names each export whose folder cannot be listed, after all others were looked at.
    """
    asked, failures = 0, []
    for export in ports.settings.exports:
        if export.pull:
            try:
                asked += _pull(export, ports)
            except TrimtabError as error:
                failures.append(f"{export.name}: {error}")
    if failures:
        raise Upstream(f"pulled exports: {'; '.join(failures)}")
    return asked


def _pull(export: Export, ports: Ports) -> int:
    cursor = f"pulls/{export.name}"
    known = _known(ports.documents.find(cursor))
    found = {_scope(signal): signal for signal in _newest_last(ports.buckets.list(export.prefix))}
    new = {scope: signal for scope, signal in found.items() if known.get(scope) != _mark(signal)}
    for signal in new.values():
        body = json.dumps({"url": signal.url, "version": _mark(signal)}).encode()
        ports.inbox.put(f"{REQUEST}{export.name}.{_name(signal)}", body)
    if new:
        # Only after the requests: a crash in between asks again under the same names.
        ports.documents.publish(cursor, {"asked": known | {scope: _mark(signal) for scope, signal in new.items()}})
    return len(new)


def _newest_last(listed: Iterable[StoredObject]) -> list[StoredObject]:
    signals = [each for each in listed if is_export_signal(each.url) and each.size > EMPTY]
    return sorted(signals, key=lambda each: (each.modified, each.url))


def _scope(signal: StoredObject) -> str:
    """What a delivery replaces: its period, where the key says it, so that of a month's deliveries only the newest is asked for."""
    return period_in(signal.url) or signal.url


def _mark(signal: StoredObject) -> str:
    return f"{signal.url} {signal.size} {signal.modified.isoformat()}"


def _name(signal: StoredObject) -> str:
    return hashlib.sha256(_mark(signal).encode()).hexdigest()[:40]


def _known(cursor: dict[str, object] | None) -> dict[str, str]:
    asked = (cursor or {}).get("asked") or {}
    if not isinstance(asked, dict):
        raise BadInput("pulls: a cursor that cannot be read; delete the document, and everything is asked for once more")
    return {str(scope): str(mark) for scope, mark in asked.items()}
