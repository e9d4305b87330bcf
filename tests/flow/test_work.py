"""A worker's pass over a real store on disk: what is asked for by the clock, taken, tried again, left alone."""

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trimtab import wiring
from trimtab.adapters.memory import MemoryLog
from trimtab.adapters.progress import TOLD_EVERY, Told
from trimtab.adapters.store import open_state
from trimtab.errors import Upstream
from trimtab.flow.found_drops import CURSOR, REQUEST
from trimtab.flow.timetable import TIMETABLE, overtaken
from trimtab.flow.wake import Wake
from trimtab.flow.work import Duty, Worker, lease_of, pause_after
from trimtab.ports import Ports
from trimtab.settings import Settings

NOON = datetime(2026, 8, 5, 12, 2, tzinfo=UTC)  # a Wednesday


@contextlib.contextmanager
def not_renewed(_lease: str, _seconds: int) -> Iterator[None]:
    yield


@dataclass
class Bench:
    """A store, a clock that is moved by hand, and what was served."""

    ports: Ports
    now: datetime = NOON
    served: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    expired: list[tuple[datetime, str]] = field(default_factory=list)
    stops_after: int = 1000
    takes: float = 0.0

    def use_case(self, wake: Wake, _ports: Ports, _now: datetime) -> str:
        if wake.key in self.broken:
            raise Upstream("it does not answer")
        time.sleep(self.takes)
        self.served.append(wake.key)
        return "served"

    def expire(self, before: datetime, source: str) -> int:
        self.expired.append((before, source))
        return 0

    def worker(self, *functions: str, holder: str = "a") -> Worker:
        duty = Duty(use_case=lambda: self.use_case, seconds=60)
        return Worker(
            duties=dict.fromkeys(functions, duty), holder=holder, ports=self.ports, clock=lambda: self.now, renewing=not_renewed,
            is_stopping=lambda: len(self.served) >= self.stops_after, expire=self.expire,
        )  # fmt: skip

    def waiting(self, source: str) -> list[str]:
        return self.ports.inbox.pending(source)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    settings = Settings(store=(tmp_path / "store").as_uri())
    return Bench(wiring.build(settings, log=MemoryLog()))


# ── the clock ────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("function", "at"),
    [
        ("verify", "2026-08-05T12:00"), ("ingest", "2026-08-05T11:25"), ("learn", "2026-08-05T05:40"), ("propose", "2026-08-05T06:00"),
        ("report", "2026-08-03T07:30"),
    ],
)  # fmt: skip
def test_the_newest_tick_is_the_last_that_fell_due(function: str, at: str) -> None:
    assert TIMETABLE[function].newest_due(NOON) == datetime.fromisoformat(f"{at}+00:00")


def test_a_tick_is_due_in_its_own_minute_and_not_before() -> None:
    due = datetime(2026, 8, 5, 6, tzinfo=UTC)

    assert TIMETABLE["propose"].newest_due(due) == due
    assert TIMETABLE["propose"].newest_due(due - timedelta(microseconds=1)) == due - timedelta(days=1)


def test_a_tick_that_fell_due_while_nobody_ran_is_made_up_for_once(bench: Bench) -> None:
    """A node that was drained over six o'clock must not cost a day of proposals."""
    for _ in range(3):
        bench.worker("propose").pass_once()

    assert bench.served == ["inbox/clock/propose/2026-08-05T06:00Z"]


def test_ticks_that_piled_up_are_served_by_the_newest(bench: Bench) -> None:
    """An hour of failing looks would otherwise be made up for by twelve looks in a row."""
    old = [f"inbox/clock/verify/2026-08-05T11:{minute}Z" for minute in (40, 45, 50)]
    for key in old:
        bench.ports.inbox.put(key, b"{}")

    bench.worker("verify").pass_once()

    assert bench.served == ["inbox/clock/verify/2026-08-05T12:00Z"]
    assert not bench.waiting("clock")


def test_no_request_is_overtaken_by_another() -> None:
    """Two clicks are two decisions."""
    assert overtaken(["inbox/slack/a", "inbox/slack/b", "inbox/clock/verify/x", "inbox/clock/alert/x"]) == []


# ── wakes ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_worker_takes_the_wakes_of_its_functions_and_leaves_the_others(bench: Bench) -> None:
    for key in ("inbox/decide/a", "inbox/learn/b", "inbox/nonsense/c"):
        bench.ports.inbox.put(key, b"{}")

    bench.worker("merge").pass_once()

    assert bench.served == ["inbox/decide/a"]
    assert sorted(bench.waiting("")) == ["inbox/learn/b", "inbox/nonsense/c"]


def test_one_wake_that_breaks_keeps_no_other_from_being_served_and_is_tried_again_later(bench: Bench) -> None:
    """Tried at once, over and over, it would cost its forge as many calls as there are seconds."""
    for key in ("inbox/decide/a", "inbox/decide/b"):
        bench.ports.inbox.put(key, b"{}")
    bench.broken.add("inbox/decide/a")
    worker = bench.worker("merge")

    worker.pass_once()
    worker.pass_once()
    assert bench.served == ["inbox/decide/b"]
    assert worker.failures["inbox/decide/a"] == (1, NOON + timedelta(seconds=30))

    bench.broken.clear()
    bench.now += timedelta(seconds=30)
    worker.pass_once()
    assert bench.served == ["inbox/decide/b", "inbox/decide/a"]
    assert not worker.failures


def test_pauses_grow_to_half_an_hour_and_no_further() -> None:
    assert [int(pause_after(times).total_seconds()) for times in (1, 2, 3, 6, 7, 1000)] == [30, 60, 120, 960, 1800, 1800]


def test_a_wake_that_another_worker_has_taken_is_left_to_it_until_its_lease_ends(bench: Bench) -> None:
    """Two replicas look at the same moment; a worker that died holds nobody up for longer than its lease."""
    bench.ports.inbox.put("inbox/decide/a", b"{}")
    assert bench.ports.ledger.acquire_lease(lease_of("inbox/decide/a"), "b", NOON, 60)
    worker = bench.worker("merge")

    worker.pass_once()
    assert bench.served == []

    bench.now += timedelta(seconds=121)
    worker.pass_once()
    assert bench.served == ["inbox/decide/a"]


def test_two_workers_who_look_at_the_same_moment_do_the_work_once(bench: Bench) -> None:
    """Every wake here takes long enough for the other worker to come by while it runs."""
    keys = [f"inbox/decide/{number:02}" for number in range(12)]
    for key in keys:
        bench.ports.inbox.put(key, b"{}")
    bench.takes = 0.03
    workers = [bench.worker("merge", holder=name) for name in ("a", "b")]
    threads = [threading.Thread(target=worker.pass_once) for worker in workers]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(bench.served) == keys


def test_a_worker_goes_on_at_once_with_what_it_held_itself(bench: Bench) -> None:
    """A container that is started again keeps its Pod's name."""
    bench.ports.inbox.put("inbox/decide/a", b"{}")
    bench.ports.ledger.acquire_lease(lease_of("inbox/decide/a"), "a", NOON, 60)

    bench.worker("merge").pass_once()

    assert bench.served == ["inbox/decide/a"]


def test_a_worker_that_must_stop_takes_no_further_wake(bench: Bench) -> None:
    for number in range(3):
        bench.ports.inbox.put(f"inbox/decide/{number}", b"{}")
    bench.stops_after = 1

    bench.worker("merge").pass_once()

    assert len(bench.served) == 1
    assert len(bench.waiting("decide")) == 2


# ── drops, expiry ────────────────────────────────────────────────────────────────────────────────────────────────────
def leave(bench: Bench, name: str) -> None:
    folder = bench.ports.settings.store + f"/usage/prod/{name}"
    bench.ports.buckets.put(f"{folder}/usage.parquet", b"rows")
    bench.ports.buckets.put(f"{folder}/_complete.json", b"{}")


def test_each_drop_is_asked_for_once_and_its_data_file_never(bench: Bench) -> None:
    leave(bench, "one")
    worker = bench.worker("ingest")

    for _ in range(3):
        worker.pass_once()
        bench.now += timedelta(minutes=6)
    leave(bench, "two")
    worker.pass_once()

    assert len([key for key in bench.served if key.startswith(REQUEST)]) == 2


def test_a_drop_whose_request_expired_long_ago_is_not_asked_for_again(bench: Bench) -> None:
    """Reading a year of drops again each quarter would be work for nothing."""
    leave(bench, "one")
    bench.ports.documents.publish(CURSOR, {"since": "2999-01-01T00:00:00+00:00"})

    bench.worker("ingest").pass_once()

    assert not [key for key in bench.served if key.startswith(REQUEST)]


def test_a_cursor_that_cannot_be_read_only_costs_time(bench: Bench) -> None:
    leave(bench, "one")
    bench.ports.documents.publish(CURSOR, {"since": "yesterday"})

    bench.worker("ingest").pass_once()

    assert len([key for key in bench.served if key.startswith(REQUEST)]) == 1


def test_a_folder_of_drops_that_cannot_be_listed_keeps_no_request_waiting(bench: Bench) -> None:
    class Closed:
        def list(self, prefix: str) -> list[object]:
            raise Upstream(f"{prefix}: forbidden")

    bench.ports = replace(bench.ports, buckets=Closed())  # type: ignore[arg-type]

    bench.worker("ingest").pass_once()

    assert bench.served == ["inbox/clock/ingest/2026-08-05T11:25Z"]


def test_what_was_done_a_quarter_ago_is_removed_once_a_day(bench: Bench) -> None:
    """A volume has no lifecycle rules, and clicks hold names."""
    worker = bench.worker("verify")

    worker.pass_once()
    worker.pass_once()
    bench.now += timedelta(days=1)
    worker.pass_once()

    assert [each for each in bench.expired if not each[1]] == [(NOON - timedelta(days=90), ""), (NOON - timedelta(days=89), "")]


def test_expiry_removes_a_request_with_its_mark_and_nothing_that_waits(bench: Bench) -> None:
    inbox = open_state(bench.ports.settings, nonce=lambda: "n").inbox
    for key in ("inbox/decide/done", "inbox/decide/waits"):
        inbox.put(key, b"{}")
    inbox.finish("inbox/decide/done", "done")

    inbox.expire(datetime.now(UTC) + timedelta(hours=1))

    assert inbox.kept("decide") == ["inbox/decide/waits"]


def test_ticks_expire_sooner_than_clicks_and_later_than_the_longest_schedule(bench: Bench) -> None:
    """Every look lists what is kept, and there are hundreds of ticks a day; one that is forgotten too soon is served twice."""
    inbox = open_state(bench.ports.settings, nonce=lambda: "n").inbox
    for key in ("inbox/clock/verify/2026-08-05T12:00Z", "inbox/slack/click"):
        inbox.put(key, b"{}")
        inbox.finish(key, "done")

    bench.worker("verify").pass_once()
    inbox.expire(datetime.now(UTC) + timedelta(hours=1), "clock")

    assert [source for _, source in bench.expired] == ["", "clock"]
    assert NOON - bench.expired[1][0] > max(each.every for each in TIMETABLE.values())
    assert (inbox.kept("clock"), inbox.kept("slack")) == ([], ["inbox/slack/click"])


# ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
OVERRUN = """
import sys, time
from types import SimpleNamespace
from functions.worker import renewing
log = SimpleNamespace(warning=lambda event, **values: print(event, flush=True))
ledger = SimpleNamespace(acquire_lease=lambda *a: print("renewed", flush=True))
with renewing("a", SimpleNamespace(log=log, ledger=ledger), lambda: None, beat=0.05)("work/x", 1):
    time.sleep(float(sys.argv[1]))
print("went on")
"""


@pytest.mark.parametrize(("seconds", "status", "last"), [("0.3", 0, "went on"), ("30", 70, "work.overran")])
def test_a_wake_is_renewed_while_it_runs_and_ended_with_its_process_when_it_takes_too_long(seconds: str, status: int, last: str) -> None:
    """A cloud ends a function that hangs; a worker that hung would leave all others waiting."""
    done = subprocess.run([sys.executable, "-c", OVERRUN, seconds], capture_output=True, text=True, check=False, timeout=60, env=_paths())

    assert done.returncode == status, done.stderr
    assert "renewed" in done.stdout
    assert done.stdout.splitlines()[-1] == last


def _paths() -> dict[str, str]:
    root = Path(__file__).parents[2]
    return {"PYTHONPATH": f"{root / 'shared'}:{root}"}


def test_long_work_is_told_now_and_then_and_quick_work_never() -> None:
    log, at = MemoryLog(), [0.0]
    stopwatch: Callable[[], float] = lambda: at[0]  # noqa: E731 -- read by Told alone
    told = Told(log, stopwatch)

    for second in range(100):
        at[0] = float(second)
        told.step("collecting usage", second, 100)
        told.step("quick", 1, 1)
    told.step("collecting usage", 100, 100)

    assert TOLD_EVERY == 30
    assert [(event, values["done"]) for event, values in log.said] == [("work.progress", done) for done in (30, 60, 90)]
