"""`trimtab doctor`: would what the rules ask for really happen? Green, yellow or red for each thing, and what to do."""

import typer

from trimtab.cli.options import ConfigOption, Format, FormatOption, StoreOption
from trimtab.cli.output import print_json, print_table
from trimtab.cli.session import acting
from trimtab.errors import Refused


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor", help="Green, yellow or red: what works, what would be approved and still be stuck, and what to do.")(doctor)


def doctor(store: StoreOption = None, config: ConfigOption = None, output: FormatOption = Format.TABLE) -> None:
    """Look at everything; exit 1 where something is red."""
    from trimtab.flow.preflight import preflight

    with acting(store, config) as session:
        items = preflight(session.ports, session.now)
        named = session.ports.named
        rows = [(item.color, item.about, named(item.detail), item.todo) for item in items]
    if output is Format.JSON:
        print_json([{"color": color, "about": about, "detail": detail, "todo": todo} for color, about, detail, todo in rows])
    else:
        print_table("Doctor", ("", "what", "is", "to do"), rows, whole=("",))
    red = [about for color, about, _, _ in rows if color == "red"]
    if red:
        raise Refused(f"red: {', '.join(red)}")
