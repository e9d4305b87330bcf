"""`ports.Metrics` over HTTP. It only reads, so it may ask again; the waits and their jitter come from outside."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from random import SystemRandom
from typing import Literal, TypeVar

import httpx

from trimtab.adapters.http import STREAMED
from trimtab.adapters.prometheus import protocol
from trimtab.errors import Overloaded, TooLarge, Upstream
from trimtab.records import ClusterUid, MetricSeries
from trimtab.settings import Settings

ATTEMPTS = 4
"""0.5, 1 and 2 seconds apart, each up to half longer, or as long as the store asks for."""
LONGEST_WAIT = 30.0
LONGEST_ANSWER = 300.0
"""Seconds from the first byte to the last: a store that sends one byte a minute is not waited for."""
MOST_BYTES = 512 << 20
"""Of one answer, unpacked."""
MOST_OF_AN_ERROR = 64 << 10
ENCODINGS = ("", "identity", "gzip")
T = TypeVar("T")


class _Busy(Upstream):
    """It may answer in a moment."""

    def __init__(self, text: str, after: float = 0.0) -> None:
        super().__init__(text)
        self.after = after


@dataclass(frozen=True, slots=True)
class PrometheusMetrics:
    """One endpoint; what one cluster may say about itself."""

    url: str
    client: httpx.Client
    headers: Mapping[str, str] = field(default_factory=dict)
    """A tenant."""
    auth: httpx.Auth | None = None
    method: Literal["GET", "POST"] = "POST"
    """A query may be longer than a URL, so it is posted; Google documents GET alone."""
    more: Mapping[str, str] = field(default_factory=lambda: protocol.WHOLE_AND_FRESH)
    """Parameters beside those that every store documents."""
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = SystemRandom().random
    """0 to 1."""
    clock: Callable[[], float] = time.monotonic
    most_bytes: int = MOST_BYTES

    @classmethod
    def of(cls, settings: Settings, cluster_uid: ClusterUid, transport: httpx.BaseTransport | None = None) -> "PrometheusMetrics":
        """The endpoint of a cluster: its uid is part of the settings, never a label that a cluster could forge."""
        from trimtab.adapters.prometheus.access import metrics_of

        return metrics_of(settings, cluster_uid, transport)

    def range(self, query: str, start: datetime, end: datetime, step: int) -> tuple[MetricSeries, ...]:
        """A range query. Raises Overloaded or TooLarge where a smaller one may do."""
        asked = protocol.Asked(query=query, start=start, end=end, step=step)
        parameters = {**protocol.form(query, start, end, step), **self.more}
        return self._ask("query_range", parameters, lambda chunks: protocol.read_matrix(chunks, asked))

    def now(self) -> datetime:
        """What time the store has."""
        return self._ask("query", {"query": "time()"}, lambda chunks: protocol.parse_time(_head(chunks)))

    def _ask(self, path: str, parameters: Mapping[str, str], read: Callable[[Iterator[bytes]], T]) -> T:
        for attempt in range(ATTEMPTS):
            try:
                return self._asked_once(path, parameters, read)
            except _Busy as busy:
                if attempt + 1 == ATTEMPTS:
                    raise Upstream(str(busy)) from None
                wait = 0.5 * 2**attempt * (1 + self.jitter() / 2)
                self.sleep(min(LONGEST_WAIT, max(wait, busy.after)))
        raise AssertionError

    def _asked_once(self, path: str, parameters: Mapping[str, str], read: Callable[[Iterator[bytes]], T]) -> T:
        with closing(self._sent(f"{self.url}/api/v1/{path}", parameters)) as answer:
            if answer.headers.get("content-encoding", "").lower() not in ENCODINGS:
                raise Upstream("Prometheus: packed in a way that was not asked for")
            if answer.status_code == 200:
                return read(self._chunks(answer))
            body = _head(self._chunks(answer))
        problem = protocol.parse_refusal(body, answer.status_code)
        if (answer.status_code == 429 or answer.status_code >= 500) and not isinstance(problem, Overloaded):
            raise _Busy(str(problem), _seconds(answer.headers.get("retry-after", "")))
        raise problem

    def _sent(self, url: str, parameters: Mapping[str, str]) -> httpx.Response:
        headers = {"accept": "application/json", "accept-encoding": "gzip", "cache-control": "no-store", **self.headers}
        place = {"params": parameters} if self.method == "GET" else {"data": parameters}
        request = self.client.build_request(self.method, url, headers=headers, extensions={STREAMED: True}, **place)  # type: ignore[arg-type]
        try:
            return self.client.send(request, auth=self.auth, stream=True)
        except Overloaded:
            raise
        except Upstream as error:
            raise _Busy(str(error)) from None

    def _chunks(self, answer: httpx.Response) -> Iterator[bytes]:
        """The answer's bytes, unpacked, for so long and so many."""
        until, size = self.clock() + LONGEST_ANSWER, 0
        try:
            for chunk in answer.iter_bytes():
                size += len(chunk)
                _check(size, self.most_bytes, is_late=self.clock() > until)
                yield chunk
        except httpx.DecodingError:
            raise Upstream("Prometheus: an answer that cannot be unpacked") from None
        except Overloaded:
            raise
        except Upstream as error:
            raise _Busy(str(error)) from None


def _check(size: int, most: int, *, is_late: bool) -> None:
    if size > most:
        raise TooLarge(f"Prometheus: an answer of over {most >> 20} MiB")
    if is_late:
        raise Overloaded(f"Prometheus: no whole answer in {LONGEST_ANSWER:.0f} s")


def _head(chunks: Iterator[bytes]) -> bytes:
    body = b""
    for chunk in chunks:
        body += chunk
        if len(body) > MOST_OF_AN_ERROR:
            break
    return body[:MOST_OF_AN_ERROR]


def _seconds(retry_after: str) -> float:
    """How long it asks to be left alone; a date is no number, and our own wait will do."""
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 6 else 0.0
