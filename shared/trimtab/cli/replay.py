"""`trimtab replay`: what a function could not do is handed back to it, once what kept it from doing it was mended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from trimtab.cli.options import Format, FormatOption, StoreOption
from trimtab.cli.output import print_json, print_table
from trimtab.cli.session import reading
from trimtab.errors import BadInput
from trimtab.flow.deployed import EXPECTED
from trimtab.flow.wake import Wake
from trimtab.ports import DeadLetter, DeadLetters, Inbox
from trimtab.settings import DeployedAt, Settings

WOKEN = tuple(function for function in EXPECTED if function != "receive")
"""Functions that leave dead letters; whoever calls `receive` hears of its failure and sends again."""
EVERY_HOUR = "inbox/clock/collect/"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("replay", help="Hand the dead letters of a function back to it.")(replay)


def replay(
    function: Annotated[str, typer.Argument(metavar="FUNCTION", help=f"one of {', '.join(WOKEN)}")],
    is_dry: Annotated[bool, typer.Option("--dry-run", help="only say what waits")] = False,
    store: StoreOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Twice is once: what was served meanwhile is only taken away, and what is served again does nothing that was done before."""
    if function not in WOKEN:
        raise BadInput(f"{function}: leaves no dead letters; those that do are {', '.join(WOKEN)}")
    with reading(store) as session:
        settings = session.ports.settings
        at = settings.deployed_at
        if at is None:
            raise BadInput("settings.deployed_at does not say where the functions run; in a cluster, workers try again by themselves")
        dead = dead_letters_of(at, settings)
        inbox = session.ports.inbox
        rows = []
        for letter in dead.letters(function):
            wakes = wakes_of(letter, at, settings)
            rows.append((names(wakes), "waits" if is_dry else given(letter, wakes, dead, inbox)))
    if output is Format.JSON:
        print_json([{"of": of, "outcome": outcome} for of, outcome in rows])
    else:
        print_table(f"Dead letters of {function}", ("of", ""), rows)


def dead_letters_of(at: DeployedAt, settings: Settings) -> DeadLetters:
    """Where they are, in that cloud."""
    if at.cloud == "gcp":
        from trimtab.adapters.gcp.dead_letters import google_dead_letters

        return google_dead_letters(at.prefix, at.project, settings.tenant)
    from trimtab.adapters.aws.dead_letters import aws_dead_letters

    return aws_dead_letters(at.prefix, at.region)


def given(letter: DeadLetter, wakes: Sequence[Wake], dead: DeadLetters, inbox: Inbox) -> str:
    """What became of one."""
    if wakes and all(inbox.is_done(wake.key) for wake in wakes):
        dead.take_away(letter)
        return "was done meanwhile; taken away"
    if wakes and all(wake.key.startswith(EVERY_HOUR) for wake in wakes):
        dead.take_away(letter)
        return "the next tick does its work; taken away"
    dead.hand_back(letter)
    return "handed back"


def names(wakes: Sequence[Wake]) -> str:
    """What it asks for, as the record names it."""
    return "; ".join(wake.url or wake.key for wake in wakes) or "nothing that can be read; its function says why in its log"


@dataclass(slots=True)
class Brought:
    """A message as the functions framework hands it over."""

    data: Mapping[str, Any]

    def __getitem__(self, _name: str) -> str:
        from functions.gcp_events import PUBSUB

        return PUBSUB


def wakes_of(letter: DeadLetter, at: DeployedAt, settings: Settings) -> Sequence[Wake]:
    """What its function would make of it; () = nothing."""
    from functions import aws_events, gcp_events

    try:
        if at.cloud == "gcp":
            wake = gcp_events.wake_of(Brought(letter.event), letter.function, settings.tenant)
            return (wake,) if wake else ()
        return tuple(aws_events.wakes(letter.event, letter.function, settings.tenant))
    except BadInput:
        return ()
