"""Rows `receive-load` and `queue-load`: many requests at once, one store. What was accepted is recorded, what is recorded is done, once.

Both drive the real Lambda runtime client, as many processes as Terraform lets run at a time; the machine has fewer cores than that, so the
slowest answers here are those of an overloaded machine.
"""

import json
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from statistics import quantiles
from time import perf_counter

from tests.bench.clicks import Click, clicks, kept, store_of
from tests.bench.results import Measured, Options
from tests.bench.runtimes import WAIT_SECONDS, click_event, running
from tests.runtime_api import Invocation, runtime_api
from trimtab.adapters.store import open_state
from trimtab.demo.cloud import s3_notification, sqs_event
from trimtab.settings import Settings

TABLE = Path(__file__).parents[2] / "infra" / "terraform" / "aws" / "functions.json"
REQUESTS = 3000
MOST = 8
"""So many processes at most, whatever Terraform allows: each takes memory, and two cores are busy with fewer."""
TWICE, FORGED = 10, 20
"""Every tenth request comes twice, and every twentieth again with a signature that is none."""
SLACK_WAITS = 3.0
"""Seconds until Slack tells the person that nothing happened."""


@dataclass(slots=True)
class Crowd:
    """Events that several processes take from one pile, and what became of each."""

    events: Sequence[bytes]
    answers: dict[int, dict[str, object]] = field(default_factory=dict)
    seconds: dict[int, float] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)
    _places: "count[int]" = field(default_factory=count)

    def take(self) -> int | None:
        """The place of the next event in the pile; None = there is none."""
        place = next(self._places)
        return place if place < len(self.events) else None

    def note(self, place: int, answer: dict[str, object], seconds: float) -> None:
        """An event was answered."""
        self.answers[place], self.seconds[place] = answer, seconds
        if len(self.answers) == len(self.events):
            self.done.set()

    def drive(self, handler: str, store: Path, processes: int) -> float:
        """Have so many processes answer all of it; seconds from the first process's start. Raises RuntimeError where one failed."""
        start = perf_counter()
        with ExitStack() as each:
            for number in range(processes):
                one = One(self)
                address = each.enter_context(runtime_api(one))
                # Left in this order: whoever waits for more is let go before its server and its process are ended.
                each.enter_context(running([sys.executable, "-m", "awslambdaric", handler], store, environ(address, number)))
            self.done.wait(WAIT_SECONDS * 5)
            took = perf_counter() - start
            self.done.set()
        if self.failures or len(self.answers) != len(self.events):
            raise RuntimeError(f"{len(self.answers)} of {len(self.events)} events were answered: {(self.failures or ['no answer'])[0]}")
        return took


def environ(address: str, number: int) -> dict[str, str]:
    """What Lambda tells one of several processes of a function."""
    return {"AWS_LAMBDA_RUNTIME_API": address, "AWS_LAMBDA_FUNCTION_NAME": f"bench-{number}", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512"}


@dataclass(slots=True)
class One:
    """One process of the crowd: it takes an event, and has answered it before it takes the next."""

    crowd: Crowd
    function: str = "bench"
    place: int = 0
    since: float = 0.0

    def following(self) -> Invocation | None:
        """The next event of the pile; after the last one, wait for the others."""
        place = self.crowd.take()
        if place is None:
            self.crowd.done.wait(WAIT_SECONDS)
            return None
        self.place, self.since = place, perf_counter()
        return Invocation(f"00000000-0000-0000-0000-{place:012}", self.crowd.events[place])

    def answered(self, body: bytes) -> None:
        """The handler returned."""
        self.crowd.note(self.place, json.loads(body), perf_counter() - self.since)

    def failed(self, body: bytes) -> None:
        """The handler raised."""
        self.crowd.failures.append(body.decode()[:200])
        self.crowd.done.set()


# ── receive ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def receive(options: Options) -> Measured:
    """Requests of which some come twice and some are forged, at a function that runs as often as it may."""
    store, sent, crowd, took = _received(options)
    statuses = [crowd.answers[place]["statusCode"] for place in range(len(sent))]
    accepted = {click.body for click, status in zip(sent, statuses, strict=True) if status == 200}
    forged = [status for click, status in zip(sent, statuses, strict=True) if is_forged(click)]
    slowest = quantiles(crowd.seconds.values(), n=100)[98]
    missed = [f"{len(accepted)} accepted, {kept(store)} recorded"] * (len(accepted) != kept(store))
    missed += [f"{forged.count(200)} forged requests were accepted"] * (200 in forged)
    missed += [f"{statuses.count(200) + len(forged) - len(sent)} requests of Slack's own were turned away"] * (
        statuses.count(200) + len(forged) != len(sent)
    )
    return Measured(
        row="receive-load",
        what="the slowest answer of a hundred while receive runs as often at once as it may; all that was accepted is recorded, once",
        value=slowest,
        measure="seconds",
        bar=SLACK_WAITS,
        aim=0.1,
        missed=tuple(missed),
        detail={
            "requests": len(sent),
            "processes": _processes("receive"),
            "accepted": statuses.count(200),
            "of_these_twice": statuses.count(200) - len(accepted),
            "recorded": kept(store),
            "turned_away": len(sent) - statuses.count(200),
            "answers_per_second": round(len(sent) / took),
            "milliseconds": _spread(crowd),
        },
    )


def _received(options: Options) -> tuple[Path, list[Click], Crowd, float]:
    sent = _requests(max(40, round(REQUESTS * options.size())))
    options.tell(f"receive-load: {len(sent)} requests, {_processes('receive')} processes")
    store = store_of(options.scratch / "receive-load" / "store")
    crowd = Crowd([json.dumps(click_event(click)).encode() for click in sent])
    took = crowd.drive("functions.receive.aws.handler", store, _processes("receive"))
    return store, sent, crowd, took


def _requests(amount: int) -> list[Click]:
    """So many clicks; then those that come again, and those that somebody made up."""
    own = clicks(amount)
    forged = [Click(click.path, click.headers | {"x-slack-signature": f"v0={0:064}"}, click.body + b"&forged") for click in own[::FORGED]]
    return [*own, *own[::TWICE], *forged]


def is_forged(click: Click) -> bool:
    """True for what Slack never signed."""
    return click.headers["x-slack-signature"] == f"v0={0:064}"


# ── the queue ────────────────────────────────────────────────────────────────────────────────────────────────────────
def queue(options: Options) -> Measured:
    """What lies in the inbox, told by a queue that tells some of it twice, to as many processes of `merge` as may run."""
    amount = max(20, round(REQUESTS * options.size() / 3))
    store = store_of(options.scratch / "queue-load" / "store")
    state = open_state(Settings(store=store.as_uri()), nonce=lambda: "bench")
    keys = [f"inbox/decide/prop-{number:06}.1.bench" for number in range(amount)]
    for key in keys:
        state.inbox.put(key, b"{}")
    told = [*keys, *keys[::TWICE]]
    options.tell(f"queue-load: {len(told)} messages, {_processes('merge')} processes")
    crowd = Crowd([json.dumps(sqs_event(s3_notification("bench", f"default/{key}", "1"))).encode() for key in told])
    took = crowd.drive("functions.merge.aws.handler", store, _processes("merge"))
    done, left = sum(map(state.inbox.is_done, keys)), len(state.inbox.pending())
    again = [answer for answer in crowd.answers.values() if answer.get("batchItemFailures")]
    missed = [f"{amount} messages, {done} done, {left} left in the inbox"] * ((done, left) != (amount, 0))
    missed += [f"{len(again)} messages were asked for again"] * bool(again)
    return Measured(
        row="queue-load",
        what="the slowest message of a hundred while merge runs as often at once as it may; each is done, once, though some come twice",
        value=quantiles(crowd.seconds.values(), n=100)[98],
        measure="seconds",
        bar=SLACK_WAITS,
        aim=0.5,
        missed=tuple(missed),
        detail={
            "messages": len(told),
            "of_these_twice": len(told) - amount,
            "processes": _processes("merge"),
            "done": done,
            "left": left,
            "messages_per_second": round(len(told) / took),
            "milliseconds": _spread(crowd),
        },
    )


def _processes(function: str) -> int:
    concurrency = int(json.loads(TABLE.read_text())[function]["concurrency"])
    return min(MOST, concurrency)


def _spread(crowd: Crowd) -> dict[str, float]:
    """Milliseconds: the median, and the slowest of twenty and of a hundred."""
    cuts = quantiles(crowd.seconds.values(), n=100)
    at = partial(round, ndigits=1)
    return {"p50": at(1000 * cuts[49]), "p95": at(1000 * cuts[94]), "p99": at(1000 * cuts[98])}
