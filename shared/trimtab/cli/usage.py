"""Usage into the lake: a collector's drops, and what OpenCost or Kubecost saved; and their numbers against ours."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from trimtab.accounting.compare import Cause, Compared
from trimtab.cli.options import ConfigOption, Format, FormatOption, StoreOption, ViewerOption
from trimtab.cli.output import plain, print_json, print_table, say
from trimtab.cli.session import Session, asking, reading
from trimtab.errors import BadInput
from trimtab.flow.compare_usage import compare_answers
from trimtab.flow.import_opencost import Answer, ImportChoice, import_answers
from trimtab.flow.ingest_usage import UsageLoaded, ingest_usage
from trimtab.flow.landed import publish_demand, scratch
from trimtab.flow.usage_drop import MARKER

MENTIONED = Decimal("0.005")
"""Smaller causes are in the JSON."""
ANSWERS = ("*.json", "*.json.gz")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("usage", help="A usage drop, or saved /allocation answers of OpenCost or Kubecost → lake.")(usage)
    app.command("compare", help="OpenCost's or Kubecost's numbers against ours, per namespace and day, with the causes.")(compare)


def usage(
    path: Annotated[
        Path,
        typer.Argument(exists=True, help="a drop's folder or completion marker; or /allocation answers: a .json, .json.gz or a folder"),
    ],
    allow_gaps: Annotated[bool, typer.Option("--allow-gaps", help="take a drop with missing hours; they stay unknown")] = False,
    assets: Annotated[Path | None, typer.Option("--assets", exists=True, help="saved /assets answers: what the nodes have")] = None,
    cluster: Annotated[list[str] | None, typer.Option("--cluster", metavar="NAME=UID", help="a cluster's Palette uid")] = None,
    spread: Annotated[bool, typer.Option("--spread", help="take steps over an hour, spread evenly: estimates")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="let the answers hold over hours that the lake has")] = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Read usage into the lake."""
    marker = path / MARKER if path.is_dir() else path
    is_drop = marker.name == MARKER and marker.is_file()
    if is_drop and (assets or cluster or spread or replace):
        raise BadInput(f"{path}: a drop says all of it itself; --assets, --cluster, --spread and --replace are for /allocation answers")
    with reading(store, config) as session, scratch(session.ports) as folder:
        if is_drop:
            loaded = [ingest_usage(f"file://{marker.absolute()}", session.ports, folder, allow_gaps=allow_gaps)]
        else:
            choice = ImportChoice(uids=_uids(cluster or ()), may_spread=spread, replaces=replace)
            loaded = import_answers(_answers(path), _answers(assets) if assets else (), choice, session.ports, folder, session.now)
        _tell(loaded, session, output, is_drop=is_drop)


def _tell(loaded: Sequence[UsageLoaded], session: Session, output: Format, *, is_drop: bool) -> None:
    for each in loaded:
        publish_demand(each.cluster_uid, each.cluster, each.cluster_slug, session.ports)
        for warning in each.warnings if not is_drop else ():
            say(warning)
    if output is Format.JSON:
        print_json(loaded[0] if is_drop else list(loaded))
        return
    for each in loaded:
        print_table("Read into the lake", ("what", "value"), sorted(plain(each).items()))


def compare(
    path: Annotated[Path, typer.Argument(exists=True, help="saved /allocation answers: a .json, .json.gz or a folder of them")],
    currency: Annotated[str | None, typer.Option("--currency", help="of their numbers, where ours are in several")] = None,
    who: ViewerOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Say where another tool's numbers differ from ours, and why."""
    with asking(store, config, who, "our numbers beside another tool's", of_all=True) as (session, _):
        found = compare_answers(_answers(path), currency, session.ports)
    if output is Format.JSON:
        print_json({**plain(found), "rows": [{**plain(row), "difference": plain(row.difference)} for row in found.rows]})
        return
    print_table(
        f"Theirs against ours, {found.currency}", ("day", "cluster", "namespace", "theirs", "ours", "difference", "because"),
        [_line(row) for row in found.rows], numbers=("theirs", "ours", "difference"),
    )  # fmt: skip
    print_table(
        "All together", ("because", "difference"), [(cause.reason, cause.amount) for cause in found.causes], numbers=("difference",)
    )


def _line(row: Compared) -> tuple[object, ...]:
    return row.day, row.cluster, row.namespace, row.theirs, row.ours, row.difference, _because(row.causes)


def _because(causes: Sequence[Cause]) -> str:
    return (
        "; ".join(f"{cause.reason} {cause.amount:+,.2f}" for cause in causes if abs(cause.amount) >= MENTIONED)
        or "the same, but for rounding"
    )


def _answers(path: Path) -> tuple[Answer, ...]:
    files = sorted(file for pattern in ANSWERS for file in path.glob(pattern)) if path.is_dir() else [path]
    if not files:
        raise BadInput(f"{path}: neither a drop ({MARKER}) nor saved answers (.json, .json.gz)")
    return tuple((file.name, file.read_bytes()) for file in files)


def _uids(pairs: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        name, _, uid = pair.partition("=")
        if not name or not uid or name in found:
            raise BadInput(f"--cluster {pair!a}: expected NAME=UID, each name once")
        found[name] = uid
    return found
