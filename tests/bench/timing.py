"""Clocks and fresh processes: both sides of a ratio are measured in turns, and memory is read from the process that used it."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, cast

MIB = 1 << 20


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    start = perf_counter()
    work()
    return perf_counter() - start


def in_turns(sides: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """Every side's numbers, measured side by side: whatever else the machine does hits all of them."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, measure in sides.items():
            found[name].append(measure())
    return found


def medians(found: Mapping[str, list[float]]) -> dict[str, float]:
    """The median of each side."""
    return {name: median(values) for name, values in found.items()}


def peak_mib() -> float:
    """The highest resident memory of this process so far.

    From /proc and not from getrusage: a child's ru_maxrss begins at what its parent held when it was forked.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / MIB
    raise OSError("/proc/self/status has no VmHWM: peak memory can only be read on Linux")


def fresh(program: str, *arguments: str) -> dict[str, Any]:
    """Run `python -m program arguments…` in a process of its own; the JSON object of its last line."""
    done = subprocess.run([sys.executable, "-m", program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{program} {' '.join(arguments)}: {(done.stderr.strip().splitlines() or ['no output'])[-1]}")
    return cast("dict[str, Any]", json.loads(done.stdout.strip().splitlines()[-1]))
