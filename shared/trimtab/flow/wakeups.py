"""Something asks for proposals for a scope: wakes join into one run for each scope and quarter of an hour, and a day has so many runs.

Evidence is counted in whole days, so a second run of the same quarter would find the same.
"""

import hashlib
import json
from collections.abc import Collection
from datetime import datetime

from trimtab.errors import BadInput
from trimtab.ports import Ports
from trimtab.records import ClusterUid

WAKE = "wake."
"""What a message of `propose` is called that asks for a run: wake.<scope>.<quarter>."""
QUARTER_MINUTES = 15
MOST_RUNS_A_DAY = 24
"""Runs that anything but the clock may ask for in a day."""


def wake_propose(scope: str, clusters: Collection[str], ports: Ports, now: datetime) -> bool:
    """Ask for a run over these clusters, by name (none named = all); False = one was asked for in this quarter of an hour already."""
    quarter = now.replace(minute=now.minute - now.minute % QUARTER_MINUTES)
    name = hashlib.sha256(scope.encode()).hexdigest()[:12]
    body = json.dumps({"scope": scope, "clusters": sorted(clusters)}).encode()
    return ports.inbox.put(f"inbox/propose/{WAKE}{name}.{quarter:%Y%m%dt%H%Mz}", body)


def full_of_runs(name: str, ports: Ports, now: datetime) -> bool:
    """Take the day's slot of this run; True where none is left."""
    return ports.ledger.claim_slot("woken-runs", f"{now:%Y-%m-%d}", MOST_RUNS_A_DAY, name) is None


def asked_clusters(key: str, ports: Ports) -> tuple[ClusterUid, ...]:
    """The clusters that a wake is for; () = all. Raises BadInput where Palette knows none of those that it names."""
    names = _names(key, ports)
    found = tuple(sorted(uid for uid, name in ports.palette.listed().items() if name in names))
    if names and not found:
        raise BadInput(f"{key}: Palette lists none of the clusters that it is for")
    return found


def _names(key: str, ports: Ports) -> list[str]:
    stored = ports.inbox.read(key)
    try:
        clusters = json.loads(stored or b"")["clusters"]
    except (ValueError, KeyError, TypeError):
        raise BadInput(f"{key}: names no clusters to propose for") from None
    if not isinstance(clusters, list):
        raise BadInput(f"{key}: clusters: expected a list of names")
    return [str(name) for name in clusters]
