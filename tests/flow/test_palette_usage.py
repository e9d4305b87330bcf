"""The weakest way to usage: Palette's own means, for a cluster that no collector reads; and its rates of private capacity."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import cast

import pytest

from tests.flow.flow_world import World, make_world
from tests.judgement import NOW, UID, cluster
from trimtab.adapters.memory import MemoryPalette
from trimtab.errors import Upstream
from trimtab.flow.collect import CollectPorts
from trimtab.flow.collect_all import collect_all, collect_one
from trimtab.flow.governance import home_governance
from trimtab.flow.ingest_usage import ingest_usage
from trimtab.flow.landed import usage_landed
from trimtab.flow.palette_usage import palette_usage
from trimtab.flow.private_rates import KEPT, private_rates
from trimtab.flow.still_now import STILL_NOW
from trimtab.flow.usage_drop import HOUR, leave
from trimtab.flow.wake import Wake
from trimtab.ports import Metrics
from trimtab.records import MeasuredUse, PrivateRate
from trimtab.sources.palette_usage import NODE, WHOLE, rows
from trimtab.sources.prometheus import COLUMNS, Target
from trimtab.tables import scan
from trimtab.units import Bytes, Millicores

END = NOW.replace(minute=0)
START = END - timedelta(hours=3)
TARGET = Target(cluster_uid=UID, cluster="dev-east", project="development")


def use(hours: int = 0, pod: str = "web-1", cpu: int | None = 250, memory: int | None = 1 << 30) -> MeasuredUse:
    return MeasuredUse(
        hour=START + timedelta(hours=hours), namespace="web", pod=pod,
        cpu=None if cpu is None else Millicores(cpu), memory=None if memory is None else Bytes(memory),
    )  # fmt: skip


def world_of(root: Path, *uses: MeasuredUse) -> World:
    world = make_world(root)
    settings = world.ports.settings.model_copy(update={"store": root.as_uri()})
    world.ports = replace(world.ports, settings=settings, palette=MemoryPalette(world.palette.known, uses=uses))
    return world


def markers(root: Path) -> list[str]:
    return sorted(path.as_uri() for path in (root / "usage").rglob("_complete.json"))


def test_a_row_knows_use_and_nothing_else() -> None:
    """What Palette does not know must stay empty: every rule that needs it then refuses."""
    (row,) = rows(TARGET, (use(),))

    named = dict(zip((column.name for column in COLUMNS), row, strict=True))
    assert (named["namespace"], named["pod"], named["cpu_used"], named["memory_used"]) == ("web", "web-1", 250, 1 << 30)
    unknown = ("pool", "cpu_request", "memory_request", "gpu_request", "cpu_used_max", "memory_used_max", "gpu_compute_used", "pending")
    assert {named[name] for name in unknown} == {None}
    assert "trimtab.io/usage-source" in str(named["annotations"])


def test_a_namespace_stands_for_its_pods_and_what_was_not_measured_is_no_row() -> None:
    found = rows(TARGET, (use(pod=""), use(1, cpu=None, memory=None)))

    named = [dict(zip((column.name for column in COLUMNS), row, strict=True)) for row in found]
    assert [row["pod"] for row in named] == [WHOLE]


def test_a_cluster_without_a_metrics_endpoint_is_read_from_palette(tmp_path: Path) -> None:
    world = world_of(tmp_path, use(0), use(1), use(2, cpu=None))

    count = collect_one(cluster(), world.ports, NOW)

    assert count == 3
    (marker,) = markers(tmp_path)
    loaded = ingest_usage(marker, world.ports, tmp_path)
    assert (loaded.cluster_uid, loaded.rows) == (UID, 3)
    assert "collect.palette" in [event for event, _ in world.log.said]


def test_the_same_hours_twice_are_one_drop(tmp_path: Path) -> None:
    world = world_of(tmp_path, use(0))

    for minutes in (0, 10):
        palette_usage(cluster(), START, END, world.ports, NOW + timedelta(minutes=minutes))

    assert len(markers(tmp_path)) == 1


def pushed(world: World, hours: int, at: datetime) -> str:
    """The drop of the cluster's own collector, with its first `hours` hours; the marker's URL."""
    one = {"cluster_uid": UID, "cluster": "dev-east", "labels": "{}", "seconds": 3600, "pending": False, "pool": "batch", "node": "n-1"}
    machine = {"cpu_capacity": 4000, "memory_capacity": 8 << 30, "gpu_capacity": 0}
    own = {"namespace": "web", "pod": "web-1", "workload": "web", "workload_kind": "Deployment", "cpu_request": 500, "cpu_used": 300}
    found = [
        tuple((one | kind | {"hour": hour.replace(tzinfo=None)}).get(column.name) for column in COLUMNS)
        for hour in (START + timedelta(hours=number) for number in range(hours))
        for kind in (machine, own)
    ]
    return leave(TARGET, (START, START + timedelta(hours=hours)), found, place_of(world), at)


def place_of(world: World) -> CollectPorts:
    ports = world.ports
    metrics = cast(Metrics, None)
    return CollectPorts(
        metrics=metrics, buckets=ports.buckets, engine=ports.engine, scratch=ports.scratch, store=ports.settings.store
    )  # fmt: skip


def stored(world: World) -> list[tuple[object, ...]]:
    """Hours after the first, node, CPU asked for, CPU used, of every pod in the lake."""
    since = f"date_diff('hour', TIMESTAMP '{START:%Y-%m-%d %H:%M:%S}', \"hour\")"
    rows = scan("usage", world.ports.lake.files("usage"))
    with world.ports.engine.session() as session:
        return session.rows(f"SELECT {since}, node, cpu_request, cpu_used FROM ({rows}) WHERE pod IS NOT NULL ORDER BY ALL")


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_its_hours_give_way_to_any_collectors_whenever_they_come(tmp_path: Path, order: tuple[int, ...]) -> None:
    """A collector that dies at noon leaves a morning; Palette, asked for the whole day in the evening, must not push it aside.

    And no hour is there twice, which would count its use twice.
    """
    world = world_of(tmp_path, use(0), use(1), use(2))
    drops = [pushed(world, 2, START + timedelta(hours=2, minutes=7))]
    for until in (START + timedelta(hours=2), END):
        palette_usage(cluster(), START, until, world.ports, NOW)
    drops += [marker for marker in markers(tmp_path) if marker not in drops]
    assert len(drops) == 3

    for number in order:
        ingest_usage(drops[number], world.ports, tmp_path)

    assert stored(world) == [(0, "n-1", 500, 300), (1, "n-1", 500, 300), (2, NODE, None, 250)]


def test_what_palette_says_later_of_its_own_hours_holds(tmp_path: Path) -> None:
    world = world_of(tmp_path, use(0, cpu=100))
    palette_usage(cluster(), START, END - HOUR, world.ports, NOW)
    ingest_usage(markers(tmp_path)[0], world.ports, tmp_path)
    world.ports = replace(world.ports, palette=MemoryPalette(world.palette.known, uses=(use(0, cpu=900),)))
    before = markers(tmp_path)
    palette_usage(cluster(), START, END, world.ports, NOW)

    (later,) = set(markers(tmp_path)) - set(before)
    ingest_usage(later, world.ports, tmp_path)

    assert stored(world) == [(0, NODE, None, 900)]


def test_palette_is_asked_from_the_day_that_a_cluster_stops_pushing_until_it_pushes_again(tmp_path: Path) -> None:
    """Palette's own hours, landed and young, are no sign that the cluster's collector is back."""
    world = world_of(tmp_path, use(0), use(1), use(2))
    world.ports.documents.publish(f"demand/{UID}", {})
    usage_landed(pushed(world, 2, START + timedelta(hours=2, minutes=7)), world.ports, tmp_path)

    def tick(at: datetime) -> str:
        """The clock strikes, and whatever collect left lands."""
        before = markers(tmp_path)
        said = collect_all(Wake(key=f"inbox/clock/collect/{at.isoformat()}"), world.ports, at)
        for marker in markers(tmp_path):
            if marker not in before:
                usage_landed(marker, world.ports, tmp_path)
        return said.rpartition("; ")[2]

    silent = START + HOUR + STILL_NOW + timedelta(minutes=5)
    assert tick(NOW) == "1 push theirs"
    assert [tick(silent), tick(silent + HOUR)] == ["0 push theirs", "0 push theirs"]
    assert stored(world)[-1] == (2, NODE, None, 250)
    usage_landed(pushed(world, 40, silent + HOUR), world.ports, tmp_path)
    assert tick(silent + 2 * HOUR) == "1 push theirs"
    assert {node for _, node, *_ in stored(world)} == {"n-1"}


def test_no_measurement_leaves_no_drop(tmp_path: Path) -> None:
    world = world_of(tmp_path)

    assert palette_usage(cluster(), START, END, world.ports, NOW) == 0
    assert markers(tmp_path) == []


def test_nothing_of_this_reaches_a_pools_demand(tmp_path: Path) -> None:
    world = world_of(tmp_path, use(0), use(1))
    palette_usage(cluster(), START, END, world.ports, NOW)
    ingest_usage(markers(tmp_path)[0], world.ports, tmp_path)

    assert world.ports.usage.demand(UID, "batch", START, END) is None or not world.ports.usage.demand(UID, "batch", START, END).seen.any()  # type: ignore[union-attr]


# ── private rates ────────────────────────────────────────────────────────────────────────────────────────────────────
RATE = PrivateRate(id="palette-vsphere", currency="", cluster="edge-1", cpu=Decimal("0.03"), memory=Decimal("0.004"))


class Away(MemoryPalette):
    def private_rates(self, currency: str) -> tuple[PrivateRate, ...]:
        raise Upstream(f"no rates in {currency}: away")


def rated(root: Path, palette: MemoryPalette) -> World:
    world = make_world(root)
    settings = world.ports.settings.model_copy(update={"palette_url": "https://palette.test"})
    world.ports = replace(world.ports, settings=settings, palette=palette)
    return world


def test_palettes_rates_come_after_the_files_in_the_configured_currency(tmp_path: Path) -> None:
    world = rated(tmp_path, MemoryPalette((), rates=(RATE,)))
    governance = home_governance(world.ports)
    own = replace(RATE, id="file", currency="USD")
    governance = replace(governance, allocation=replace(governance.allocation, rates=(own,)))

    found = private_rates(world.ports, governance, NOW)

    assert [(rate.id, rate.currency) for rate in found] == [("file", "USD"), ("palette-vsphere", "USD")]


def test_while_palette_is_away_what_it_last_said_holds(tmp_path: Path) -> None:
    """A bill that was priced yesterday must not become empty because a server was restarted."""
    world = rated(tmp_path, MemoryPalette((), rates=(RATE,)))
    governance = home_governance(world.ports)
    before = private_rates(world.ports, governance, NOW)
    world.ports = replace(world.ports, palette=Away(()))

    assert private_rates(world.ports, governance, NOW) == before
    assert [event for event, _ in world.log.said if event == "rates.kept"] == ["rates.kept"]


def test_rates_that_were_taken_away_are_forgotten(tmp_path: Path) -> None:
    world = rated(tmp_path, MemoryPalette((), rates=(RATE,)))
    governance = home_governance(world.ports)
    private_rates(world.ports, governance, NOW)
    world.ports = replace(world.ports, palette=MemoryPalette(()))
    private_rates(world.ports, governance, NOW)
    world.ports = replace(world.ports, palette=Away(()))

    assert private_rates(world.ports, governance, NOW) == ()


@pytest.mark.parametrize("palette", [Away(()), MemoryPalette(())], ids=["away from the start", "without rates"])
def test_without_rates_nothing_is_kept(tmp_path: Path, palette: MemoryPalette) -> None:
    world = rated(tmp_path, palette)

    assert private_rates(world.ports, home_governance(world.ports), NOW) == ()
    assert world.ports.documents.find(KEPT) is None
