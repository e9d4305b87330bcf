"""`python -m tests.whole.on_aws FOLDER [SEED]`: deploys to AWS's stand-in, tells the story twice, and writes what came of it to told.json.

It runs under the clock of `clock.py`, and so does everything that it starts. The second time processes are killed in the middle of their
work and everything is delivered twice. With the seed "small" only usage lands, through the one function that reads it.
"""

import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from infra.bundles.alone import Unpacked
from tests.infra.aws_front import Front
from tests.infra.aws_front import aws as aws_server
from tests.infra.iam_policies import FUNCTIONS
from tests.infra.terraform import bundles as stand_ins
from tests.whole.aws import PREFIX, STORE, Aws, Chaos, apply, environment_of_readers, lies_ready, running
from tests.whole.clock import Clock
from tests.whole.estate import Drops, Ports, outside
from tests.whole.story import MORNING, STEPS, Story, end

NOTICE = Path(__file__).parents[2] / "events" / "alert" / "aws_budget_sns_actual_monthly.json"
DEATHS = 2
"""Of each function, in the second telling."""


def whole(folder: Path, bundles: Path, seed: int) -> dict[str, Any]:
    """Everything, twice."""
    told: dict[str, Any] = {"took": {}, "seed": seed}
    with aws_server() as front:
        drops, ports = _deployed(front, folder, bundles, told["took"])
        code = lies_ready(bundles, folder / "code")
        told["calm"] = _told(folder / "calm", front, code, drops, ports, None)
        chaos = Chaos(seed, told["calm"]["calls"], DEATHS)
        told["plan"] = chaos.plan()
        told["chaos"] = _told(folder / "chaos", front, code, drops, ports, chaos)
    return told


def small(folder: Path, bundles: Path) -> dict[str, Any]:
    """Usage lands, and the one function that reads it does so."""
    told: dict[str, Any] = {"took": {}}
    with aws_server() as front:
        ready = stand_ins(folder / "bundles", list(FUNCTIONS))
        shutil.copy(bundles / "ingest.zip", ready)
        drops, ports = _deployed(front, folder, ready, told["took"])
        code = lies_ready(ready, folder / "code", ["ingest"])
        clock = Clock.of_this_process()
        with outside(folder / "small", ports) as estate, running(front, code, folder / "small", clock) as cloud:
            environment_of_readers(cloud)
            story = Story(estate, cloud, clock, drops, folder)
            story.land(drops.usage())
            told["took"]["landed"] = cloud.lambdas[f"{PREFIX}-ingest"].took
            status = json.loads(cloud.command("status", "--format", "json").partition("\n]")[0] + "\n]")
            told["usage"] = [line["item"] for line in status if line["item"].startswith("usage of")]
            return {**told, "queues": cloud.waiting(), "refused": cloud.refused()}


def _deployed(front: Front, folder: Path, bundles: Path, took: dict[str, float]) -> tuple[Drops, Ports]:
    """Terraform's part, with a world whose places the next ones take."""
    with outside(folder / "first") as estate:
        drops = Drops.made(folder / "drops", f"s3://{STORE}")
        begun = time.monotonic()
        apply(front, folder, bundles, estate)
        took["apply"] = round(time.monotonic() - begun, 1)
        return drops, estate.ports


def _told(folder: Path, front: Front, code: Mapping[str, Unpacked], drops: Drops, ports: Ports, chaos: Chaos | None) -> dict[str, Any]:
    """One telling, from an empty store to its end."""
    clock = Clock.of_this_process()
    clock.set(datetime.fromisoformat(MORNING))
    (folder / "aside").mkdir(parents=True)
    with outside(folder, ports) as estate, running(front, code, folder, clock) as cloud:
        cloud.empty()
        if chaos:
            cloud.break_down(chaos)
        environment_of_readers(cloud)
        story = Story(estate, cloud, clock, drops, folder / "aside")
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
        "killed": {name: function.killed for name, function in cloud.lambdas.items()},
        "served": {name: function.took for name, function in cloud.lambdas.items()},
        "refused": cloud.refused(),
        "calls": cloud.calls(),
    }


def main(folder: Path, bundles: Path, seed: str) -> None:
    """Write told.json."""
    told = small(folder, bundles) if seed == "small" else whole(folder, bundles, int(seed))
    (folder / "told.json").write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
