"""Without a cloud: `trimtab work` serves the functions, `trimtab receive` listens for webhooks."""

import os
import secrets
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event
from typing import Annotated, NoReturn

import typer

from trimtab import settings as deployment
from trimtab import wiring
from trimtab.adapters.logs import JsonLog
from trimtab.adapters.progress import Told
from trimtab.adapters.store import open_state
from trimtab.cli.options import StoreOption
from trimtab.cli.output import say
from trimtab.ports import Ports


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("work", help="Serve the functions where there is no cloud: what waits in the store, and the clock.")(work)
    app.command("receive", help="Listen for webhooks where there is no cloud; put a TLS ingress in front of it.")(receive)


def work(
    functions: Annotated[str, typer.Option("--functions", help="merge,verify,…; several workers may share them (default: all)")] = "",
    name: Annotated[str, typer.Option("--name", help="this worker's own (default: the host's)")] = "",
    every: Annotated[float, typer.Option("--every", min=0.1, help="seconds between two looks at the store")] = 5.0,
    once: Annotated[bool, typer.Option("--once", help="serve what waits, then end; 3 where something failed")] = False,
    store: StoreOption = None,
) -> None:
    """Serve until SIGTERM; the wake that is being served is finished first."""
    from functions.worker import duties_of, run, run_once, worker_of

    duties = duties_of(functions)
    ports = _ports(store)
    state = open_state(ports.settings, nonce=lambda: secrets.token_hex(8))
    with _stopped_by_signal() as stop:
        worker = worker_of(duties, name or socket.gethostname(), ports, lambda: wiring.now(ports.settings), stop, state.inbox.expire)
        if once:
            say(f"{run_once(worker)} wakes served")
        else:
            run(worker, stop, every)


def receive(
    host: Annotated[str, typer.Option("--host", help="address to listen on; 0.0.0.0 = all")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535)] = 8080,
    threads: Annotated[int, typer.Option("--threads", min=1, help="requests answered at once")] = 8,
    store: StoreOption = None,
) -> None:
    """Listen until SIGTERM; requests that were read are answered first."""
    from functions.receive.server import serve

    if store:
        os.environ["TRIMTAB_STORE"] = store
    signal.signal(signal.SIGTERM, _leave)
    serve(host, port, threads)


def _ports(store: str | None) -> Ports:
    settings = deployment.load(wiring.environment(), store)
    log = JsonLog()
    ports = wiring.build(settings, log=log)
    return replace(ports, progress=Told(log, ports.stopwatch))


@contextmanager
def _stopped_by_signal() -> Iterator[Event]:
    stop = Event()
    before = [(which, signal.signal(which, lambda *_: stop.set())) for which in (signal.SIGTERM, signal.SIGINT)]
    try:
        yield stop
    finally:
        for which, handler in before:
            signal.signal(which, handler)


def _leave(*_: object) -> NoReturn:
    sys.exit(0)
