"""`python -m tests.whole.on_aws FOLDER BUNDLES FORGE SEED`: deploys to AWS's stand-in, tells the story twice, and writes told.json.

It runs under the clock of `clock.py`, and so does everything that it starts. The second time processes are killed in the middle of their
work and everything is delivered twice. With the seed "small" only usage lands, through the one function that reads it.
"""

import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from infra.bundles.alone import Unpacked
from tests.infra.aws_front import Front
from tests.infra.aws_front import aws as aws_server
from tests.infra.iam_policies import FUNCTIONS
from tests.infra.terraform import bundles as stand_ins
from tests.whole.aws import PREFIX, STORE, Aws, apply, environment_of_readers, lies_ready, running
from tests.whole.clock import Clock
from tests.whole.deaths import Deaths, drawn
from tests.whole.estate import Drops, Estate, Ports, outside
from tests.whole.repositories import Kind
from tests.whole.story import MORNING, STEPS, Story, end

NOTICE = Path(__file__).parents[2] / "events" / "alert" / "aws_budget_sns_actual_monthly.json"
DEATHS = 2
"""Of each function at each place that it calls, in the second telling."""


def whole(folder: Path, bundles: Path, kind: Kind, seed: int) -> dict[str, Any]:
    """Everything, twice."""
    told: dict[str, Any] = {"took": {}, "seed": seed}
    with aws_server() as front:
        place = _deployed(front, folder, bundles, kind, told["took"])
        code = lies_ready(bundles, folder / "code")
        told["calm"] = _told(folder / "calm", front, code, place, Deaths())
        told["chaos"] = _told(folder / "chaos", front, code, place, Deaths(drawn(seed, told["calm"]["calls"], DEATHS)))
    return told


def small(folder: Path, bundles: Path) -> dict[str, Any]:
    """Usage lands, and the one function that reads it does so."""
    told: dict[str, Any] = {"took": {}}
    with aws_server() as front:
        ready = stand_ins(folder / "bundles", list(FUNCTIONS))
        shutil.copy(bundles / "ingest.zip", ready)
        place = _deployed(front, folder, ready, "github", told["took"])
        code = lies_ready(ready, folder / "code", ["ingest"])
        clock, deaths = Clock.of_this_process(), Deaths()
        with place.world(folder / "small", deaths) as estate, running(front, code, folder / "small", clock, deaths) as cloud:
            environment_of_readers(cloud)
            story = Story(estate, cloud, clock, place.drops, folder)
            told["due"] = {name: f"{cloud.due(name, story.moment):%d %H:%M}" for name, each in FUNCTIONS.items() if "schedule" in each}
            story.land(place.drops.usage())
            told["took"]["landed"] = cloud.lambdas[f"{PREFIX}-ingest"].took
            status = json.loads(cloud.command("status", "--format", "json").partition("\n]")[0] + "\n]")
            told["usage"] = [line["item"] for line in status if line["item"].startswith("usage of")]
            return {**told, "queues": cloud.waiting(), "refused": cloud.refused()}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a deployment looks for the outside, and what lands there."""

    kind: Kind
    ports: Ports
    drops: Drops

    def world(self, folder: Path, deaths: Deaths) -> AbstractContextManager[Estate]:
        """A fresh estate at that place."""
        return outside(folder, self.kind, deaths, self.ports)


def _deployed(front: Front, folder: Path, bundles: Path, kind: Kind, took: dict[str, float]) -> Place:
    """Terraform's part, with a world whose place the next ones take."""
    with outside(folder / "first", kind, Deaths()) as estate:
        drops = Drops.made(folder / "drops", f"s3://{STORE}")
        begun = time.monotonic()
        apply(front, folder, bundles, estate)
        took["apply"] = round(time.monotonic() - begun, 1)
        return Place(kind, estate.ports, drops)


def _told(folder: Path, front: Front, code: Mapping[str, Unpacked], place: Place, deaths: Deaths) -> dict[str, Any]:
    """One telling, from an empty store to its end; where deaths are planned, everything is delivered twice as well."""
    clock = Clock.of_this_process()
    clock.set(datetime.fromisoformat(MORNING))
    (folder / "aside").mkdir(parents=True)
    with place.world(folder, deaths) as estate, running(front, code, folder, clock, deaths) as cloud:
        cloud.empty()
        cloud.is_twice = bool(deaths.plan)
        environment_of_readers(cloud)
        story = Story(estate, cloud, clock, place.drops, folder / "aside")
        took = {step.__name__: _timed(step, story) for step in (*STEPS, a_budget_passes_its_threshold)}
        return {"end": end(story), "took": took, "queues": cloud.waiting(), "verified": cloud.command("ledger", "verify"), **_of(cloud)}


def a_budget_passes_its_threshold(story: Story) -> None:
    """AWS Budgets publishes to the topic that Terraform made for it, and `alert` subscribed to."""
    assert isinstance(story.cloud, Aws)
    notice = json.loads(NOTICE.read_text())["Records"][0]["Sns"]
    story.cloud.notice("budgets", notice["Subject"], notice["Message"])
    story.settle()


def _timed(step: Callable[[Story], None], story: Story) -> float:
    begun = time.monotonic()
    step(story)
    return round(time.monotonic() - begun, 1)


def _of(cloud: Aws) -> dict[str, Any]:
    return {
        "failures": cloud.failures,
        "deaths": cloud.deaths.told,
        "ahead": cloud.deaths.ahead(),
        "served": {name: function.took for name, function in cloud.lambdas.items()},
        "refused": cloud.refused(),
        "calls": cloud.deaths.calls(),
    }


def main(folder: Path, bundles: Path, kind: Kind, seed: str) -> None:
    """Write told.json."""
    told = small(folder, bundles) if seed == "small" else whole(folder, bundles, kind, int(seed))
    (folder / "told.json").write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), "gitlab" if sys.argv[3] == "gitlab" else "github", sys.argv[4])
