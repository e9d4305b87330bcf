"""`trimtab backtest`: would another size have served? Policies fitted on the first part of a demand trace and judged on the rest."""

import tempfile
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from trimtab.cli.options import ConfigOption, Format, FormatOption, StoreOption
from trimtab.cli.output import console, print_gap, print_json, print_table, shown
from trimtab.cli.progress import Bar
from trimtab.errors import BadInput
from trimtab.records import Cloud, InstanceType

if TYPE_CHECKING:
    from trimtab.analysis.demand import Demand
    from trimtab.analysis.replay import Backtest, Replay

COLUMNS = ("policy", "capacity", "slack", "saving", "violations per 1,000 node-hours")
POOLS = ("pool", "now", "trimtab", "saving", "violations now", "violations then", "decision", "why")
HINDSIGHT = "hindsight: the least constant size that would have missed no more than the current one; known only afterwards"
MEMORY_MB = 2048


class Policy(StrEnum):
    """What sizes a pool."""

    CURRENT = "current"
    MAX = "max"
    P99 = "p99"
    KUBECOST = "kubecost"
    VPA = "vpa"
    TRIMTAB = "trimtab"


class By(StrEnum):
    """What counts as demand."""

    REQUESTS = "requests"
    USE = "use"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("backtest", help="Would it have served? Sizes fitted on the first part of a demand trace, judged on the rest.")(backtest)


def backtest(
    demand: Annotated[Path, typer.Argument(help="demand trace, .csv or .parquet", metavar="DEMAND")],
    instance_type: Annotated[
        str | None, typer.Option("--instance-type", help="what a node is (default: one GPU, else one core, else one GiB)", metavar="T")
    ] = None,
    cloud: Annotated[str, typer.Option("--cloud", help="where the type is sold: aws, gcp or azure")] = "aws",
    region: Annotated[str, typer.Option("--region", help="where the type is sold")] = "us-east-1",
    nodes: Annotated[
        list[str] | None,
        typer.Option("--nodes", help="nodes that are there now: N, or POOL=N, more than once (default: the fitted peak)", metavar="N"),
    ] = None,
    fit_days: Annotated[int | None, typer.Option("--fit-days", help="days to fit on (default: two thirds)", metavar="D")] = None,
    pool: Annotated[str | None, typer.Option("--pool", help="only this pool of the trace", metavar="NAME")] = None,
    policy: Annotated[list[Policy] | None, typer.Option("--policy", help="only these, more than once")] = None,
    by: Annotated[By | None, typer.Option("--by", help="demand is what pods ask for or what they use, without an instance type")] = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Read, fit, judge, print; exit 1 where nothing could be judged."""
    del store, config  # a trace has all that is asked; the options are there because every command takes them
    from trimtab.analysis.backtest import backtest as judge
    from trimtab.analysis.backtest import refused
    from trimtab.analysis.policies import POLICIES

    bar = Bar()
    demands = _chosen(_read(demand, bar), pool, demand.name)
    sizes = _nodes(nodes or (), demands, demand.name)
    instance = _instance(cloud, region, instance_type) if instance_type else None
    names = [one.value for one in policy] if policy else list(POLICIES)
    answers, last = {}, None
    for done, (name, trace) in enumerate(demands.items(), 1):
        try:
            answers[name] = judge(
                trace, instance=instance, nodes=sizes.get(name), fit_days=fit_days, policies=names, basis=by.value if by else None
            )
        except BadInput as error:
            last = BadInput(f"{demand.name}{f', pool {name}' if name else ''}: {error}")
            answers[name] = refused(trace, instance, sizes.get(name), str(error))
        bar.step("judging pools", done, len(demands))
    if last is not None and all(answer.decision == "refuse" for answer in answers.values()):
        raise last  # what no pool could take is wrong with the question
    _print(demand.name, answers, demands, output)
    if all(answer.decision == "refuse" for answer in answers.values()):
        raise typer.Exit(1)


# ── What was asked ───────────────────────────────────────────────────────────────────────────────────────────────────
def _read(path: Path, bar: Bar) -> "dict[str, Demand]":
    """By an engine that may read that folder and nothing else."""
    from trimtab.adapters.demand_trace import read_trace
    from trimtab.adapters.duckdb import DuckDb

    whole = path.resolve()
    with tempfile.TemporaryDirectory(prefix="trimtab-") as scratch:
        engine = DuckDb(directories=(whole.parent,), scratch=Path(scratch), memory_mb=MEMORY_MB)
        return read_trace(engine, whole, lambda percent: bar.step(f"reading {path.name}", percent, 100))


def _chosen(demands: "dict[str, Demand]", pool: str | None, file: str) -> "dict[str, Demand]":
    if pool is None:
        return demands
    if pool not in demands:
        raise BadInput(f"--pool {pool}: {file} has no such pool; it has {_some(list(demands))}")
    return {pool: demands[pool]}


def _nodes(given: Sequence[str], pools: Mapping[str, object], file: str) -> dict[str, int]:
    """Pool → nodes; a number without a pool is for all of them."""
    sizes: dict[str, int] = {}
    for text in given:
        name, sign, number = text.rpartition("=")
        if not number.isascii() or not number.isdigit() or not 0 < int(number) <= 1_000_000:
            raise BadInput(f"--nodes {text}: expected N or POOL=N, a whole number from 1 to 1,000,000")
        if sign and name not in pools:
            raise BadInput(f"--nodes {text}: {file} has no pool {name!r}; it has {_some(list(pools))}")
        sizes |= {name: int(number)} if sign else {one: int(number) for one in pools if one not in sizes}
    return sizes


def _instance(cloud: str, region: str, name: str) -> InstanceType:
    from trimtab.adapters.catalog import BundledCatalog

    if cloud not in get_args(Cloud):
        raise BadInput(f"--cloud {cloud}: expected {', '.join(get_args(Cloud))}")
    place, catalog = cast("Cloud", cloud), BundledCatalog()
    found = catalog.find(place, region, name)
    if found is not None:
        return found
    offered = [kind.name for kind in catalog.offered(place, region)]
    if not offered:
        raise BadInput(f"--region {region}: the bundled catalog has nothing of {cloud} there")
    near = get_close_matches(name, offered, n=3)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise BadInput(f"--instance-type {name}: unknown in {cloud} {region}{hint}")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{', '.join(repr(name) for name in names[:5])}{more}"


# ── What is answered ─────────────────────────────────────────────────────────────────────────────────────────────────
def _print(file: str, answers: "Mapping[str, Backtest]", demands: "Mapping[str, Demand]", output: Format) -> None:
    if output is Format.JSON:
        print_json(_document(answers))
    elif len(answers) == 1:
        [(name, answer)] = answers.items()
        _print_one(f"{file}, pool {name}" if name else file, answer, demands[name])
    else:
        _print_many(file, answers)


def _document(answers: "Mapping[str, Backtest]") -> object:
    """One pool: its object alone. Several: `pools` with an object each, and `total` over those that were judged."""
    from trimtab.analysis.backtest import total

    if len(answers) == 1:
        return next(iter(answers.values())).as_json()
    added = {name: one.as_json() for name, one in total(answers).items()}
    best = added.pop("hindsight", None)
    asked = next((answer.policies for answer in answers.values() if answer.policies), ())
    together = {"current": added.get("current"), "policies": [added[one.policy] for one in asked], "hindsight": best}
    return {"pools": {name: answer.as_json() for name, answer in answers.items()}, "total": together}


def _print_one(title: str, answer: "Backtest", demand: "Demand") -> None:
    from trimtab.render.charts import chart_of

    if answer.decision != "refuse":
        _say(f"Fitted on {answer.fitted_days} days, judged on the {answer.current.judged_days} after them")
        print_table(title, COLUMNS, [_row(one) for one in _replays(answer)], numbers=COLUMNS[1:])
        _say(HINDSIGHT)
        print_gap()
        new = next((one.nodes for one in answer.policies if one.policy == "trimtab"), answer.current.nodes)
        _say(f"Demand below the capacity now ({answer.current.nodes}) and as trimtab would have it ({new}), in {_unit(answer.current)}")
        _say(chart_of(answer.chart, demand.start, demand.end))
        print_gap()
    _say(f"Decision: {answer.decision}")
    for reason in answer.reasons:
        _say(f"- {reason}.")


def _print_many(file: str, answers: "Mapping[str, Backtest]") -> None:
    from trimtab.analysis.backtest import total

    print_table(f"{file}: {len(answers)} pools", POOLS, [_pool(*one) for one in answers.items()], numbers=POOLS[1:6])
    added = total(answers)
    if added:
        judged = sum(answer.decision != "refuse" for answer in answers.values())
        print_gap()
        print_table(f"All {judged} judged pools together", COLUMNS, [_row(one) for one in added.values()], numbers=COLUMNS[1:])
        _say(HINDSIGHT)


def _pool(name: str, answer: "Backtest") -> tuple[object, ...]:
    ours = next((one for one in answer.policies if one.policy == "trimtab"), None)
    now = answer.current
    if answer.decision == "refuse" or ours is None:
        return name, now.nodes, None, None, None, None, answer.decision, answer.reasons[0]
    old, new = (f"{one.violations_per_1000_node_hours:.2f}" for one in (now, ours))
    return name, now.nodes, ours.nodes, f"{ours.saving:.1%}", old, new, answer.decision, answer.reasons[0]


def _replays(answer: "Backtest") -> "list[Replay]":
    return [*answer.policies, *((answer.hindsight,) if answer.hindsight else ())]


def _row(one: "Replay") -> tuple[object, ...]:
    return (
        one.policy,
        f"{one.nodes} x {one.instance_type}",
        f"{one.slack:.1%}",
        f"{one.saving:.1%}",
        f"{one.violations_per_1000_node_hours:.2f}",
    )


def _unit(one: "Replay") -> str:
    return f"units of {one.instance_type}" if one.instance_type[0].isdigit() else f"nodes of {one.instance_type}"


def _say(text: str) -> None:
    """Text on stdout, line by line, that no control character can bend."""
    for line in text.split("\n"):
        console().print(shown(line))
