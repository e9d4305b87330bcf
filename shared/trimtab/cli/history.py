"""Days before the first export, from the clouds' billing APIs: history."""

from datetime import date
from typing import Annotated

import typer

from trimtab import wiring
from trimtab.cli.options import Format, FormatOption, StoreOption, ViewerOption
from trimtab.cli.output import print_json, print_table, say
from trimtab.cli.session import asking, reading
from trimtab.errors import BadInput
from trimtab.flow.history import import_history


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("history", help="Daily cost before the first export, from a cloud's billing API.")(history)


def history(
    source: Annotated[str, typer.Option("--from", help="aws (Cost Explorer) or azure (Cost Management)", metavar="CLOUD")],
    export: Annotated[str, typer.Option("--export", help="slug of the export that these days come before")],
    start: Annotated[str, typer.Option("--start", help="first day", metavar="DATE")],
    end: Annotated[str | None, typer.Option("--end", help="the day after the last (default: today)", metavar="DATE")] = None,
    scope: Annotated[str, typer.Option("--scope", help="azure: /subscriptions/…, a management group or a billing account")] = "",
    who: ViewerOption = None,
    store: StoreOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Ask a billing API and keep its days, so that a first forecast exists."""
    what = f"daily cost of {export} as {source} tells it"
    with asking(store, None, who, what, of_all=True, opened=reading) as (session, _):
        asked = wiring.cost_history(session.ports.settings, source, scope)
        until = _date(end, "--end") if end else session.now.date()
        kept = import_history(export, asked, _date(start, "--start"), until, session.ports, session.now)
    if kept.warning:
        say(kept.warning)
    if output is Format.JSON:
        print_json(kept)
        return
    rows = [(currency, f"{total:,.2f}") for currency, total in kept.totals]
    print_table(
        f"{kept.source}: {kept.days} days of {kept.export}, {kept.first} to {kept.last}", ("currency", "total"), rows, numbers=("total",)
    )


def _date(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{option} {text}: expected YYYY-MM-DD") from None
