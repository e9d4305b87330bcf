"""`python -m tests.whole.google_story FOLDER BUNDLES SEED`: deploys to Google's stand-in, tells the story twice, and writes told.json.

It runs under the clock of `clock.py`, and so does everything that it starts. The second time processes are killed in the middle of their
work and everything is delivered twice.
"""

import base64
import json
import signal
import sys
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from tests.infra.test_terraform_gcp import STORE
from tests.whole.clock import Clock
from tests.whole.deaths import Deaths, drawn
from tests.whole.estate import Drops, Estate, outside
from tests.whole.google_cloud import GoogleCloud, Made, made, running
from tests.whole.google_run import Killer
from tests.whole.story import MORNING, STEPS, Story, changes_are_proposed, end
from trimtab.demo.budgets import pubsub_event

DEATHS = 2
"""Of each function, in the second telling, whatever it does at that moment."""
DEATHS_OUTSIDE = 2
"""Of each function at each place of the outside that it calls."""


def a_budget_is_passed(story: Story, cloud: GoogleCloud) -> None:
    """Cloud Billing says so, after a heartbeat that says nothing."""
    story.at("03 06:15")
    for threshold in (None, 0.9):
        message = pubsub_event(threshold).data["message"]
        cloud.notice(message["attributes"], base64.b64decode(message["data"]))
    story.settle()


def _steps(cloud: GoogleCloud) -> list[tuple[str, Callable[[Story], None]]]:
    budget = (a_budget_is_passed.__name__, partial(a_budget_is_passed, cloud=cloud))
    steps = [(step.__name__, step) for step in STEPS]
    after = STEPS.index(changes_are_proposed) + 1
    return [*steps[:after], budget, *steps[after:]]


def whole(folder: Path, bundles: Path, seed: int) -> dict[str, Any]:
    """Everything, twice."""
    clock = Clock.of_this_process()
    drops = Drops.made(folder / "drops", f"gs://{STORE}")
    begun = time.monotonic()
    with outside(folder / "first", "github", Deaths()) as estate:
        deployed, ports = made(folder / "made", estate, bundles), estate.ports
    told: dict[str, Any] = {"seed": seed, "deployed": round(time.monotonic() - begun, 1)}
    killer, deaths = None, Deaths()
    for name in ("calm", "chaos"):
        clock.set(datetime.fromisoformat(MORNING))
        with outside(folder / name, "github", deaths, ports) as estate:
            told[name] = _told(folder / name, deployed, estate, clock, drops, deaths, killer)
        killer, deaths = Killer(seed, DEATHS, told[name]["usual"]), Deaths(drawn(seed, told[name]["calls"], DEATHS_OUTSIDE))
    return told


def _told(
    folder: Path, deployed: Made, estate: Estate, clock: Clock, drops: Drops, deaths: Deaths, killer: Killer | None
) -> dict[str, Any]:
    """One telling, from empty buckets to its end."""
    (folder / "aside").mkdir()
    with running(deployed, folder / "cloud", estate, clock, deaths, killer=killer) as cloud:
        story = Story(estate, cloud, clock, drops, folder / "aside")
        took = {name: _timed(step, story) for name, step in _steps(cloud)}
        return {
            "took": took,
            "end": end(story),
            "verified": cloud.command("ledger", "verify"),
            "dead": {name: len(messages) for name, messages in cloud.pubsub.dead().items()},
            "refused": cloud.refused(),
            "served": {name: len(each.took) for name, each in cloud.services.items()},
            "usual": {name: median(each.took) for name, each in cloud.services.items() if each.took},
            "killed": {name: killer.killed.get(name, 0) for name in cloud.services} if killer else {},
            "deaths": [*(killer.told if killer else []), *deaths.told],
            "ahead": deaths.ahead(),
            "calls": deaths.calls(),
            "pushes": len(cloud.pubsub.attempts),
            "again": [attempt for attempt in cloud.pubsub.attempts if attempt[2] != 200],
        }


def _timed(step: Callable[[Story], None], story: Story) -> float:
    begun = time.monotonic()
    step(story)
    return round(time.monotonic() - begun, 1)


def _stopped(*_: object) -> None:
    """Whoever waits for us gave up: everything that was started ends, too."""
    raise SystemExit(1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stopped)
    place = Path(sys.argv[1])
    (place / "told.json").write_text(json.dumps(whole(place, Path(sys.argv[2]), int(sys.argv[3])), indent=1))
