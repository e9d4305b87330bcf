"""What `receive` puts is what the workers' inbox reads: same keys, same bytes, one object."""

from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from trimtab.adapters.store.inbox import StoreInbox
from trimtab.adapters.store.objects import open_objects
from trimtab.flow.receive import receive
from trimtab.sources.senders import Request, inbox_key, unwrap
from trimtab.wiring_light import receive_ports


def test_a_worker_finds_what_receive_kept(tmp_path: Path) -> None:
    ports = receive_ports({"TRIMTAB_STORE": tmp_path.as_uri(), "TRIMTAB_PALETTE_WEBHOOK_SECRET": "secret"})
    request = Request("/palette", {"x-trimtab-token": "secret"}, b'{"project_uid":"p1"}')
    now = datetime(2026, 7, 31, 12, tzinfo=UTC)

    statuses = [receive(request, ports, now).status for _ in range(2)]

    numbers = count()
    inbox = StoreInbox(open_objects(tmp_path.as_uri()).within("default"), lambda: str(next(numbers)))
    kept = inbox.read(inbox_key(request))
    assert statuses == [200, 200]
    assert inbox.pending() == [inbox_key(request)]
    assert kept is not None
    assert unwrap(kept)[0].body == request.body
