"""The clock's collecting: each cluster from its own endpoint, by its own labels, and what one lacks is no other's fault."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.flow.flow_world import make_world
from trimtab.adapters.memory import MemoryPalette
from trimtab.errors import BadInput, Upstream
from trimtab.flow.collect_all import collect_all, collect_one
from trimtab.flow.wake import Wake
from trimtab.ports import Ports
from trimtab.records import Cluster, ClusterUid, MetricSeries
from trimtab.settings import MetricsEndpoint, Settings

NOW = datetime(2026, 8, 3, 9, 5, tzinfo=UTC)
A, B = ClusterUid("uid-a"), ClusterUid("uid-b")


@dataclass
class Nothing:
    """A Prometheus that is there and has nothing; it remembers what it was asked."""

    asked: list[tuple[str, datetime, datetime]] = field(default_factory=list)

    def range(self, query: str, start: datetime, end: datetime, step: int) -> tuple[MetricSeries, ...]:
        del step
        self.asked.append((query, start, end))
        return ()

    def now(self) -> datetime:
        return NOW


@dataclass
class Scene:
    """Two clusters, and the store of each."""

    ports: Ports
    stores: dict[ClusterUid, Nothing]


Make = Callable[..., Scene]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def scene(*endpoints: MetricsEndpoint, **more: Any) -> Scene:
        world = make_world(tmp_path)
        live = world.palette.known[0]
        clusters = (replace(live, uid=A, name="a"), replace(live, uid=B, name="b"))
        stores = {A: Nothing(), B: Nothing()}
        settings = Settings(store=(tmp_path / "store").as_uri(), metrics=endpoints, **more)
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        changes: dict[str, Any] = {
            "settings": settings,
            "palette": MemoryPalette(clusters),
            "metrics": stores.__getitem__,
            "scratch": scratch,
        }
        return Scene(replace(world.ports, **changes), stores)

    return scene


def wake() -> Wake:
    return Wake(key="inbox/clock/collect/2026-08-03T09:05:00Z")


def test_each_cluster_is_asked_for_by_the_labels_of_its_own_settings(make: Make) -> None:
    ends = [
        MetricsEndpoint(
            cluster_uid=uid,
            url="https://monitoring.googleapis.com/v1/p",
            auth="google",
            matchers={"cluster": uid},
            labels_set_by_store=True,
        )
        for uid in (A, B)
    ]
    scene = make(*ends)

    collect_all(wake(), scene.ports, NOW)

    for uid, store in scene.stores.items():
        assert store.asked
        assert all(query.count(f'cluster="{uid}"') == query.count("{") for query, _, _ in store.asked)


def test_a_cluster_without_an_endpoint_is_read_from_the_fallback_and_one_with_a_broken_one_is_not(make: Make) -> None:
    """Else whoever can stop a Prometheus could choose the weaker source."""
    scene = make(MetricsEndpoint(cluster_uid=A, url="https://a.example"), MetricsEndpoint(cluster_uid=A, url="https://b.example"))
    asked: list[tuple[str, datetime, datetime]] = []

    def fallback(cluster: Cluster, start: datetime, end: datetime, ports: Ports, now: datetime) -> int:
        del ports, now
        asked.append((cluster.name, start, end))
        return 7

    with pytest.raises(Upstream, match=r"^a: settings\.metrics: cluster uid-a is there 2 times"):
        collect_all(wake(), scene.ports, NOW, fallback=fallback)

    assert asked == [("b", datetime(2026, 8, 2, tzinfo=UTC), NOW.replace(minute=0))]


def test_hours_that_the_lake_lacks_are_asked_for_again_but_not_for_ever(make: Make) -> None:
    """A Prometheus that was down over the weekend still has Saturday; a cluster that is gone must not cost a month of questions."""
    scene = make(MetricsEndpoint(cluster_uid=A, url="https://a.example"), MetricsEndpoint(cluster_uid=B, url="https://b.example"))
    documents = scene.ports.documents
    documents.publish(f"demand/{A}", {"hour": "2026-08-01T04:00:00+00:00"})
    documents.publish(f"demand/{B}", {"hour": "2026-01-01T00:00:00+00:00"})

    collect_all(wake(), scene.ports, NOW)

    first = {uid: min(start for _, start, _ in store.asked) - timedelta(seconds=300) for uid, store in scene.stores.items()}
    assert first == {A: datetime(2026, 8, 1, 5, tzinfo=UTC), B: datetime(2026, 7, 30, tzinfo=UTC)}


@pytest.mark.parametrize("hour", ["", "soon", "2026-08-01T04:00:00", None, "2027-01-01T00:00:00+00:00"])
def test_a_newest_hour_that_is_none_changes_nothing(hour: object, make: Make) -> None:
    scene = make(MetricsEndpoint(cluster_uid=A, url="https://a.example"))
    scene.ports.documents.publish(f"demand/{A}", {"hour": hour})

    collect_one(scene.ports.palette.clusters()[0], scene.ports, NOW)

    assert min(start for _, start, _ in scene.stores[A].asked) - timedelta(seconds=300) == datetime(2026, 8, 2, tzinfo=UTC)


@dataclass
class Watched(MemoryPalette):
    """A Palette that remembers which clusters were looked into, and lets nobody look into all."""

    looked: list[ClusterUid] = field(default_factory=list)

    def cluster(self, uid: ClusterUid) -> Cluster | None:
        self.looked.append(uid)
        return MemoryPalette.cluster(self, uid)

    def clusters(self) -> tuple[Cluster, ...]:
        raise AssertionError("every cluster was looked into")


def test_of_a_cluster_that_pushes_its_usage_nothing_is_read_and_of_the_others_all(make: Make) -> None:
    """A thousand clusters that push are a few pages of names, not thousands of questions and a drop of each."""
    scene = make()
    palette = Watched(scene.ports.palette.clusters())
    ports = replace(scene.ports, palette=palette)
    ports.documents.publish(f"demand/{A}", {"hour": "2026-08-03T08:00:00+00:00", "collected": "2026-08-03T08:00:00+00:00"})

    said = collect_all(wake(), ports, NOW, fallback=lambda *_: 7)

    assert (palette.looked, said) == ([B], "7 rows from 1 clusters; 1 push theirs")


@pytest.mark.parametrize(
    ("collected", "is_asked"),
    [
        ("2026-08-03T08:00:00+00:00", False),
        ("2026-08-01T21:05:00+00:00", False),
        ("2026-08-01T21:00:00+00:00", True),
        ("2026-08-03T10:00:00+00:00", True),
        ("2026-08-03T08:00:00", True),
        ("soon", True),
        ("", True),
        (None, True),
        (7, True),
    ],
    ids=["an hour ago", "36 hours ago", "longer ago", "not yet", "no zone", "no time", "never", "unknown", "a number"],
)
def test_whoever_has_fallen_silent_or_was_never_seen_is_asked_for_though_palettes_own_hours_are_young(
    collected: object, is_asked: bool, make: Make
) -> None:
    """`hour` is the newest of any source: were it looked at, Palette's own answer would end the asking."""
    scene = make()
    for uid in (A, B):
        scene.ports.documents.publish(f"demand/{uid}", {"hour": "2026-08-03T08:00:00+00:00", "collected": collected})

    said = collect_all(wake(), scene.ports, NOW, fallback=lambda *_: 7)

    assert said == ("14 rows from 2 clusters; 0 push theirs" if is_asked else "0 rows from 0 clusters; 2 push theirs")


def test_a_cluster_with_an_endpoint_is_read_there_whatever_it_pushes(make: Make) -> None:
    scene = make(MetricsEndpoint(cluster_uid=A, url="https://a.example"))
    scene.ports.documents.publish(f"demand/{A}", {"collected": "2026-08-03T08:00:00+00:00"})

    collect_all(wake(), scene.ports, NOW, fallback=lambda *_: 0)

    assert scene.stores[A].asked


def test_a_cluster_that_palette_leaves_alone_or_has_no_more_is_nobodys_fault(make: Make) -> None:
    class Gone(MemoryPalette):
        def listed(self) -> dict[ClusterUid, str]:
            return {**super().listed(), ClusterUid("gone"): "gone"}

    scene = make()
    ports = replace(scene.ports, palette=Gone(scene.ports.palette.clusters()))

    assert collect_all(wake(), ports, NOW, fallback=lambda *_: 1) == "2 rows from 2 clusters; 0 push theirs"


def test_one_cluster_that_palette_cannot_read_keeps_nobody_else_from_being_collected(make: Make) -> None:
    class Failing(MemoryPalette):
        def cluster(self, uid: ClusterUid) -> Cluster | None:
            if uid == A:
                raise Upstream("Palette: 500")
            return super().cluster(uid)

    scene = make()
    ports = replace(scene.ports, palette=Failing(scene.ports.palette.clusters()))
    asked: list[str] = []

    def fallback(cluster: Cluster, start: datetime, end: datetime, ports: Ports, now: datetime) -> int:
        del start, end, ports, now
        asked.append(cluster.name)
        return 1

    with pytest.raises(Upstream, match=r"^a: Palette: 500$"):
        collect_all(wake(), ports, NOW, fallback=fallback)
    assert asked == ["b"]


def test_one_url_for_all_clusters_is_refused_for_each_of_them(make: Make) -> None:
    scene = make(metrics_url="https://thanos.example/api")

    with pytest.raises(BadInput, match="cluster_uid"):
        collect_one(scene.ports.palette.clusters()[0], scene.ports, NOW)
    assert scene.stores[A].asked == []
