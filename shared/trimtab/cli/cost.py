"""Bills, usage and what they cost whom: ingest, usage, allocate, costs, explain."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from trimtab.attribution.summary import Amounts
from trimtab.cli.options import ConfigOption, Format, FormatOption, StoreOption
from trimtab.cli.output import plain, print_json, print_table
from trimtab.cli.session import reading
from trimtab.cli.story import print_reconciliations
from trimtab.errors import BadInput, Refused
from trimtab.flow.allocate import allocate as allocate_period
from trimtab.flow.costs import costs as cost_table
from trimtab.flow.governance import home_governance
from trimtab.flow.ingest import Loaded, ingest_files, ingest_usage
from trimtab.flow.landed import publish_demand, scratch
from trimtab.ports import Superseded
from trimtab.settings import Export

PeriodOption = Annotated[str | None, typer.Option("--period", help="YYYY-MM (default: every period)", metavar="YYYY-MM")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("ingest", help="Bills → lake: files, folders or manifests.")(ingest)
    app.command("usage", help="A usage drop → lake.")(usage)
    app.command("allocate", help="Attribute a period and reconcile it with the bill.")(allocate)
    app.command("costs", help="The allocated cost by any keys.")(costs)
    app.command("explain", help="The whole story of a row or a proposal.")(explain)


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="files, folders or manifests", exists=True)],
    form: Annotated[str, typer.Option("--as", help="the export's form")] = "focus",
    export: Annotated[str, typer.Option("--export", help="slug of the export; its periods are replaced whole")] = "local",
    store: StoreOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Read bills into the lake."""
    if form != "focus":
        raise BadInput(f"--as {form}: this version reads focus (FOCUS 1.0 and 1.2)")
    with reading(store, config) as session, scratch(session.ports) as folder:
        target = next((known for known in session.ports.settings.exports if known.name == export), None) or _own(export)
        submitted = datetime.fromtimestamp(_newest(paths), UTC)
        loaded = ingest_files(paths, target, session.ports, folder, now=session.now, submitted_at=submitted)
    if output is Format.JSON:
        print_json(loaded)
    else:
        rows = [(period, *_in_words(item)) for period, item in sorted(loaded.items())]
        print_table(f"Read into the lake as {export}", ("period", "rows", "billed"), rows, numbers=("rows", "billed"))
    newer = [period for period, item in loaded.items() if isinstance(item, Superseded) and item.newer > submitted]
    if newer:
        raise Refused(f"{', '.join(newer)}: the lake has a newer delivery of {export}; nothing was changed for it")


def _own(export: str) -> Export:
    try:
        return Export(name=export, prefix="file:///", billing_account="*")
    except ValidationError:
        raise BadInput(f"--export {export!a}: a slug of small letters, digits and - is expected") from None


def _newest(paths: list[Path]) -> float:
    """When the newest of the files was written: a corrected file in an old folder is a newer delivery."""
    files = (file for path in paths for file in (path.rglob("*") if path.is_dir() else (path,)))
    return max((file.stat().st_mtime for file in files if file.is_file()), default=0.0)


def _in_words(item: Loaded | Superseded) -> tuple[object, str]:
    if isinstance(item, Superseded):
        return None, f"was here before, delivered {item.newer:%Y-%m-%d %H:%M} UTC"
    return item.rows, ", ".join(str(money) for money in item.billed)


def usage(
    path: Annotated[Path, typer.Argument(exists=True, help="the drop's folder, or its completion marker")],
    allow_gaps: Annotated[bool, typer.Option("--allow-gaps", help="take a drop with missing hours; they stay unknown")] = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Read a usage drop into the lake."""
    marker = path / "_complete.json" if path.is_dir() else path
    with reading(store, config) as session, scratch(session.ports) as folder:
        drop = ingest_usage(f"file://{marker.absolute()}", session.ports, folder, allow_gaps=allow_gaps)
        publish_demand(drop.cluster_uid, drop.cluster, drop.cluster_slug, session.ports)
    loaded = plain(drop)
    print_json(loaded) if output is Format.JSON else print_table("Read into the lake", ("what", "value"), sorted(loaded.items()))


def allocate(
    period: PeriodOption = None, store: StoreOption = None, config: ConfigOption = None, output: FormatOption = Format.TABLE
) -> None:
    """Attribute and show the reconciliation; exit 1 where the parts are not the bill."""
    with reading(store, config) as session, scratch(session.ports) as folder:
        governance = home_governance(session.ports)
        periods = [f"p-{period}"] if period else sorted({part["x_Period"] for part in session.ports.lake.partitions("cost")})
        if not periods:
            raise BadInput("the lake has no cost yet: ingest a bill first")
        done = [allocate_period(one, session.ports, governance, folder, session.now) for one in periods]
    behind = [f"{one.period} of {part.export}" for one in done for part in one.exports if isinstance(part.version, Superseded)]
    if behind:
        raise Refused(f"{', '.join(behind)}: attributed by a run that is as new or newer; its rows stay")
    rows = [item for one in done for item in one.summary.reconciliations]
    if output is Format.JSON:
        print_json(rows)
    else:
        print_reconciliations(rows)


def costs(
    by: Annotated[
        str,
        typer.Option(
            "--by",
            help="comma-separated: team, namespace, cluster, pool, node, workload, service, export, part, account, region, day, "
            "label:<k>, tag:<k>",
        ),
    ] = "team",
    period: PeriodOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Cost by keys; several currencies are never added."""
    with reading(store, config) as session:
        keys = tuple(key.strip() for key in by.split(",") if key.strip())
        table = cost_table(keys, f"p-{period}" if period else None, session.ports)
    if output is Format.JSON:
        print_json(table)
        return
    rows = [(*row.keys, row.currency, *_three(row.amounts)) for row in table.rows]
    rows += [("total", *[""] * (len(keys) - 1), row.currency, *_three(row.amounts)) for row in table.totals]
    print_table(
        f"Cost by {', '.join(keys)}", (*keys, "currency", "billed", "effective", "list"), rows, numbers=("billed", "effective", "list")
    )


def _three(amounts: Amounts) -> tuple[Decimal, Decimal, Decimal]:
    return amounts.billed, amounts.effective, amounts.list


def explain(
    thing: Annotated[str, typer.Argument(metavar="ID", help="row-…, alloc-… or prop-…")],
    store: StoreOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """The story behind an id; ids carry their kind."""
    from trimtab.cli.story import explain_proposal
    from trimtab.flow.explain_cost import explain_row

    with reading(store, config) as session:
        if thing.startswith("prop-"):
            explain_proposal(thing, session.ports, output)
            return
        if not thing.startswith(("row-", "alloc-")):
            raise BadInput(f"{thing}: an id begins with row-, alloc- or prop-")
        story = explain_row(thing, session.ports)
    if output is Format.JSON:
        print_json(story)
    else:
        from trimtab.cli.story import print_tree

        print_tree(plain(story))
