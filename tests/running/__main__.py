"""`python -m tests.running`: measure, and write infra/running/measured.json; docs/running-cost.md is made of it.

python -m tests.running                  # estates of 10 and 100 clusters
python -m tests.running 10 30            # of other sizes
python -m tests.running --resources      # count the resources of both Terraform trees anew, and leave the rest
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from infra.running.work import MEASURED, table
from tests.bench.month import PODS_PER_NODE
from tests.running.demo import morning
from tests.running.drops import NODES, attribution_events
from tests.running.estates import DROP, events_over
from tests.running.resources import aws_resources, google_resources
from tests.running.world import Work

ROOT = Path(__file__).parents[2]
SIZES = (10, 100)
RUNS = 3
BY_DEMO = ("receive request", "merge message", "alert message", "verify message")
_IMPORT = (
    "import time, importlib; begun = time.process_time(); importlib.import_module('functions.{}.aws'); print(time.process_time() - begun)"
)
Summary = dict[str, Any]


def summary(works: Sequence[Work]) -> Summary:
    """The mean of some calls, and the highest peak."""

    def mean(of: Callable[[Work], float]) -> float:
        return round(sum(of(work) for work in works) / len(works), 4)

    folders = {folder for work in works for folder in work["stored"]}
    return {
        "n": len(works),
        "cpu": mean(lambda work: work["cpu"]),
        "gets": mean(lambda work: work["requests"].get("get", 0) + work["requests"].get("head", 0)),
        "puts": mean(lambda work: work["requests"].get("put", 0) + work["requests"].get("list", 0)),
        "calls": mean(lambda work: work["calls"]),
        "messages": mean(lambda work: sum(_wakes(key) for key in work["messages"])),
        "log_bytes": mean(lambda work: work["log_bytes"]),
        "peak_mib": round(max(work["peak_mib"] for work in works), 1),
        "stored": {folder: mean(lambda work, folder=folder: work["stored"].get(folder, 0)) for folder in sorted(folders)},  # type: ignore[misc]
    }


def _wakes(key: str) -> bool:
    """Whether the bucket sends a message of it."""
    prefixes = [prefix for each in table("aws").values() for prefix in each.get("inbox", ())]
    return any(key.removeprefix("inbox/").startswith(prefix) for prefix in prefixes)


def imports() -> dict[str, float]:
    """Seconds of processor time of a fresh process without bytecode, for each function."""
    return {function: round(median(_import(function) for _ in range(RUNS)), 3) for function in table("aws")}


def _import(function: str) -> float:
    with tempfile.TemporaryDirectory() as empty:
        environ = {**os.environ, "PYTHONPYCACHEPREFIX": empty, "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-c", _IMPORT.format(function)]
        return float(subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=True).stdout)


def machine() -> dict[str, str]:
    """What it was measured on."""
    model = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    return {
        "processor": model.partition(":")[2].strip(), "cores": str(os.cpu_count()), "python": sys.version.split()[0],
        "day": f"{datetime.now(UTC):%Y-%m-%d}",
    }  # fmt: skip


def measure(sizes: Sequence[int], folder: Path) -> dict[str, dict[str, Summary]]:
    """Event → size → what it took."""
    found: dict[str, dict[str, Summary]] = {}
    for clusters in sizes:
        for event, works in events_over(clusters, folder / f"estate-{clusters}").items():
            drop = event.removeprefix(DROP)
            if drop == event:
                found.setdefault(event, {})[str(clusters)] = summary(works)
            elif clusters == sizes[-1]:
                found.setdefault("ingest drop", {})[drop] = summary(works)
    for nodes in NODES:
        for event, works in attribution_events(folder / f"attribution-{nodes}", nodes).items():
            found.setdefault(f"ingest {event}", {})[str(nodes * PODS_PER_NODE)] = summary(works)
    found["ingest again"] = {"0": next(iter(found["ingest again"].values()))}
    called = morning(folder / "morning")
    return found | {event: {"0": summary(called[event])} for event in BY_DEMO}


def written(found: Mapping[str, Any]) -> None:
    """The file, sorted, so that a second measuring shows what changed."""
    MEASURED.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


def main(arguments: Sequence[str]) -> int:
    """Exit 0 = it is written."""
    with tempfile.TemporaryDirectory(prefix="running-") as place:
        folder = Path(place)
        resources = {"aws": aws_resources(folder / "aws"), "google": google_resources(folder / "google")}
        if "--resources" in arguments:
            written({**json.loads(MEASURED.read_text()), "resources": resources})
            return 0
        events = measure([int(each) for each in arguments] or SIZES, folder)
        written({"machine": machine(), "imports": imports(), "resources": resources, "events": events})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
