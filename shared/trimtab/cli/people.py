"""`trimtab people`: whom the record knows, and forgetting somebody."""

from typing import Annotated

import typer

from trimtab.cli.options import StoreOption
from trimtab.cli.session import acting
from trimtab.errors import Refused

people = typer.Typer(help="The people behind the record's keys.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(people, name="people")


@people.command("erase", help="Forget who somebody was: the record keeps a key that nobody can read any more.")
def erase(
    name: Annotated[str, typer.Argument(help="what owners.yaml calls them")],
    account: Annotated[list[str] | None, typer.Option("--account", help="a Slack id or login that owners.yaml no longer lists")] = None,
    is_sure: Annotated[bool, typer.Option("--yes", help="there is no way back")] = False,
    store: StoreOption = None,
) -> None:
    """Delete what ties a name to its key, and the requests that came from that person."""
    from trimtab.flow.erase import erase as erase_now

    if not is_sure:
        raise Refused(f"{name}: erasing cannot be undone; say --yes")
    with acting(store) as session:
        typer.echo(erase_now(name, session.ports, session.now, tuple(account or ())))


@people.callback()
def _group() -> None:
    """The people behind the record's keys."""
