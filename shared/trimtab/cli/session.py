"""Ports for one command: the deployment's settings, and on a demo's store the estate's outside world beside them."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from trimtab import settings as deployment
from trimtab import wiring
from trimtab.adapters.logs import Quiet
from trimtab.cli.output import say
from trimtab.cli.progress import Bar
from trimtab.errors import BadInput, Refused
from trimtab.flow.access import audience, record_access
from trimtab.policy.access_rules import Audience
from trimtab.ports import Ports
from trimtab.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """What a command works with."""

    ports: Ports
    now: datetime


def default_store() -> str:
    """The store of a command without --store."""
    return deployment.load(os.environ).store


def has_store(store: str | None) -> bool:
    """True where a store was named: by the command, or in the environment."""
    return store is not None or bool(os.environ.get("TRIMTAB_STORE"))


@contextmanager
def reading(store: str | None, config: str | None = None) -> Iterator[Session]:
    """For commands that need the store alone: nothing else is started, and the record says people's names."""
    yield _session(deployment.load(os.environ, store), config, is_reading=True)


@contextmanager
def keeping(store: str | None, config: str | None = None) -> Iterator[Session]:
    """For commands that need the store alone and may add to the record: it calls people by its own keys."""
    yield _session(deployment.load(os.environ, store), config)


Opening = Callable[[str | None, str | None], AbstractContextManager[Session]]
"""How a command that shows cost opens its store."""


@contextmanager
def asking(
    store: str | None, config: str | None, who: str | None, what: str, *, of_all: bool = False, opened: Opening = keeping
) -> Iterator[tuple[Session, Audience]]:
    """The one door of every command that shows cost: whom it shows it to, which is in the record before anything is shown.

    `of_all`: what it shows is about all teams at once, and for nobody who may not see them all. Raises Refused.
    """
    with opened(store, config) as session:
        asker = audience(who, session.ports)
        if of_all and asker.teams is not None:
            raise Refused(f"--as {who}: {what} is about everybody's cost, and they may see {asker.words}")
        record_access(asker, what, session.ports, session.now)
        yield session, asker
    if who is None:
        # Last, so that whatever is wrong is said in one line.
        say("no --as: all cost is shown, as to whoever holds the store")


@contextmanager
def retelling(store: str | None) -> Iterator[Session]:
    """For commands that judge the past again: as `reading`, but people go by the record's own words, which verdicts are made of."""
    yield _session(deployment.load(os.environ, store), None, adds_people=False)


@contextmanager
def acting(store: str | None, config: str | None = None) -> Iterator[Session]:
    """For commands that speak to Palette, Slack or the forge; a demo's store brings its own, at its own time."""
    settings = deployment.load(os.environ, store)
    if not settings.is_demo:
        yield _session(settings, config)
        return
    from trimtab.demo.run import afterwards
    from trimtab.demo.world import running

    with running(settings), afterwards():
        yield _session(deployment.load(os.environ, settings.store), config)


@contextmanager
def deciding(store: str | None, config: str | None = None, *, elsewhere: str = "decide in Slack or on the forge") -> Iterator[Session]:
    """For commands with which a person decides by name: only where the store and the forge are on our own disk.

    `elsewhere` is what to do on any other store.
    """
    if config:
        raise BadInput("--config: a decision follows the rules in the repo; leave it out")
    settings = deployment.load(os.environ, store)
    if not settings.is_local or any(repository.forge != "local" for repository in settings.repositories):
        raise Refused(f"{settings.store}: --as decides on file:// stores with a local repo only; elsewhere {elsewhere}")
    with acting(store, config) as session:
        yield session


@contextmanager
def operating(store: str | None, config: str | None = None) -> Iterator[Session]:
    """For stop and resume, on any store: whoever the store lets write its permit may, and the name is what they say of themselves."""
    if config:
        raise BadInput("--config: the permit is the deployment's own; leave it out")
    with keeping(store) as session:
        yield session


@contextmanager
def functions_of(settings: Settings) -> Iterator[None]:
    """Entry points find their store in the environment, as in a cloud: this command's, whatever the shell says."""
    before = os.environ.get("TRIMTAB_STORE")
    os.environ["TRIMTAB_STORE"] = settings.store
    wiring.forget_ports()
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("TRIMTAB_STORE", None)
        else:
            os.environ["TRIMTAB_STORE"] = before
        wiring.forget_ports()


def _session(settings: Settings, config: str | None, *, is_reading: bool = False, adds_people: bool = True) -> Session:
    if config:
        settings = settings.model_copy(update={"config_dir": str(Path(config).absolute())})
    if settings.is_demo and settings.clock is None:
        from trimtab.demo.run import AFTERWARDS

        settings = settings.model_copy(update={"clock": AFTERWARDS})
    ports = wiring.build(settings, log=Quiet(), progress=Bar(), is_reading=is_reading, adds_people=adds_people)
    return Session(ports=ports, now=wiring.now(settings))
