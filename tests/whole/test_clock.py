"""The clock that the whole goes by: everybody sees the same time of day, and nobody waits longer or shorter for it."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.whole import clock

pytestmark = pytest.mark.skipif(bool(clock.why_not()), reason=clock.why_not())
MOMENT = datetime(2026, 8, 3, 9, tzinfo=UTC)
TELL = """
import sys, threading, time
from datetime import datetime, UTC
for _ in sys.stdin:
    begun = time.monotonic()
    time.sleep(0.05)
    threading.Event().wait(0.05)
    print(datetime.now(UTC).isoformat(), int(time.time()), time.monotonic() - begun, flush=True)
"""

MOVE = """
import sys
from datetime import datetime
from tests.whole.clock import Clock
Clock.of_this_process().move(datetime.fromisoformat(sys.argv[1]))
"""


def asked(process: "subprocess.Popen[str]") -> tuple[datetime, float]:
    """The time that a process tells, and how long a tenth of a second was for it."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("now\n")
    process.stdin.flush()
    told, seconds, took = process.stdout.readline().split()
    assert abs(datetime.fromisoformat(told).timestamp() - int(seconds)) < 2
    return datetime.fromisoformat(told), float(took)


def test_processes_share_a_time_that_moves_while_they_run_and_wait_as_long_as_ever(tmp_path: Path) -> None:
    at = clock.Clock.at(MOMENT, tmp_path / "clock")
    command, later = [sys.executable, "-c", TELL], (MOMENT + timedelta(days=9)).isoformat()
    environ = {**os.environ, **at.environ()}
    with (
        subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as one,
        subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other,
    ):
        before = [asked(one), asked(other)]
        subprocess.run([sys.executable, "-c", MOVE, later], env={**environ, "PYTHONPATH": ":".join(sys.path)}, check=True)
        after = [asked(one), asked(other)]

    assert all(timedelta(0) <= told - MOMENT < timedelta(minutes=2) for told, _ in before)
    assert all(timedelta(days=9) <= told - MOMENT < timedelta(days=9, minutes=2) for told, _ in after)
    assert all(0.09 < took < 30 for _, took in before + after)
