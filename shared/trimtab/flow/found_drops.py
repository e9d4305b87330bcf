"""Usage drops in a store that notifies nobody: their folder is listed, and each completion marker is asked for once.

What is asked for goes the normal way, through the inbox, and is named by what was found, so that two who look at once ask once. The
document `pulls/usage` remembers the newest marker, so that one whose request expired long ago is not asked for again.
"""

import hashlib
import json
from datetime import UTC, datetime, timedelta

from trimtab.ports import Ports, StoredObject
from trimtab.sources.drops import is_usage_signal

CURSOR = "pulls/usage"
REQUEST = "inbox/ingest/pull.usage."
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
LATE = timedelta(hours=1)
"""A put may be seen by a listing later than one that began after it; what is this old is looked at again."""


def ask_for_drops(ports: Ports) -> int:
    """Ask for every marker that is new; how many are looked at. Raises Upstream where the folder cannot be listed."""
    since = _since(ports)
    found = ports.buckets.list(f"{ports.settings.store.rstrip('/')}/usage")
    new = sorted((each for each in found if is_usage_signal(each.url) and each.modified >= since), key=lambda each: each.modified)
    for marker in new:
        body = json.dumps({"url": marker.url, "version": marker.modified.isoformat()}).encode()
        ports.inbox.put(f"{REQUEST}{_name(marker)}", body)
    if new and new[-1].modified - LATE > since:
        # Only after the requests: a crash in between asks again under the same names.
        ports.documents.publish(CURSOR, {"since": (new[-1].modified - LATE).isoformat()})
    return len(new)


def _since(ports: Ports) -> datetime:
    """From when on markers are looked at; a cursor that cannot be read means from the beginning, which only costs time."""
    try:
        since = datetime.fromisoformat(str((ports.documents.find(CURSOR) or {}).get("since")))
    except ValueError:
        return BEGINNING
    return since if since.tzinfo else BEGINNING


def _name(marker: StoredObject) -> str:
    return hashlib.sha256(f"{marker.url} {marker.modified.isoformat()}".encode()).hexdigest()[:40]
