"""`trimtab ledger verify`: is the record whole, and what outside the store says so?"""

from pathlib import Path
from typing import Annotated

import typer

from trimtab.cli.options import ConfigOption, Format, FormatOption, StoreOption
from trimtab.cli.output import print_json, print_table, say
from trimtab.cli.session import reading
from trimtab.errors import BadInput, Broken

ledger = typer.Typer(help="The append-only record.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(ledger, name="ledger")


@ledger.command("verify", help="Check every hash, chain and seal; exit 1 names what broke.")
def verify(
    anchors: Annotated[bool, typer.Option("--anchors", help="compare with the seals kept outside the store (settings.anchor)")] = False,
    git: Annotated[list[Path] | None, typer.Option(help="compare with what the merges in this clone say of the record; repeatable")] = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Say what holds, or which entry does not."""
    from trimtab.adapters.localforge.marks import read_marks
    from trimtab.flow.prove import prove

    marks = [mark for clone in git or () for mark in read_marks(clone)]
    with reading(store, config) as session:
        if anchors and session.ports.anchors is None:
            raise BadInput("--anchors: settings.anchor names no second place; set it to a URL where Trimtab can only add")
        proof = prove(session.ports, with_anchors=anchors, marks=marks)
    if output is Format.JSON:
        print_json({"consistent": not proof.breaks, "proven_until": proof.proven_until or None, "breaks": proof.breaks})
    elif proof.breaks:
        print_table("Broken", ("entry", "problem"), [(item.key, item.problem) for item in proof.breaks])
    if proof.breaks:
        raise Broken(f"{proof.breaks[0].key}: {proof.breaks[0].problem}")
    proven = f"proven up to {proof.proven_until} by its anchor outside the store" if proof.proven_until else "not proven"
    kept = f"; {len(marks)} merges in Git name entries that are all there" if git else ""
    say(f"{proof.streams} streams are consistent; {proven}{kept}")
