"""Whose cost is whose: the CMDB's list of teams, and the review list of owners that were learned."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from trimtab.adapters.palette.client import PaletteClient
from trimtab.cli.options import ConfigOption, Format, FormatOption, StoreOption, ViewerOption
from trimtab.cli.output import print_gap, print_json, print_table, say
from trimtab.cli.session import Session, acting, asking, deciding, reading
from trimtab.errors import BadInput, Refused
from trimtab.flow.governance import home_governance

owners = typer.Typer(help="Teams, cost centers and business units.", no_args_is_help=True)
suggestions = typer.Typer(help="Owners to confirm for namespaces that nobody owns.", invoke_without_command=True)
AsOption = Annotated[str, typer.Option("--as", help="who answers: an id from owners.yaml", metavar="WHO")]
SuggestionArgument = Annotated[str, typer.Argument(metavar="ID")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(owners, name="owners")
    app.add_typer(suggestions, name="suggestions")


# ── The CMDB's list ──────────────────────────────────────────────────────────────────────────────────────────────────
@owners.command("import", help="Compare a CMDB's CSV with .trimtab/owners.csv, or print Palette's teams for owners.yaml.")
def import_teams(
    file: Annotated[
        Path | None, typer.Argument(exists=True, dir_okay=False, help="CSV with team, cost_center, business_unit, channel, dates")
    ] = None,
    palette: Annotated[bool, typer.Option("--palette", help="Palette's teams and users as YAML, to complete and paste")] = False,
    folder: Annotated[Path, typer.Option("--config", help="the .trimtab folder", exists=True, file_okay=False)] = Path(".trimtab"),
    write: Annotated[bool, typer.Option("--write", help="write owners.csv into the folder; commit it as you would any rule")] = False,
    output: FormatOption = Format.TABLE,
) -> None:
    """What changes, after the whole folder was read with the new list: nothing is written that a run would refuse."""
    if palette == (file is not None):
        raise BadInput("owners import: name a CSV, or say --palette")
    if file is None:
        _print_palette(folder)
    else:
        _take_csv(file, folder, output, is_written=write)


def _print_palette(folder: Path) -> None:
    """The teams of the deployment's Palette, with the Slack ids of those whom Slack finds by their address."""
    from trimtab.policy.owners_import import owners_yaml

    with acting(None, str(folder)) as session:
        teams = PaletteClient.of(session.ports.settings).teams()
        addresses = sorted({address for _, found in teams for address in found})
        chat = session.ports.chat
        slack = {address: chat.user_of(address) or "" for address in addresses} if chat.is_configured else {}
        known = home_governance(session.ports).people if (folder / "owners.yaml").exists() else ()
    sys.stdout.write(owners_yaml(teams, slack, known))
    found = sum(map(bool, slack.values()))
    say(f"{len(teams)} teams, {len(addresses)} people, {found} of them in Slack; every login on the forge is yours to fill in")


def _take_csv(file: Path, folder: Path, output: Format, *, is_written: bool) -> None:
    from trimtab.policy.cmdb import parse_teams_csv, teams_csv

    target = folder / "owners.csv"
    kept = target.read_bytes() if target.exists() else b""
    before = parse_teams_csv(kept, str(target)) if kept else ()
    after = parse_teams_csv(file.read_bytes(), str(file), is_export=True)
    content = teams_csv(after)
    _check_folder(folder, content)
    changes = _changes(before, after)
    if output is Format.JSON:
        print_json([{"change": change, "row": row} for change, *row in changes])
    else:
        columns = ("", "team", "cost center", "business unit", "channel", "from", "to")
        print_table(f"{file.name} against {target}", columns, changes)
    if is_written and content != kept:
        partial = target.with_name(target.name + ".trimtab-partial")
        partial.write_bytes(content)
        partial.replace(target)
    say(f"{target}: {'written' if is_written else 'not written; add --write'}; {len(after)} rows, {len(changes)} changed")


def _check_folder(folder: Path, content: bytes) -> None:
    """Raises BadInput where the rules cannot be read with this list."""
    from trimtab.flow.governance import PATHS, checked_governance
    from trimtab.policy.cmdb import OWNERS_CSV

    there = {path: folder / path.rsplit("/", 1)[1] for path in PATHS}
    files = {path: file.read_bytes() for path, file in there.items() if file.exists()}
    checked_governance(files | {OWNERS_CSV: content})


def _changes(before: Sequence[Any], after: Sequence[Any]) -> list[tuple[object, ...]]:
    """(sign, columns…) of every row that is in one of the two only."""
    old, new = (
        {(row.team, row.cost_center, row.business_unit, row.channel, row.valid_from, row.valid_to) for row in rows}
        for rows in (before, after)
    )
    changed = [("-", *row) for row in old - new] + [("+", *row) for row in new - old]
    return sorted(changed, key=lambda row: (row[1], str(row[5] or ""), row[0] == "+"))


# ── The review list ──────────────────────────────────────────────────────────────────────────────────────────────────
@suggestions.callback()
def listing(
    context: typer.Context,
    who: ViewerOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """The newest list: what is suggested, what is not and why, what was answered and waits for its rule."""
    if context.invoked_subcommand is not None:
        return
    from trimtab.flow.suggestions import review_list

    with asking(store, config, who, "what nobody owns, and whose it may be", of_all=True, opened=reading) as (session, _):
        document: dict[str, Any] = dict(review_list(session.ports))
    if output is Format.JSON:
        print_json(document)
        return
    _print_suggested(document)
    _print_rest(document)
    say(document["quality"]["says"] if document["quality"] else "nothing was learned, so nothing is known of how right it would be")
    say("a suggestion books nothing: `trimtab suggestions accept ID --as WHO` prints the rule that would")


def _print_suggested(document: dict[str, Any]) -> None:
    columns = ("id", "cluster", "namespace", "team", "confidence", "because", "unowned", "currency")
    rows = [
        (
            row["id"],
            row["cluster"],
            row["namespace"],
            row["team"],
            f"{row['score']:.2f}",
            ", ".join(row["because"]),
            row["unowned"],
            row["currency"],
        )
        for row in document["suggested"]
    ]
    print_table(f"Suggested owners, {document['period']}", columns, rows, numbers=("confidence", "unowned"))


def _print_rest(document: dict[str, Any]) -> None:
    if document["not_suggested"]:
        print_gap()
        columns = ("cluster", "namespace", "reason", "unowned", "currency")
        print_table(
            "No suggestion", columns, [tuple(row[column] for column in columns) for row in document["not_suggested"]], numbers=("unowned",)
        )
    if document.get("answered"):
        print_gap()
        rows = [(row["place"], row["team"], row["by"], row["rule"]) for row in document["answered"]]
        print_table("Answered, waiting for a rule in owners.yaml", ("namespace", "team", "by", "rule"), rows)


@suggestions.command("accept", help="Yes, it is that team's; --team says that it is another one's.")
def accept(
    suggestion: SuggestionArgument,
    who: AsOption,
    team: Annotated[str | None, typer.Option("--team", help="whose it is, where it is not the suggested team's")] = None,
    store: StoreOption = None,
) -> None:
    """Record a yes and print the rule to add."""
    from trimtab.flow.suggestions import answer, suggested_team

    with deciding(store) as session:
        _check_people(who, team or suggested_team(suggestion, session.ports), session)
        given = answer(suggestion, "accepted", team, who, session.ports, session.now)
    typer.echo(given.rule)
    say(f"{given.place} is {given.team}'s, says {given.by}; nothing is booked: add the rule above to .trimtab/owners.yaml")


@suggestions.command("reject", help="No; it is not suggested for that team again.")
def reject(suggestion: SuggestionArgument, who: AsOption, store: StoreOption = None) -> None:
    """Record a no."""
    from trimtab.flow.suggestions import answer

    with deciding(store) as session:
        _check_people(who, None, session)
        given = answer(suggestion, "rejected", None, who, session.ports, session.now)
    say(f"{given.place} is not {given.suggested}'s, says {given.by}; the next learning leaves it out")


def _check_people(who: str, team: str | None, session: Session) -> None:
    """Only persons and teams that the rules know: an answer teaches the model."""
    from trimtab.flow.governance import home_governance

    governance = home_governance(session.ports)
    people = [person.called for person in governance.people]
    if who not in people:
        raise Refused(f"--as {who}: owners.yaml lists {', '.join(people) or 'nobody'}")
    if team is not None and team not in {known.name for known in governance.teams}:
        names = ", ".join(sorted(known.name for known in governance.teams)) or "none"
        raise BadInput(f"team {team}: owners.yaml knows no such team; say whose it is with --team; known: {names}")
