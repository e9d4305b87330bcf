"""What wakes a function, and the frame that every use case runs in: once, to the end, or not at all."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from trimtab.errors import BadInput, Refused, TrimtabError, Upstream
from trimtab.flow.correlation import bound
from trimtab.ports import Ports


@dataclass(frozen=True, kw_only=True, slots=True)
class Wake:
    """One reason to run: an inbox key, or an object that landed in a bucket."""

    key: str
    """inbox/<source>/<name>; the done mark is put on this key."""
    url: str = ""
    """The object that landed, where one did."""
    body: bytes = b""
    """Kept in the inbox first, where the event itself is the only record of it (a notice, a tick)."""


UseCase = Callable[[Wake, Ports, datetime], str]

AGAIN = "inbox/again/"
"""inbox/again/<function>/<hour>: the sweep asks a function to take what waits for it and was not finished."""

ROUTES = {
    "slack": "merge",
    "github": "merge",
    "gitlab": "merge",
    "decide": "merge",
    "palette": "verify",
    "alertmanager": "verify",
    "audit": "verify",
    "azure": "alert",
    "notice": "alert",
    "budgets": "alert",
    "propose": "propose",
    "ingest": "ingest",
    "learn": "learn",
}
"""Inbox source → the function whose queue its notifications reach."""


def tick_key(function: str, at: datetime) -> str:
    """The inbox key of a clock tick; the same minute is the same tick."""
    return f"inbox/clock/{function}/{at:%Y-%m-%dT%H:%MZ}"


def object_wake(bucket: str, key: str, version: str, tenant: str) -> Wake:
    """Something landed in a bucket (`s3://acme`): an inbox object wakes by its own key, any other is one ingest of that version."""
    _, found, inbox = f"/{key}".partition(f"/{tenant}/inbox/")
    if found:
        return Wake(key=f"inbox/{inbox}")
    url = f"{bucket}/{key}"
    identity = hashlib.sha256(f"{url}#{version}".encode()).hexdigest()
    return Wake(key=f"inbox/ingest/{identity[:40]}", url=url, body=json.dumps({"url": url, "version": version}).encode())


def notice_wake(notice: Mapping[str, object]) -> Wake:
    """A notice is its own record: the same text is the same inbox item."""
    body = json.dumps(notice, sort_keys=True).encode()
    return Wake(key=f"inbox/notice/{hashlib.sha256(body).hexdigest()}", body=body)


def function_of(key: str) -> str:
    """Which function an inbox key is for. Raises BadInput for a source that nobody serves."""
    parts = key.split("/")
    source = parts[1] if len(parts) > 2 else ""
    if source in ("clock", "again"):
        return parts[2]
    if source not in ROUTES:
        raise BadInput(f"{key}: no function serves the inbox source {source!r}")
    return ROUTES[source]


def served_by(key: str) -> str | None:
    """The same, None where nobody serves it: anybody who may put may put nonsense."""
    try:
        return function_of(key)
    except BadInput:
        return None


def check_route(wake: Wake, function: str) -> None:
    """Raise BadInput where an event brought another function's request.

    Whoever can name an object in some bucket could else have a click finished by a function that does nothing with it.
    """
    if function_of(wake.key) != function:
        raise BadInput(f"{wake.key}: not for {function}")


def serve(use_case: UseCase, wake: Wake, ports: Ports, now: datetime) -> str:
    """Run a use case for one wake, then mark it done; what was done before is not done again.

    An input that no retry makes better is finished with its reason. Everything else escapes, and the queue delivers again. Its lines say
    which wake and which story they are of, and the last one how it ended and how long it took.
    """
    if ports.inbox.is_done(wake.key):
        return "done before"
    begun, own = ports.stopwatch(), bound(ports, wake.key, served_by(wake.key) or "", wake.body)
    if wake.body:
        ports.inbox.put(wake.key, wake.body)
    result = "done"
    try:
        outcome = _again(use_case, wake, ports, now) if wake.key.startswith(AGAIN) else use_case(wake, own, now)
    except (BadInput, Refused) as error:
        result, outcome = "refused", f"refused: {error}"
        own.log.warning("wake.refused", input=str(error))
    except Exception as error:
        said = str(error) if isinstance(error, TrimtabError) else repr(error)
        own.log.warning("wake.failed", seconds=_seconds(ports, begun), input=said)
        raise
    ports.inbox.finish(wake.key, outcome)
    own.log.info("wake.finished", result=result, seconds=_seconds(ports, begun), input=outcome)
    return outcome


def _seconds(ports: Ports, begun: float) -> float:
    return round(ports.stopwatch() - begun, 3)


def _again(use_case: UseCase, wake: Wake, ports: Ports, now: datetime) -> str:
    """Everything of one function that nobody finished; one that fails keeps waiting and keeps nobody else from being served."""
    function, failures = function_of(wake.key), []
    waiting = [key for key in ports.inbox.pending() if not key.startswith(AGAIN) and served_by(key) == function]
    for key in waiting:
        try:
            serve(use_case, Wake(key=key), ports, now)
        except Exception as error:  # noqa: BLE001 -- named below and raised: one that breaks must not hide the others for good
            failures.append(f"{key}: {error if isinstance(error, TrimtabError) else repr(error)}")
    if failures:
        raise Upstream("; ".join(failures))
    return f"{len(waiting)} served again"
