"""Exports that cannot notify us are looked for on the clock: once each, in any order, and one that fails keeps no other waiting."""

import json
import os
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.cloud_bills import AZURE, GCP, NOW, export, ports_at, write_csv
from trimtab import wiring
from trimtab.adapters.store.buckets import StoreBuckets
from trimtab.adapters.store.documents import StoreDocuments
from trimtab.adapters.store.inbox import StoreInbox
from trimtab.adapters.store.objects import open_objects
from trimtab.errors import Upstream
from trimtab.flow.landed import land
from trimtab.flow.pull import pull
from trimtab.flow.wake import Wake, serve, tick_key
from trimtab.ports import Ports
from trimtab.settings import Export, Settings


@dataclass
class World:
    """A store in a folder, and exports beside it."""

    folder: Path
    exports: tuple[Export, ...]
    ports: Ports = field(init=False)

    def __post_init__(self) -> None:
        objects = open_objects(f"file://{self.folder}/store")
        self.ports = cast(
            Ports,
            SimpleNamespace(
                settings=Settings(store=f"file://{self.folder}/store", exports=self.exports),
                buckets=StoreBuckets(),
                inbox=StoreInbox(objects, lambda: "n"),
                documents=StoreDocuments(objects),
            ),
        )

    def asked(self) -> list[str]:
        """URLs of what waits in the inbox, by request."""
        return [json.loads(self.ports.inbox.read(key) or b"{}")["url"] for key in self.ports.inbox.pending("ingest")]


def marker(folder: Path, period: str, at: int, body: str = '{"rows": 1}') -> Path:
    path = folder / period / "_trimtab_complete.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(body)
    os.utime(path, (at, at))
    return path


def manifest(folder: Path, run: int, at: int) -> Path:
    path = folder / "20260701-20260731" / f"run-{run}" / "manifest.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"run": 1}')
    os.utime(path, (at, at))
    return path


def pulled(name: str, folder: Path, **values: object) -> Export:
    return export(name, prefix=f"file://{folder}", pull=True, **values)


def test_a_delivery_is_asked_for_once_however_often_it_is_looked_for(tmp_path: Path) -> None:
    world = World(tmp_path, (pulled("gcp", tmp_path / "gcp", form="gcp"), export("notified", prefix=f"file://{tmp_path}/aws")))
    july = marker(tmp_path / "gcp", "2026-07", at=1_000)
    marker(tmp_path / "gcp", "2026-08", at=1_000, body="{}")
    marker(tmp_path / "aws", "2026-07", at=1_000)

    assert pull(world.ports) == 1
    assert pull(world.ports) == 0
    assert world.asked() == [f"file://{july}"]
    (key,) = world.ports.inbox.pending("ingest")
    assert key.startswith("inbox/ingest/pull.gcp.")


def test_a_newer_delivery_in_the_same_place_is_asked_for_again(tmp_path: Path) -> None:
    world = World(tmp_path, (pulled("gcp", tmp_path / "gcp", form="gcp"),))
    marker(tmp_path / "gcp", "2026-07", at=1_000)
    pull(world.ports)

    marker(tmp_path / "gcp", "2026-07", at=2_000)

    assert pull(world.ports) == 1
    assert len(world.asked()) == 2


def test_of_a_months_many_runs_only_the_newest_is_asked_for(tmp_path: Path) -> None:
    """An older one could not replace it, and each is the whole month."""
    world = World(tmp_path, (pulled("azure", tmp_path / "azure", form="azure"),))
    newest = manifest(tmp_path / "azure", run=2, at=3_000)
    manifest(tmp_path / "azure", run=1, at=2_000)
    manifest(tmp_path / "azure", run=3, at=1_000)

    assert pull(world.ports) == 1
    assert world.asked() == [f"file://{newest}"]


def test_what_was_asked_for_is_not_asked_for_again_after_its_request_expired(tmp_path: Path) -> None:
    world = World(tmp_path, (pulled("gcp", tmp_path / "gcp", form="gcp"),))
    marker(tmp_path / "gcp", "2026-07", at=1_000)
    pull(world.ports)
    (key,) = world.ports.inbox.pending("ingest")
    world.ports.inbox.finish(key, "done")
    cast(StoreInbox, world.ports.inbox).expire(datetime(2100, 1, 1, tzinfo=UTC))

    assert pull(world.ports) == 0
    assert world.asked() == []


def test_a_tick_that_died_between_request_and_cursor_asks_under_the_same_name(tmp_path: Path) -> None:
    world = World(tmp_path, (pulled("gcp", tmp_path / "gcp", form="gcp"),))
    marker(tmp_path / "gcp", "2026-07", at=1_000)
    pull(world.ports)
    before = world.ports.inbox.pending("ingest")
    (tmp_path / "store" / "docs" / "pulls" / "gcp.json").unlink()

    assert pull(world.ports) == 1
    assert world.ports.inbox.pending("ingest") == before


def test_an_export_that_cannot_be_listed_is_named_after_the_others_were_served(tmp_path: Path) -> None:
    broken = export("broken", prefix="az://nowhere/x", pull=True)
    world = World(tmp_path, (broken, pulled("gcp", tmp_path / "gcp", form="gcp")))
    july = marker(tmp_path / "gcp", "2026-07", at=1_000)

    with pytest.raises(Upstream, match=r"pulled exports: broken: az://nowhere"):
        pull(world.ports)

    assert world.asked() == [f"file://{july}"]


def test_the_clock_asks_and_the_request_brings_the_bill_into_the_lake(tmp_path: Path) -> None:
    """The whole way: a tick, a request in the inbox, the month in the lake; a second tick asks for nothing more."""
    file = write_csv(tmp_path / "gcp" / "2026-07" / "0.csv.gz", GCP)
    body = {
        "export": "gcp", "period": "2026-07", "run_id": "r1", "submitted_at": "2026-08-01T00:00:00Z",
        "files": [{"name": file.name, "bytes": file.stat().st_size}],
    }  # fmt: skip
    marker(tmp_path / "gcp", "2026-07", at=1_000, body=json.dumps(body))
    world = World(tmp_path, (pulled("gcp", tmp_path / "gcp", form="gcp", billing_account=GCP["billing_account_id"]),))
    ports = replace(wiring.build(world.ports.settings), **{**vars(ports_at(tmp_path)), **vars(world.ports)})

    ticked = land(Wake(key=tick_key("ingest", NOW)), ports, NOW)
    (request,) = ports.inbox.pending("ingest")
    landed = serve(land, Wake(key=request), ports, NOW)
    later = NOW + timedelta(hours=ports.settings.attribute_hours)
    again = land(Wake(key=tick_key("ingest", later)), ports, later)
    night = NOW.replace(hour=3) + timedelta(days=1)
    at_night = land(Wake(key=tick_key("ingest", night)), ports, night)

    assert ticked == "0 periods looked at; 1 deliveries pulled"
    assert landed == "gcp 2026-07: 1 rows"
    assert again == "1 periods looked at; 0 deliveries pulled"
    assert at_night == "1 periods looked at; 0 deliveries pulled; 0 replaced files removed"


def test_settings_say_how_an_export_of_another_cloud_is_reached() -> None:
    to = Export.model_validate({
        "name": "azure", "form": "azure", "prefix": "az://billing/costs", "billing_account": AZURE["BillingAccountId"], "pull": True,
        "storage_account": "acmebilling",
    })  # fmt: skip

    assert (to.pull, to.identity, to.storage_account, to.part) == (True, None, "acmebilling", "all")
