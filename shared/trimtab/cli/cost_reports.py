"""Reports on allocated cost: unit rates, the variance between estimate and bill, and the sample that a person checks."""

from decimal import Decimal
from typing import Annotated, cast

import typer

from trimtab.accounting.audit_sample import Accuracy
from trimtab.cli.options import ConfigOption, Format, FormatOption, PeriodOption, StoreOption, ViewerOption
from trimtab.cli.output import print_gap, print_json, print_table, say
from trimtab.cli.session import asking, deciding
from trimtab.errors import BadInput, Refused
from trimtab.flow.audit_sample import Sample, draw
from trimtab.flow.audit_sample import answer as keep_answer
from trimtab.flow.governance import home_governance
from trimtab.flow.unit_rates import Scope, unit_rates
from trimtab.flow.variance import VarianceReport
from trimtab.flow.variance import variance as variance_report
from trimtab.ports import Ports
from trimtab.records import Person

RATE_COLUMNS = ("per CPU-hour", "per GiB-hour", "per GPU-hour", "CPU-hours", "GiB-hours", "GPU-hours", "efficiency")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("rates", help="What a CPU, a GiB and a GPU cost for an hour.")(rates)
    app.command("variance", help="List price times usage against the bill, by cause.")(variance)
    sample = typer.Typer(help="Draw allocated rows for a person to check, and keep the answers.")
    sample.callback(invoke_without_command=True)(audit_sample)
    sample.command("answer", help="Say whether a drawn row is right.")(audit_answer)
    app.add_typer(sample, name="audit-sample")


def rates(
    by: Annotated[str, typer.Option("--by", help="cluster, pool or instance-type")] = "pool",
    period: PeriodOption = None,
    who: ViewerOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Unit rates; a place without hours of something has no rate for it."""
    with asking(store, config, who, f"unit rates by {by} of {period or 'every period'}", of_all=True) as (session, _):
        found = unit_rates(cast("Scope", by), period, session.ports)
    if output is Format.JSON:
        print_json(found)
        return
    rows = [
        (row.name, row.currency, _plain(row.cpu_hour), _plain(row.memory_hour), _plain(row.gpu_hour), row.cpu_hours, row.memory_hours,
         row.gpu_hours, _plain(row.efficiency))
        for row in found.rows
    ]  # fmt: skip
    print_table(f"Unit rates by {by}", (by, "currency", *RATE_COLUMNS), rows, numbers=RATE_COLUMNS)


def _plain(value: Decimal | None) -> str | None:
    """All digits: rates are small."""
    return None if value is None else f"{value:f}"


def variance(
    period: PeriodOption = None,
    by: Annotated[str | None, typer.Option("--by", help="cluster (default: all together)")] = None,
    who: ViewerOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """The causes add up to the difference between estimate and bill, exactly."""
    if by not in {None, "cluster"}:
        raise BadInput(f"--by {by}: the variance is by cluster, or of all together")
    with asking(store, config, who, f"the variance of {period or 'every period'}", of_all=True) as (session, _):
        report = variance_report(period, session.ports, by_cluster=by == "cluster")
    if output is Format.JSON:
        print_json(report)
    else:
        _print_variance(report)


def _print_variance(report: VarianceReport) -> None:
    for row in report.rows:
        place = "" if row.cluster == "" else f" of {row.cluster or 'what is outside clusters'}"
        lines = [("list price times usage", row.estimate), *row.causes, ("the bill", row.bill)]
        print_table(f"Variance{place} in {row.currency}", ("cause", "amount"), lines, numbers=("amount",))
        print_gap()
    say(f"list prices: {report.catalog}")
    for name in report.missing_prices:
        say(f"no catalog price: {name}; it is in no estimate")


# ── The sample ───────────────────────────────────────────────────────────────────────────────────────────────────────
def audit_sample(
    context: typer.Context,
    size: Annotated[int, typer.Option("--size", help="rows")] = 60,
    seed: Annotated[int, typer.Option("--seed", help="the same seed over the same rows draws the same sample")] = 1,
    period: Annotated[str | None, typer.Option("--period", help="YYYY-MM (default: the newest)", metavar="YYYY-MM")] = None,
    currency: Annotated[str | None, typer.Option("--currency", help="needed where the period has several", metavar="CUR")] = None,
    who: ViewerOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Draw a sample by money, or show the one that was drawn with what its answers say."""
    if context.invoked_subcommand:
        return
    with asking(store, config, who, f"a sample of {period or 'the newest period'}", of_all=True) as (session, _):
        sample = draw(period, size, seed, currency, session.ports, session.now)
    if output is Format.JSON:
        print_json(sample)
    else:
        _print_sample(sample)


def audit_answer(
    row_id: Annotated[str, typer.Argument(metavar="ID", help="alloc-…, as the sample lists it")],
    said: Annotated[str, typer.Argument(metavar="yes|no", help="does the row stand where it should?")],
    who: Annotated[str, typer.Option("--as", help="who says so: a person's id in owners.yaml; file:// stores only")],
    reason: Annotated[str, typer.Option("--reason", help="why, needed with no")] = "",
    store: StoreOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Record an answer, and say what all of them say."""
    if said not in {"yes", "no"}:
        raise BadInput(f"{said}: expected yes or no")
    if said == "no" and not reason.strip():
        raise BadInput("--reason: say what is wrong with the row")
    with deciding(store) as session:
        person = _listed(who, session.ports)
        found = keep_answer(row_id, is_right=said == "yes", reason=reason, who=person.id, ports=session.ports, now=session.now)
    if output is Format.JSON:
        print_json(found)
    else:
        typer.echo(_accuracy(found))


def _listed(who: str, ports: Ports) -> Person:
    people = home_governance(ports).people
    for person in people:
        if person.called == who:
            return person
    raise Refused(f"--as {who}: owners.yaml lists {', '.join(person.called for person in people) or 'nobody'}")


def _print_sample(sample: Sample) -> None:
    rows = [
        (row.id, row.money, "/".join(name for name in (row.namespace, row.pod) if name) or row.service, row.team or row.part,
         row.owner_rule or row.shared_rule)
        for row in sample.rows
    ]  # fmt: skip
    title = f"{len(sample.rows)} rows of {sample.period} in {sample.currency}, seed {sample.seed}"
    print_table(title, ("id", "cost", "what", "whose", "rule"), rows, numbers=("cost",))
    say("trimtab explain ID tells a row's story; trimtab audit-sample answer ID yes|no --as WHO records what you find")
    say(_accuracy(sample.accuracy))


def _accuracy(found: Accuracy) -> str:
    if found.share is None:
        return f"{found.answered} of {found.drawn} answered; no accuracy yet: {found.reason}"
    return (
        f"{found.answered} of {found.drawn} answered: {found.share:.2%} of the money stands where it should "
        f"({found.low:.2%} to {found.high:.2%}; {found.method})"
    )
