"""What auditors and policy authors run: ledger verify, policy check, schema."""

from pathlib import Path
from typing import Annotated

import typer

from trimtab.cli.options import ConfigOption, Format, FormatOption, StoreOption
from trimtab.cli.output import print_json, print_table, say
from trimtab.cli.session import reading
from trimtab.errors import Broken

ledger = typer.Typer(help="The append-only record.", no_args_is_help=True)
policy = typer.Typer(help="The rules in .trimtab/.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(ledger, name="ledger")
    app.add_typer(policy, name="policy")
    app.command("schema", help="JSON Schema of .trimtab/'s files, for editors.")(schema)


@ledger.command("verify", help="Check every hash, chain and seal; exit 1 names what broke.")
def verify(store: StoreOption = None, config: ConfigOption = None, output: FormatOption = Format.TABLE) -> None:
    """Say what holds, or which entry does not."""
    with reading(store, config) as session:
        breaks = session.ports.ledger.verify()
        streams = len(session.ports.ledger.heads()) if not breaks else 0
    if output is Format.JSON:
        print_json({"consistent": not breaks, "breaks": breaks})
    elif breaks:
        print_table("Broken", ("entry", "problem"), [(item.key, item.problem) for item in breaks])
    if breaks:
        raise Broken(f"{breaks[0].key}: {breaks[0].problem}")
    say(f"{streams} streams are consistent; not proven against an anchor outside the store")


@policy.command("check", help="Lint config.yaml, policy.yaml, owners.yaml and what stands beside them.")
def check(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="the .trimtab folder")] = Path(".trimtab"),
    output: FormatOption = Format.TABLE,
) -> None:
    """Read the files as strictly as a run does."""
    from trimtab.flow.governance import PATHS, checked_governance

    names = {path: folder / path.rsplit("/", 1)[1] for path in PATHS}
    governance = checked_governance({name: path.read_bytes() for name, path in names.items() if path.exists()})
    if output is Format.JSON:
        print_json(governance)
    else:
        rules = f"{len(governance.rules)} rules, {len(governance.owner_rules)} owner rules"
        say(f"{folder}: readable; policy version {governance.version[:16]}, {rules}")


def schema() -> None:
    """Print it."""
    from trimtab.policy.rules import governance_schema

    print_json(governance_schema())
