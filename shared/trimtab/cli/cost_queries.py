"""The cost query: `trimtab costs` and its options."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from trimtab.accounting.exchange import parse_rates
from trimtab.attribution.query import CostQuery, parse_condition, parse_overhead
from trimtab.attribution.summary import Amounts
from trimtab.cli.options import ConfigOption, Format, FormatOption, PeriodOption, StoreOption, ViewerOption
from trimtab.cli.output import print_gap, print_json, print_table, say
from trimtab.cli.session import asking
from trimtab.errors import BadInput
from trimtab.flow.costs import CostRow, CostTable, Reporting
from trimtab.flow.costs import costs as cost_table
from trimtab.ports import Ports

BY_HELP = (
    "comma-separated: team, namespace, cost-center, business-unit, cluster, pool, node, workload, controller-kind, controller, pod, "
    "service, export, part, account, region, day, gpu, label:<k>, annotation:<k>, tag:<k>"
)
MONEY_COLUMNS = ("billed", "effective", "list")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("costs", help="The allocated cost by any keys.")(costs)


@dataclass(frozen=True, slots=True)
class _Words:
    """The options of `costs` as they were typed; None and () = not given."""

    idle: str | None
    idle_by: str | None
    split_idle: bool
    share: tuple[str, ...]
    split: str | None
    overhead: str | None
    filters: tuple[str, ...]

    def query(self) -> CostQuery | None:
        """None where no option is given: then a line is the sum of its rows, idle ones too. Raises BadInput."""
        if not any((self.idle, self.idle_by, self.split_idle, self.share, self.split, self.overhead, self.filters)):
            return None
        return CostQuery(
            idle=cast("Literal['separate', 'share', 'hide']", _word("--idle", self.idle or "separate", ("separate", "share", "hide"))),
            idle_by=cast("Literal['cluster', 'node']", _word("--idle-by", self.idle_by or "cluster", ("cluster", "node"))),
            split_idle=self.split_idle,
            shared=tuple(parse_condition(text, "--share") for text in self.share),
            split=cast("Literal['weighted', 'even']", _word("--share-split", self.split or "weighted", ("weighted", "even"))),
            overhead=parse_overhead(self.overhead) if self.overhead else None,
            filters=tuple(parse_condition(text, "--filter") for text in self.filters),
        )


def _word(option: str, text: str, allowed: tuple[str, ...]) -> str:
    if text not in allowed:
        raise BadInput(f"{option} {text}: expected {', '.join(allowed)}")
    return text


def costs(
    by: Annotated[str, typer.Option("--by", help=BY_HELP)] = "team",
    period: PeriodOption = None,
    idle: Annotated[
        str | None, typer.Option("--idle", help="separate, share (over who holds the rest of the resource) or hide", metavar="HOW")
    ] = None,
    idle_by: Annotated[str | None, typer.Option("--idle-by", help="cluster or node: whose idle capacity is whose", metavar="PLACE")] = None,
    split_idle: Annotated[bool, typer.Option("--split-idle", help="one idle line per cluster or node")] = False,
    share: Annotated[
        list[str] | None,
        typer.Option("--share", help="spread these rows over the others, as in namespace:kube-system", metavar="KEY:VALUE"),
    ] = None,
    split: Annotated[str | None, typer.Option("--share-split", help="weighted (by cost) or even", metavar="HOW")] = None,
    overhead: Annotated[
        str | None, typer.Option("--overhead", help="AMOUNT[/month|/day|/hour] [CURRENCY] spread over the lines", metavar="AMOUNT")
    ] = None,
    filters: Annotated[
        list[str] | None, typer.Option("--filter", help="KEY=REGEX or KEY!=REGEX; several of one key: any", metavar="KEY=REGEX")
    ] = None,
    currency: Annotated[str | None, typer.Option("--in", help="add a column in this currency, at each day's rate", metavar="CUR")] = None,
    fx: Annotated[
        Path | None, typer.Option("--fx", help="rates: date,from,to,rate (default: .trimtab/fx.csv)", exists=True, dir_okay=False)
    ] = None,
    who: ViewerOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Cost by keys; several currencies are never added."""
    words = _Words(idle, idle_by, split_idle, tuple(share or ()), split, overhead, tuple(filters or ()))
    keys = tuple(key.strip() for key in by.split(",") if key.strip())
    with asking(store, config, who, f"costs by {by} of {period or 'every period'}") as (session, asker):
        reporting = _reporting(currency, fx, session.ports)
        table = cost_table(keys, f"p-{period}" if period else None, session.ports, words.query(), reporting, asker.teams)
    if output is Format.JSON:
        print_json(table)
    else:
        _print_costs(table)


def _reporting(currency: str | None, fx: Path | None, ports: Ports) -> Reporting | None:
    from trimtab.flow.exchange import home_rates

    if currency is None:
        if fx is not None:
            raise BadInput("--fx: say the currency too, as in --in EUR")
        return None
    rates = home_rates(ports) if fx is None else parse_rates(fx.read_bytes(), str(fx))
    return Reporting(currency=currency.upper(), rates=rates)


# ── On paper ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def _print_costs(table: CostTable) -> None:
    extra = (f"in {table.reporting_currency}",) if table.reporting_currency else ()
    rows = [(*_names(row, len(table.by)), row.currency, *_money(row, extra)) for row in table.rows]
    rows += [("total", *[""] * (len(table.by) - 1), row.currency, *_money(row, extra)) for row in table.totals]
    columns = (*(table.by or ("",)), "currency", *MONEY_COLUMNS, *extra)
    print_table(f"Cost by {', '.join(table.by) or 'currency'}", columns, rows, numbers=(*MONEY_COLUMNS, *extra))
    if table.apart:
        print_gap()
        apart = [(line.name, line.currency, *_three(line.amounts)) for line in table.apart]
        print_table("The lines, hidden and filtered cost add up to", ("what", "currency", *MONEY_COLUMNS), apart, numbers=MONEY_COLUMNS)
    if table.reporting_total is not None:
        say(f"all currencies: {table.reporting_total:,.2f} {table.reporting_currency}")
    if table.missing_rates:
        say(f"no rate into {table.reporting_currency} for {_some(table.missing_rates)}: these currencies have no number there")


def _some(names: tuple[str, ...], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _names(row: CostRow, keys: int) -> tuple[str | None, ...]:
    if row.kind == "cost":
        return row.keys or ("",)
    place = "/".join(name for name in (row.cluster, row.node) if name)
    return (f"{place}/__{row.kind}__" if place else f"__{row.kind}__", *[""] * (keys - 1))


def _money(row: CostRow, extra: tuple[str, ...]) -> tuple[Decimal | None, ...]:
    return (*_three(row.amounts), row.reporting) if extra else _three(row.amounts)


def _three(amounts: Amounts) -> tuple[Decimal, Decimal, Decimal]:
    return amounts.billed, amounts.effective, amounts.list
