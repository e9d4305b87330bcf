"""The SQL of attribution: which models there are, in what order they run, and the small tables that Python fills for them.

A model is one SELECT in `sql/`, named by its file; `statement` makes a temporary table of it. The order below is the plan of one step:
a day, or a few small ones, so that memory holds a step and not a month. Everything that reads JSON or regular expressions is Python's
(`owners.py`): it is asked once for each distinct account and tags, or cluster, namespace and labels. What SQL does is whole-number
arithmetic and joins.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from math import ceil

PERIOD_MODELS = ("known_nodes", "known_assets", "projects")
"""Once per period, before its steps."""
MATCH_MODELS = ("origins", "node_rows", "owned_rows", "bins", "bin_hours")
"""Per step: which bill rows are node cost, or one namespace's. They need `step_cost` and `bills`."""
WEIGH_MODELS = ("node_hours", "pods", "node_parts")
"""Per step: what was taken of each node. They need `step_usage`, the usage of the hours in `bin_hours`."""
SHARE_MODELS = ("marks", "shares", "placed", "cut_rows", "amounts", "lines")
"""Per step: every line of every bin. They need `groups` and `kinds`; `split_rows` and `whole_rows` then need `owners`."""

SPENT_MODELS = ("pods", "node_hours", "bin_hours")
"""What a step needs no more once its lines are there: writing rows takes all the memory there is."""

SPAN_MODELS = ("spans", "span_hours")
"""Per step of the second round, over `pieces`: whose usage is asked for."""
SPREAD_MODELS = ("spent", "consumers", "stretches", "cut_rows", "amounts", "lines")
"""Per step of the second round: over whom pieces are shared. They need `span_usage`, `owners`, `weights` and `attributed` (what the first
round wrote); `split_rows` then gives the rows."""
SECOND_ROUND = {
    "seen_bills": "seen_span_bills", "seen_groups": "seen_span_groups", "seen_owners": "seen_span_owners",
    "cut_rows": "cut_shared_rows", "lines": "shared_lines",
}  # fmt: skip
"""What these views are in the second round."""

ROWS_PER_MB = 500
"""Bill and usage rows that are attributed at once for each MB that the engine may use."""
MOST_PARTS = 256
"""Into how many parts a day is cut at most: by two digits of a hash."""
VIEWS = frozenset({"marks", "cut_rows", "lines", "seen_bills", "seen_groups", "seen_owners"})
"""Models with one reader: kept as views, they cost no memory."""

_OWNER = "team VARCHAR, cost_center VARCHAR, business_unit VARCHAR"
INPUT_TABLES = {
    "options": "cpu_weight BIGINT, memory_weight BIGINT, gpu_weight BIGINT, idle VARCHAR",
    "bills": f"bill_id BIGINT, account VARCHAR, tags VARCHAR, cluster VARCHAR, {_OWNER}, rule VARCHAR",
    "groups": "group_id BIGINT, cluster VARCHAR, namespace VARCHAR, labels VARCHAR, annotations VARCHAR, shared_rule VARCHAR",
    "owners": f"group_id BIGINT, bill_id BIGINT, {_OWNER}, rule VARCHAR, tags VARCHAR",
    "kinds": "bill_id BIGINT, service VARCHAR, resource_type VARCHAR, category VARCHAR, rule VARCHAR",
    "gpu_models": "instance_type VARCHAR, region VARCHAR, model VARCHAR",
    "sharing": "rule VARCHAR, recipients VARCHAR, split VARCHAR, driver VARCHAR, unit VARCHAR",
    "weights": (
        f"rule VARCHAR, scope VARCHAR, cluster VARCHAR, namespace VARCHAR, {_OWNER}, owner_rule VARCHAR, "
        "starts TIMESTAMP, ends TIMESTAMP, value BIGINT"
    ),
    "private_rates": (
        "cluster VARCHAR, place BIGINT, rate VARCHAR, currency VARCHAR, tags VARCHAR, cpu BIGINT, memory BIGINT, gpu BIGINT, "
        "storage BIGINT, starts TIMESTAMP, ends TIMESTAMP"
    ),
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


def statement(name: str, model_name: str = "") -> str:
    """The model as a temporary table (or view) of its name; in the second round some views are other models (SECOND_ROUND)."""
    return f"CREATE OR REPLACE TEMP {'VIEW' if name in VIEWS else 'TABLE'} {name} AS\n{model(model_name or name)}"


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
    """Days that are attributed together: first and last, all decided by one set of owner rules; or part `part` of `parts` of one day."""

    first: date
    last: date
    epoch: int = 0
    part: int = 0
    parts: int = 1

    @property
    def name(self) -> str:
        """Of its files."""
        return day_slug(self.first) + (f"-{self.part:03}" if self.parts > 1 else "")


def steps(sizes: Iterable[tuple[date, int]], memory_mb: int, epoch: Callable[[date], int] = lambda _day: 0) -> tuple[Step, ...]:
    """Days in order, taken together until they are as large as memory likes or the owner rules change; a larger day is cut into parts."""
    found: list[Step] = []
    room, most = 0, memory_mb * ROWS_PER_MB
    for day, size in sizes:
        parts = min(ceil(size / most), MOST_PARTS) if most else 1
        if found and size <= room and found[-1].epoch == epoch(day):
            found[-1] = replace(found[-1], last=day)
        else:
            found += [Step(first=day, last=day, epoch=epoch(day), part=part, parts=parts) for part in range(max(parts, 1))]
            room = most
        room -= size
    return tuple(found)


def step_cost(step: Step) -> str:
    """The bill rows that begin in this step's days (UTC); of a day in parts, those whose resource belongs to the part.

    Rows of one resource stay together, because they are split alike: by the last segment of the ResourceId, which is what nodes are
    matched by (known_nodes.sql).
    """
    return (
        "CREATE OR REPLACE TEMP TABLE step_cost AS SELECT * FROM cost WHERE "
        f"\"ChargePeriodStart\" >= TIMESTAMP '{step.first}' AND \"ChargePeriodStart\" < TIMESTAMP '{step.last + timedelta(days=1)}'"
        + _of_part(step)
    )


def _of_part(step: Step) -> str:
    if step.parts == 1:
        return ""
    tail = """lower(regexp_extract(coalesce("ResourceId", ''), '([^/:]+)$', 1))"""
    digits = f"substr(sha256(CASE WHEN {tail} = '' THEN \"x_RowId\" ELSE {tail} END), 1, 2)"
    low, high = (number * MOST_PARTS // step.parts for number in (step.part, step.part + 1))
    return f" AND {digits} >= '{low:02x}'" + (f" AND {digits} < '{high:02x}'" if high < MOST_PARTS else "")


def day_slug(day: date) -> str:
    """The partition value of a day's usage."""
    return f"d-{day.isoformat()}"
