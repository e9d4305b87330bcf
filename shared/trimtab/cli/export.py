"""`trimtab export`: the allocated cost as FOCUS files."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from trimtab.cli.options import ConfigOption, Format, FormatOption, StoreOption, ViewerOption
from trimtab.cli.output import print_json, print_table
from trimtab.cli.session import asking
from trimtab.flow.export import export_focus
from trimtab.flow.landed import scratch


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export", help="The allocated cost as FOCUS 1.2 files (Parquet), one for each export and period.")(export)


def export(
    period: Annotated[str | None, typer.Option("--period", help="YYYY-MM (default: every period)", metavar="YYYY-MM")] = None,
    name: Annotated[str | None, typer.Option("--export", help="slug of the export (default: all)")] = None,
    out: Annotated[Path, typer.Option("--out", help="folder for the files")] = Path("focus"),
    who: ViewerOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Write the files, and say which; a file appears in the folder when it is complete."""
    what = f"FOCUS files of {period or 'every period'} of {name or 'every export'}"
    with asking(store, config, who, what) as (session, asker), scratch(session.ports) as folder:
        written = export_focus(period, name, session.ports, folder / "focus", asker.teams)
        out.mkdir(parents=True, exist_ok=True)
        for file in written:
            _move(file.path, out / file.path.name)
    rows = [(file.export, file.period.removeprefix("p-"), file.rows, str(out / file.path.name)) for file in written]
    if output is Format.JSON:
        print_json([dict(zip(("export", "period", "rows", "path"), row, strict=True)) for row in rows])
    else:
        print_table("FOCUS 1.2 files", ("export", "period", "rows", "path"), rows, numbers=("rows",))


def _move(made: Path, wanted: Path) -> None:
    """Over file systems too: copied beside its place first, then renamed."""
    part = wanted.with_name(f".{wanted.name}.part")
    shutil.copyfile(made, part)
    part.replace(wanted)
