"""`make bench`: one JSON line per row of the numbers that the design promises, as ratios taken in one run.

    run.py [row …] [--scale 0.05] [--repeats 3] [--markdown docs/benchmarks.md]

The lines go to stdout, what is going on to stderr. A row that misses its bar makes the exit code 1; the other rows are measured all
the same. A smaller scale is for a quick look: rows whose bar speaks of a full month or of 1,000 pools say at which scale they were taken.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.bench import (
    attribution_growth,
    attribution_pandas,
    attribution_scan,
    forge_calls,
    load,
    receive_rows,
    rightsizing,
    scale,
    yaml_edit,
)
from tests.bench.page import page
from tests.bench.results import Failed, Options, Row

ROWS: dict[str, Callable[[Options], Row]] = {
    "attribution-vs-scan": attribution_scan.measure,
    "attribution-vs-pandas": attribution_pandas.measure,
    "attribution-growth": attribution_growth.measure,
    "receive-cold": receive_rows.cold,
    "receive-rps": receive_rows.rate,
    "receive-load": load.receive,
    "queue-load": load.queue,
    "rightsizing-1000-pools": rightsizing.measure,
    "edit-5000-lines": yaml_edit.measure,
    "forge-calls-github": forge_calls.github,
    "forge-calls-gitlab": forge_calls.gitlab,
    "propose-1000-clusters": scale.measure,
}


LARGEST = 10
"""Ten times a full month: 65 million pod-hours. `run.py attribution-growth --scale 10 --repeats 1` takes an hour and 15 GB of disk."""


def measured(measure: Callable[[Options], Row], name: str, options: Options) -> Row:
    """The row, or what broke it: one broken row must not hide the others, and it fails the run."""
    try:
        return measure(options)
    except Exception as error:  # noqa: BLE001 -- see above
        return Failed(row=name, error=f"{type(error).__name__}: {error}")


def main(arguments: Sequence[str], known: Mapping[str, Callable[[Options], Row]] = ROWS) -> int:
    """Measure the rows that were asked for."""
    asked = _parser().parse_args(arguments)
    rows = []
    with tempfile.TemporaryDirectory(prefix="trimtab-bench-") as scratch:
        for name in asked.rows or known:
            _tell(f"{name} …")
            options = Options(scratch=Path(scratch), tell=_tell, scale=asked.scale, repeats=asked.repeats)
            rows.append(measured(known[name], name, options))
            print(json.dumps(rows[-1].to_json(), ensure_ascii=False), flush=True)
    if asked.markdown:
        before = asked.markdown.read_text() if asked.markdown.exists() else ""
        asked.markdown.write_text(page(rows, os.getloadavg()[2], tuple(known), before))
    return 0 if all(row.ok for row in rows) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="run.py", description="Measure what the design promises; one JSON line per row.")
    parser.add_argument("rows", nargs="*", metavar="row", choices=[[], *ROWS], help=f"one of {', '.join(ROWS)}; all where none is named")
    parser.add_argument(
        "--scale", type=_share, help="share of the full size; by default each row's own, which it states; attribution goes to 10"
    )
    parser.add_argument("--repeats", type=int, default=3, help="turns of each side; the median counts")
    parser.add_argument("--markdown", type=Path, help="also write the rows as a page")
    return parser


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value <= LARGEST:
        raise argparse.ArgumentTypeError(f"{text}: expected a number above 0, at most {LARGEST}")
    return value


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
