"""No cloud: one process polls the store's inbox and the clock, and serves the same use cases in the same frame.

What clouds do for a function is done here for a wake: its time is limited (a process whose wake takes longer ends, and is started
again by whoever runs it), it is delivered again when it fails, and two processes do not take it at once.
"""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from trimtab.errors import BadInput, TrimtabError, Upstream
from trimtab.flow.wake import UseCase
from trimtab.flow.work import HELD, Duty, Expire, Renewing, Worker
from trimtab.ports import Ports

OVERRAN = 70
"""Exit status of a process whose wake took longer than its function may."""


def _collect() -> UseCase:
    from trimtab.flow.collect_all import collect_all

    return collect_all


def _ingest() -> UseCase:
    from trimtab.flow.landed import land

    return land


def _learn() -> UseCase:
    from trimtab.flow.learn import learn

    return learn


def _alert() -> UseCase:
    from trimtab.flow.alert import alert

    return alert


def _propose() -> UseCase:
    from trimtab.flow.propose import propose

    return propose


def _merge() -> UseCase:
    from trimtab.flow.merge import merge

    return merge


def _verify() -> UseCase:
    from trimtab.flow.verify import verify

    return verify


def _report() -> UseCase:
    from trimtab.flow.report import report

    return report


DUTIES: Mapping[str, Duty] = {
    "collect": Duty(use_case=_collect, seconds=900),
    "ingest": Duty(use_case=_ingest, seconds=900),
    "learn": Duty(use_case=_learn, seconds=900),
    "alert": Duty(use_case=_alert, seconds=120),
    "propose": Duty(use_case=_propose, seconds=900),
    "merge": Duty(use_case=_merge, seconds=180),
    "verify": Duty(use_case=_verify, seconds=900),
    "report": Duty(use_case=_report, seconds=600),
}
"""Function → how it is served, with the seconds that Terraform gives it on AWS. `receive` is not woken: it is a server of its own."""


def duties_of(names: str) -> dict[str, Duty]:
    """The duties of `merge,verify`; "" = all. Raises BadInput for a function that a worker does not serve."""
    asked = [name.strip() for name in names.split(",") if name.strip()] or list(DUTIES)
    unknown = sorted(set(asked) - DUTIES.keys())
    if unknown:
        raise BadInput(f"--functions {names!a}: {', '.join(unknown)}: not one of {', '.join(DUTIES)}")
    return {name: DUTIES[name] for name in asked}


def worker_of(
    duties: Mapping[str, Duty], holder: str, ports: Ports, clock: Callable[[], datetime], stop: threading.Event, expire: Expire
) -> Worker:
    """A worker of this process, which stops between two wakes once `stop` is set."""
    return Worker(
        duties=duties, holder=holder, ports=ports, clock=clock, renewing=renewing(holder, ports, clock), is_stopping=stop.is_set,
        expire=expire,
    )  # fmt: skip


def run(worker: Worker, stop: threading.Event, every: float) -> None:
    """Serve until `stop` is set; a store that does not answer is asked again, less often.

    A look lists all that is kept: where that takes long, there are longer pauses between two, so that a tenth of the time goes into it.
    """
    log = worker.ports.log
    log.info("work.started", functions=sorted(worker.duties), holder=worker.holder)
    pause = every
    while not stop.is_set():
        begun = worker.ports.stopwatch()
        try:
            served = worker.pass_once()
            pause = every if served else max(every, 9 * (worker.ports.stopwatch() - begun))
        except TrimtabError as error:
            pause = min(pause * 2, 60.0)
            log.warning("work.store-failed", after_seconds=pause, input=str(error))
        stop.wait(pause)
    log.info("work.stopped", holder=worker.holder)


def run_once(worker: Worker) -> int:
    """Serve what waits, and what that leaves, until nothing is due; how many wakes. Raises Upstream that names those that failed."""
    served = 0
    while more := worker.pass_once():
        served += more
    if worker.failures:
        raise Upstream(f"{len(worker.failures)} wakes failed and wait for the next run: {', '.join(sorted(worker.failures)[:5])}")
    return served


def renewing(holder: str, ports: Ports, clock: Callable[[], datetime], beat: float = HELD) -> Renewing:
    """Renews a lease every `beat` seconds from a thread beside the work, and ends the process where the work takes too long."""

    @contextmanager
    def renewed(lease: str, most_seconds: int) -> Iterator[None]:
        done = threading.Event()
        thread = threading.Thread(target=renew, args=(lease, most_seconds, done), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def renew(lease: str, most_seconds: int, done: threading.Event) -> None:
        held = 0.0
        while not done.wait(beat):
            held += beat
            if held >= most_seconds:
                ports.log.warning("work.overran", lease=lease, seconds=held)
                os._exit(OVERRAN)
            try:
                ports.ledger.acquire_lease(lease, holder, clock(), HELD)
            except TrimtabError as error:
                # Without it another worker may begin the same wake: that costs time and changes nothing.
                ports.log.warning("work.lease-not-renewed", lease=lease, input=str(error))

    return renewed
