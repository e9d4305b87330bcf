"""docs/scale.md: a run over a thousand clusters and one over a tenth of them, and ingests that land at once. Numbers are never typed.

python -m tests.bench.scale_page [--clusters 1000] [--page docs/scale.md]
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.bench import scale
from tests.bench.page import machine
from tests.bench.results import Options
from tests.bench.scale import CALLS_AN_HOUR, CLUSTERS, FORGE, PALETTE, STORE, WRITES_A_MINUTE, Ran, Step, growth, missed, run_over
from tests.bench.scale_estate import DAYS
from tests.bench.scale_world import FUNCTION
from tests.flow.at_once import at_once, drop, loaded, stored
from trimtab.adapters.palette.pace import FAST
from trimtab.flow.ingest_usage import ATTEMPTS
from trimtab.flow.propose import PART_SECONDS
from trimtab.flow.runs import ANSWERED_WITHIN

INGESTS = ((2, 2), (6, 6), (10, 10), (6, 1))
"""Drops that land at once, and of how many clusters they are."""
HOURS = 24
HEAD = """# Scale

Made by `python -m tests.bench.scale_page` (`make scale-page`); do not edit by hand. `make bench` measures the row
`propose-1000-clusters` on a smaller estate, and tests/flow/test_scale.py holds the counts."""


@dataclass(frozen=True, slots=True)
class Ingests:
    """Drops that landed at once on one usage table."""

    at_once: int
    clusters: int
    lost: int
    """Hours that were in a drop and are not in the table."""
    again: int
    """Commits that were made again because another one came first."""


def ingests_of(count: int, clusters: int, root: Path) -> Ingests:
    """Measured on a table of its own; each drop brings hours of its own."""
    root.mkdir(parents=True)
    commits: list[int | None] = []
    hours = HOURS * clusters // count
    drops = [drop(root, f"c-{n % clusters}", (n // clusters * hours, (n // clusters + 1) * hours)) for n in range(count)]
    at_once([partial(loaded, root, n, url, commits) for n, url in enumerate(drops)])
    there = sum(int(str(rows)) for _, rows in stored(root))
    return Ingests(count, clusters, count * hours - there, sum(version is None for version in commits))


def page(few: Ran, many: Ran, ingests: Sequence[Ingests], load: float) -> str:
    """The whole page."""
    return (
        "\n\n".join((HEAD, _run(few, many), _growth(few, many), _silent(many), _limits(few, many), _at_once(ingests), _machine(load)))
        + "\n"
    )


def _run(few: Ran, many: Ran) -> str:
    rows = "\n".join(_row(ran, step) for ran in (few, many) for step in ran.steps)
    requests = "\n".join(_requests(ran, step) for ran in (few, many) for step in ran.steps)
    network = (
        f"{1000 * STORE:.0f} ms for every request to the store, {1000 * PALETTE:.0f} ms to Palette and {1000 * FORGE:.0f} ms to the forge"
    )
    return f"""## One run, by its three steps

`propose` has {FUNCTION["timeout_s"]} seconds and {FUNCTION["memory_mb"]} MB, and runs once at a time (infra/terraform).
A queue hands it {FUNCTION["batch"]} messages a call. Every cluster has two pools, {DAYS} days of hourly usage in a Delta table, a file in
a GitOps repo on a GitHub over HTTP, and a month on the bill. Palette answers over HTTP and is asked at the pace that it documents,
{FAST} requests a second. All of it answers on loopback, so each time is told twice: as it was here, and with
{network}, one after the other.

| clusters | step | messages | invocations | processor | longest here | longest with a network | all with a network | peak memory |
|---|---|---|---|---|---|---|---|---|
{rows}

| clusters | step | store: get | put | head | list | Palette | forge |
|---|---|---|---|---|---|---|---|
{requests}

The clock's tick is one message, each cluster is one, and so is each part of the opening: one hands on to the next after
{PART_SECONDS:.0f} seconds."""


def _row(ran: Ran, step: Step) -> str:
    return (
        f"| {ran.clusters} | {step.name} | {step.messages} | {len(step.invocations)} | {step.busy:.1f} s | {step.longest:.1f} s "
        f"| {step.longest_with_network:.1f} s | {step.with_network / 60:.1f} min | {step.peak_mib:.0f} MiB |"
    )


def _requests(ran: Ran, step: Step) -> str:
    kinds = " | ".join(str(step.store[kind]) for kind in ("get", "put", "head", "list"))
    return f"| {ran.clusters} | {step.name} | {kinds} | {step.palette} | {step.forge} |"


def _growth(few: Ran, many: Ran) -> str:
    rows = "\n".join(f"- {name}: {ratio:.1f}×" for name, ratio in growth(few, many).items())
    return f"""## Growth

{many.clusters} clusters against {few.clusters}, per ten times the clusters that were analyzed; at most {scale.GROWTH:.0f}×:

{rows}"""


def _silent(many: Ran) -> str:
    named = "both were named in the end" if many.named == many.lost else f"named in the end were {len(many.named)} of {len(many.lost)}"
    return f"""## Who does not answer

For one cluster Palette failed for good, and the message of another was never delivered: {named}, and the run went on
without them {ANSWERED_WITHIN.total_seconds() / 3600:.0f} hours after it began. The reason stands in the log (`finding.refused`) and in
the run's list of what was not opened."""


def _limits(few: Ran, many: Ran) -> str:
    calls, writes = sum(step.forge for step in many.steps), sum(step.writes for step in many.steps)
    analyzed = many.step(scale.ANALYZED)
    told = missed(few, many)
    passed = "No limit is passed." if not told else "**Passed:** " + "; ".join(told) + "."
    return f"""## Limits

| limit | of | used by the run over {many.clusters} clusters |
|---|---|---|
| time of an invocation | {FUNCTION["timeout_s"]} s | {max(step.longest_with_network for step in many.steps):.0f} s |
| memory | {FUNCTION["memory_mb"]} MB | {max(step.peak_mib for step in many.steps):.0f} MiB |
| time until the last cluster is analyzed | {ANSWERED_WITHIN.total_seconds() / 60:.0f} min | {analyzed.with_network / 60:.0f} min |
| requests to GitHub in an hour | {CALLS_AN_HOUR} | {calls} |
| things made on GitHub in a minute | {WRITES_A_MINUTE} | {writes} in the whole run |
| pull requests in an hour, by policy | 4 | {many.opened} |

{passed}"""


def _at_once(ingests: Sequence[Ingests]) -> str:
    rows = "\n".join(f"| {each.at_once} | {each.clusters} | {each.lost} | {each.again} |" for each in ingests)
    return f"""## At once

Drops that land in the same moment are commits on one Delta table. Those of several clusters do not disturb each other; of
those of one cluster and day, who comes second reads and merges again, up to {ATTEMPTS} times before the queue delivers anew.

| drops at once | clusters | hours lost | merges made again |
|---|---|---|---|
{rows}

tests/flow/test_many_at_once.py has twenty receives and five merges in the same moment: each request is recorded once, and one
of them merges."""


def _machine(load: float) -> str:
    return f"## Machine\n\n{machine(load)}"


def main(arguments: Sequence[str]) -> int:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(prog="scale_page.py", description="Measure a run over many clusters and write it down.")
    parser.add_argument("--clusters", type=int, default=CLUSTERS)
    parser.add_argument("--page", type=Path, default=Path("docs/scale.md"))
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="trimtab-scale-") as scratch:
        options = Options(scratch=Path(scratch), tell=lambda text: print(text, file=sys.stderr, flush=True))
        few, many = run_over(max(scale.FEWEST, asked.clusters // 10), options), run_over(asked.clusters, options)
        ingests = [ingests_of(*each, Path(scratch) / f"ingests-{number}") for number, each in enumerate(INGESTS)]
    asked.page.write_text(page(few, many, ingests, os.getloadavg()[2]))
    return 1 if missed(few, many) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
