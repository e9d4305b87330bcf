"""Bills and what they cost whom: ingest, allocate, explain, and the questions about them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from trimtab.cli import cost_queries, cost_reports
from trimtab.cli.options import ConfigOption, Format, FormatOption, PeriodOption, StoreOption, ViewerOption
from trimtab.cli.output import console, plain, print_json, print_table, say, shown
from trimtab.cli.session import asking, reading, retelling
from trimtab.cli.story import print_reconciliations
from trimtab.errors import BadInput, Refused
from trimtab.flow.allocate import allocate as allocate_period
from trimtab.flow.governance import home_governance
from trimtab.flow.ingest import Loaded, ingest_files
from trimtab.flow.landed import scratch
from trimtab.ports import Superseded
from trimtab.records import BillForm
from trimtab.settings import Export
from trimtab.sources.forms import FORMS


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("ingest", help="Bills → lake: files, folders or manifests.")(ingest)
    app.command("allocate", help="Attribute a period and reconcile it with the bill.")(allocate)
    cost_queries.register(app)
    cost_reports.register(app)
    app.command("explain", help="The whole story of a row, a proposal or a verdict.")(explain)


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="files, folders or manifests", exists=True)],
    form: Annotated[str | None, typer.Option("--as", help="|".join(FORMS), metavar="FORM", show_default="what the header shows")] = None,
    export: Annotated[str, typer.Option("--export", help="slug of the export; its periods are replaced whole")] = "local",
    store: StoreOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Read bills into the lake."""
    said = _form(form)
    with reading(store, config) as session, scratch(session.ports) as folder:
        target = next((known for known in session.ports.settings.exports if known.name == export), None) or _own(export)
        submitted = datetime.fromtimestamp(_newest(paths), UTC)
        loaded = ingest_files(paths, target, session.ports, folder, now=session.now, submitted_at=submitted, form=said)
    if output is Format.JSON:
        print_json(loaded)
    else:
        rows = [(period, *_in_words(item)) for period, item in sorted(loaded.items())]
        print_table(f"Read into the lake as {export}", ("period", "rows", "billed"), rows, numbers=("rows", "billed"))
    for warning in dict.fromkeys(words for item in loaded.values() if isinstance(item, Loaded) for words in item.warnings):
        say(warning)
    newer = [period for period, item in loaded.items() if isinstance(item, Superseded) and item.newer > submitted]
    if newer:
        raise Refused(f"{', '.join(newer)}: the lake has a newer delivery of {export}; nothing was changed for it")


def _form(said: str | None) -> BillForm | None:
    for known in FORMS:
        if said == known:
            return known
    if said is not None:
        raise BadInput(f"--as {said}: {', '.join(FORMS)} are read; without --as the header says which it is")
    return None


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


def allocate(
    period: PeriodOption = None,
    who: ViewerOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Attribute and show the reconciliation; exit 1 where the parts are not the bill."""
    what = f"the reconciliation of {period or 'every period'}"
    with asking(store, config, who, what, of_all=True, opened=reading) as (session, _), scratch(session.ports) as folder:
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


def explain(
    thing: Annotated[str, typer.Argument(metavar="ID", help="row-…, alloc-…, prop-… or verdict-…")],
    who: ViewerOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """The story behind an id; ids carry their kind."""
    from trimtab.cli.story import check_may_see
    from trimtab.flow.explain_cost import explain_row

    with asking(store, config, who, thing) as (session, asker):
        if not thing.startswith(("row-", "alloc-", "prop-", "verdict-")):
            raise BadInput(f"{thing}: an id begins with row-, alloc-, prop- or verdict-")
        if thing.startswith(("prop-", "verdict-")):
            check_may_see(thing, asker, session.ports)
        story = explain_row(thing, session.ports, asker.teams) if thing.startswith(("row-", "alloc-")) else None
    if story is None:
        _explain_change(thing, store, config, output)
        return
    if output is Format.JSON:
        print_json(story)
    else:
        from trimtab.cli.story import print_tree

        for sentence in story.sentences():
            console().print(shown(sentence), soft_wrap=True)
        print_tree(plain(story))


def _explain_change(thing: str, store: str | None, config: str | None, output: Format) -> None:
    from trimtab.cli.story import explain_proposal
    from trimtab.cli.verdict_story import explain_verdict

    if thing.startswith("verdict-"):
        with retelling(store) as session:
            explain_verdict(thing, session.ports, output)
        return
    with reading(store, config) as session:
        explain_proposal(thing, session.ports, output)
