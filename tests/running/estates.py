"""What the clock and a run ask of every function, over estates of so many clusters."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

from tests.bench.scale_estate import NOW
from tests.bench.scale_world import FUNCTION, estate_of
from tests.running.drops import drop_events
from tests.running.world import Cloud, Work, cloud_of, messages, tick

TICKS = ("collect", "alert", "learn", "report", "ingest")
DROP = "ingest drop of "
"""How the event of a drop begins; the number of pods is its end."""
PODS = (200, 2000)
"""Sizes of a cluster whose drops are measured."""


def events_over(clusters: int, root: Path) -> dict[str, list[Work]]:
    """Event → what each of its invocations took."""
    shutil.rmtree(root, ignore_errors=True)
    with estate_of(clusters, root) as scale, cloud_of(scale.settings, root / "cloud", root / "store") as cloud:
        found = _run(cloud, NOW)
        found["verify tick"] = cloud.invoke("verify", NOW.replace(minute=5), [tick(NOW.replace(minute=minute)) for minute in (5, 10)])[1:]
        found["verify hour"] = cloud.invoke("verify", NOW + timedelta(hours=1), [tick(NOW + timedelta(hours=1))])
        for function in TICKS:
            found[f"{function} tick"] = cloud.invoke(function, NOW, [tick(NOW)])
        for cluster, pods in enumerate(PODS):
            found[f"{DROP}{pods}"] = drop_events(cloud, pods, cluster)
        return found


def _run(cloud: Cloud, at: datetime) -> dict[str, list[Work]]:
    """A day's run: planned, analyzed cluster by cluster, opened."""
    found = {"propose plan": cloud.invoke("propose", at, [tick(at)])}
    waiting = _asked(found["propose plan"])
    found["propose analyze"] = _batches(cloud, at, waiting)
    found["propose open"] = []
    while waiting := _asked(found["propose open"][-1:] or found["propose analyze"]):
        found["propose open"] += cloud.invoke("propose", at, [messages([key]) for key in waiting])
    return found


def _batches(cloud: Cloud, at: datetime, keys: list[str]) -> list[Work]:
    batch = int(FUNCTION["batch"])
    return cloud.invoke("propose", at, [messages(keys[start : start + batch]) for start in range(0, len(keys), batch)])


def _asked(works: list[Work]) -> list[str]:
    return [key for work in works for key in work["messages"] if key.startswith("inbox/propose/")]
