"""The SQL of attribution: which models there are, in what order they run, and the small tables that Python fills for them.

A model is one SELECT in `sql/`, named by its file; `statement` makes a temporary table of it. The order below is the plan of one step:
a day, or a few small ones, so that memory holds a step and not a month. Everything that reads JSON or regular expressions is Python's
(`owners.py`): it is asked once for each distinct account and tags, or cluster, namespace and labels. What SQL does is whole-number
arithmetic and joins.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files

PERIOD_MODELS = ("known_nodes",)
"""Once per period, before its steps."""
MATCH_MODELS = ("origins", "node_rows", "bins", "bin_hours")
"""Per step: which bill rows are node cost. They need `step_cost` and `bills`."""
WEIGH_MODELS = ("node_hours", "pods", "node_parts")
"""Per step: what was taken of each node. They need `step_usage`, the usage of the hours in `bin_hours`."""
SHARE_MODELS = ("marks", "shares", "placed", "amounts")
"""Per step: every line of every bin. They need `groups`; `allocated` then needs `owners`."""

ROWS_PER_MB = 500
"""Bill and usage rows that are attributed at once for each MB that the engine may use; a larger day is one step all the same."""
VIEWS = frozenset({"marks"})
"""Models with one reader: kept as views, they cost no memory."""

INPUT_TABLES = {
    "bills": "bill_id BIGINT, account VARCHAR, tags VARCHAR, cluster VARCHAR, team VARCHAR, rule VARCHAR",
    "groups": "group_id BIGINT, cluster VARCHAR, namespace VARCHAR, labels VARCHAR",
    "owners": "group_id BIGINT, bill_id BIGINT, team VARCHAR, rule VARCHAR, tags VARCHAR",
    "gpu_models": "instance_type VARCHAR, region VARCHAR, model VARCHAR",
}
"""Filled from Python while the steps run. `cluster` is '' where no tag names one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Insert:
    """A statement and its columns as parallel lists: how rows enter a session."""

    sql: str
    parameters: dict[str, list[object]]


@cache
def model(name: str) -> str:
    """The SELECT of a model, without its closing semicolon."""
    return files("trimtab.attribution").joinpath("sql", f"{name}.sql").read_text()


def statement(name: str) -> str:
    """The model as a temporary table (or view) of its name."""
    return f"CREATE OR REPLACE TEMP {'VIEW' if name in VIEWS else 'TABLE'} {name} AS\n{model(name)}"


def setup() -> tuple[str, ...]:
    """Macros and empty input tables: what a session needs first."""
    tables = (f"CREATE OR REPLACE TEMP TABLE {name} ({columns})" for name, columns in INPUT_TABLES.items())
    return (model("macros"), *tables)


def insert(table: str, rows: list[tuple[object, ...]]) -> Insert:
    """Rows for one of the input tables."""
    columns = [column.split() for column in INPUT_TABLES[table].split(", ")]
    picks = ", ".join(f"unnest(CAST(${name} AS {sql_type}[]))" for name, sql_type in columns)
    values = {name: [row[place] for row in rows] for place, (name, _) in enumerate(columns)}
    return Insert(sql=f"INSERT INTO {table} SELECT {picks}", parameters=values)


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """Days that are attributed together: first and last."""

    first: date
    last: date


def steps(sizes: Iterable[tuple[date, int]], memory_mb: int) -> tuple[Step, ...]:
    """Days in order, taken together until they are as large as memory likes; a day is never cut."""
    found: list[Step] = []
    room = 0
    for day, size in sizes:
        if found and size <= room:
            found[-1] = Step(first=found[-1].first, last=day)
        else:
            found.append(Step(first=day, last=day))
            room = memory_mb * ROWS_PER_MB
        room -= size
    return tuple(found)


def step_cost(step: Step) -> str:
    """The bill rows that begin in this step's days (UTC)."""
    return (
        "CREATE OR REPLACE TEMP TABLE step_cost AS SELECT * FROM cost WHERE "
        f"\"ChargePeriodStart\" >= TIMESTAMP '{step.first}' AND \"ChargePeriodStart\" < TIMESTAMP '{step.last + timedelta(days=1)}'"
    )


def day_slug(day: date) -> str:
    """The partition value of a day's usage."""
    return f"d-{day.isoformat()}"
