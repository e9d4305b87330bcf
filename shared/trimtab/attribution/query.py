"""What allocated cost can be asked for: keys, conditions, idle capacity, shared tenants and overhead, as SQL over `allocated`.

The order of operations is OpenCost's (`AllocationSet.AggregateBy`): who holds what is settled before any filter, so that a filter never
makes the rest dearer; idle capacity goes by resource to those who hold the rest of it; shared cost goes by what each line costs without
idle. The arithmetic is in `sql/query_*.sql`; here are the names and the words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Literal

from trimtab.attribution.model import model
from trimtab.errors import BadInput
from trimtab.patterns import checked
from trimtab.tables import text_literal
from trimtab.units import MONEY_SCALE

KEYS = {
    "team": '"x_Team"',
    "namespace": '"x_Namespace"',
    "cost-center": '"x_CostCenter"',
    "business-unit": '"x_BusinessUnit"',
    "cluster": '"x_Cluster"',
    "pool": '"x_Pool"',
    "node": '"x_Node"',
    "workload": '"x_Workload"',
    "controller-kind": '"x_WorkloadKind"',
    "controller": """CASE WHEN "x_WorkloadKind" IS NULL THEN "x_Workload" ELSE "x_WorkloadKind" || ':' || "x_Workload" END""",
    "deployment": """CASE WHEN lower("x_WorkloadKind") = 'deployment' THEN "x_Workload" END""",
    "statefulset": """CASE WHEN lower("x_WorkloadKind") = 'statefulset' THEN "x_Workload" END""",
    "daemonset": """CASE WHEN lower("x_WorkloadKind") = 'daemonset' THEN "x_Workload" END""",
    "job": """CASE WHEN lower("x_WorkloadKind") = 'job' THEN "x_Workload" END""",
    "pod": '"x_Pod"',
    "service": '"ServiceName"',
    "export": '"x_Export"',
    "part": '"x_Part"',
    "reason": '"x_Reason"',
    "confidence": '"x_Confidence"',
    "shared-rule": '"x_SharedRule"',
    "account": 'coalesce("SubAccountId", "BillingAccountId")',
    "region": '"RegionId"',
    "gpu": '"x_GpuModel"',
    "day": """strftime("ChargePeriodStart", '%Y-%m-%d')""",
    "period": '"x_Period"',
}
"""What `--by` takes, and its column. Besides these: `label:<key>` and `annotation:<key>` of pods, `tag:<key>` of the bill."""
UNALLOCATED = "__unallocated__"
"""In a condition: the rows that have no such value."""
LARGEST_OVERHEAD = Decimal(10) ** 12
SETUP_MODELS = ("macros", "query_macros")
TABLE_MODELS = ("query_cells", "query_idle", "query_idle_marks", "query_idle_shares", "query_pools", "query_marks", "query_kept")
"""In this order; `query_amounts` is a view after `query_cells`, `query_result` the answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """A key and what its value must be."""

    key: str
    pattern: str
    """Regular expression over the whole value; `__unallocated__` = has none."""
    is_negated: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Overhead:
    """A cost beside the bill that is spread over the lines."""

    amount: Decimal
    per: Literal["total", "month", "day", "hour"] = "total"
    """month, day and hour: of the calendar months asked for."""
    currency: str | None = None
    """None = the only one there is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CostQuery:
    """How the lines are made; the defaults are OpenCost's."""

    idle: Literal["separate", "share", "hide"] = "separate"
    idle_by: Literal["cluster", "node"] = "cluster"
    split_idle: bool = False
    """One idle line per cluster (or node) instead of one."""
    shared: tuple[Condition, ...] = ()
    """Rows that match any of these are spread over the others."""
    split: Literal["weighted", "even"] = "weighted"
    overhead: Overhead | None = None
    filters: tuple[Condition, ...] = ()
    """Rows of one key match any of its conditions, of several keys all; a negated condition must hold by itself."""


def parse_condition(text: str, option: str) -> Condition:
    """`namespace=team-a.*`, `namespace!=kube-system`, `namespace:kube-system`, `label:app=web`. Raises BadInput."""
    key, equals, value = text.partition("=")
    if not equals:
        key, _, value = text.rpartition(":")
    key, is_negated = key.removesuffix("!").strip(), key.endswith("!")
    if not key or not value:
        raise BadInput(f"{option} {text}: expected KEY=VALUE or KEY!=VALUE, as in namespace=team-a.*")
    column(key, option)
    try:
        checked(value)
    except BadInput as error:
        raise BadInput(f"{option} {text}: {error}") from None
    return Condition(key=key, pattern=value, is_negated=is_negated)


def parse_overhead(text: str) -> Overhead:
    """`168`, `100/month`, `7/hour EUR`. Raises BadInput."""
    words = text.split()
    number, _, per = words[0].partition("/") if words else ("", "", "")
    try:
        amount = Decimal(number)
    except InvalidOperation:
        amount = Decimal("NaN")
    units = {"": "total", "month": "month", "day": "day", "hour": "hour"}
    if not amount.is_finite() or not 0 <= amount < LARGEST_OVERHEAD or per not in units or len(words) not in {1, 2}:
        raise BadInput(f"--overhead {text}: expected AMOUNT, AMOUNT/month, AMOUNT/day or AMOUNT/hour, and a currency after it, if any")
    exponent = amount.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > MONEY_SCALE:
        raise BadInput(f"--overhead {text}: more than {MONEY_SCALE} decimals")
    found: Literal["total", "month", "day", "hour"] = units[per]  # type: ignore[assignment]
    return Overhead(amount=amount, per=found, currency=words[1].upper() if len(words) > 1 else None)


# ── Keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def column(key: str, option: str = "--by") -> str:
    """SQL of one key, as text or NULL. A tag of the node is no label of the pod. Raises BadInput where there is no such key."""
    kind, _, name = key.partition(":")
    if name and kind in {"label", "annotation", "tag"}:
        return _FOREIGN[kind](name)
    if key not in KEYS:
        raise BadInput(f"{option} {key}: no such key; there are {', '.join(KEYS)}, label:KEY, annotation:KEY and tag:KEY")
    return f"CAST({KEYS[key]} AS VARCHAR)"


def _label(name: str) -> str:
    own = f'CASE WHEN json_exists("Tags", {_pointer(name)}) THEN NULL ELSE {_tagged("AllocatedTags", name)} END'
    return f'CASE WHEN "AllocatedResourceId" IS NOT NULL THEN coalesce({_tagged("AllocatedTags", f"label/{name}")}, {own}) END'


def _annotation(name: str) -> str:
    return f'CASE WHEN "AllocatedResourceId" IS NOT NULL THEN {_tagged("AllocatedTags", f"annotation/{name}")} END'


def _tag(name: str) -> str:
    return _tagged("Tags", name)


_FOREIGN = {"label": _label, "annotation": _annotation, "tag": _tag}


def _tagged(source: str, key: str) -> str:
    return f'json_extract_string("{source}", {_pointer(key)})'


def _pointer(key: str) -> str:
    """A key as one step of a JSON pointer (RFC 6901), as a SQL literal."""
    return text_literal("/" + key.replace("~", "~0").replace("/", "~1"))


def holds(condition: Condition) -> str:
    """SQL of a condition; never NULL."""
    value = column(condition.key)
    if condition.pattern == UNALLOCATED:
        text = f"({value}) IS NULL"
    else:
        text = f"coalesce(regexp_full_match({value}, {text_literal(condition.pattern)}), false)"
    return f"NOT ({text})" if condition.is_negated else text


def _any(conditions: Sequence[Condition]) -> str:
    return " OR ".join(f"({holds(condition)})" for condition in conditions) or "false"


def _all(conditions: Sequence[Condition]) -> str:
    """Any of a key's positive conditions, and every key; every negated one."""
    positive = [condition for condition in conditions if not condition.is_negated]
    groups = [_any([one for one in positive if one.key == key]) for key in dict.fromkeys(one.key for one in positive)]
    groups += [holds(condition) for condition in conditions if condition.is_negated]
    return " AND ".join(f"({group})" for group in groups) or "true"


# ── Statements ───────────────────────────────────────────────────────────────────────────────────────────────────────
def plain_query(by: Sequence[str], *, reporting: bool = False) -> str:
    """Cost by keys and nothing else: key values, currency, billed, effective, list, and `reporting` where it is asked for.

    The largest effective cost of a currency first.
    """
    converted = ', sum("x_Reporting")' if reporting else ""
    picks = "".join(f"{column(key)} AS k{place}, " for place, key in enumerate(by))
    groups = "".join(f"k{place}, " for place in range(len(by)))
    return (
        f'SELECT {picks}"BillingCurrency" AS currency, sum("BilledCost"), sum("EffectiveCost") AS effective, sum("ListCost"){converted} '
        f"FROM {'rated' if reporting else 'allocated'} GROUP BY {groups}currency ORDER BY currency, effective DESC, {groups}currency"
    )


def converted(rates: Sequence[tuple[str, date, Decimal]]) -> str:
    """`allocated` with x_Reporting, its effective cost at the rate of its day (currency, day, rate); NULL where there is no rate."""
    lines = [
        f"SELECT {text_literal(currency)} AS currency, DATE '{day}' AS day, CAST('{rate:f}' AS DECIMAL(24, 12)) AS rate"
        for currency, day, rate in rates
    ]
    empty = "SELECT CAST(NULL AS VARCHAR) AS currency, CAST(NULL AS DATE) AS day, CAST(NULL AS DECIMAL(24, 12)) AS rate WHERE false"
    return (
        f"CREATE OR REPLACE TEMP TABLE query_rates AS {' UNION ALL '.join([*lines, empty])};\n"
        "CREATE OR REPLACE TEMP VIEW rated AS\n"
        'SELECT a.*, CAST(a."EffectiveCost" * r.rate AS DECIMAL(38, 12)) AS "x_Reporting" FROM allocated AS a\n'
        'LEFT JOIN query_rates AS r ON r.currency = a."BillingCurrency" AND r.day = CAST(a."ChargePeriodStart" AS DATE)'
    )


def preparation(
    by: Sequence[str], query: CostQuery, overheads: Sequence[tuple[str, Decimal]], *, reporting: bool = False
) -> tuple[str, ...]:
    """Statements that leave `query_result` ready to be asked; `overheads` are (currency, amount).

    They need the view `allocated`, and `rated` where a reporting currency is asked for.
    """
    tables = [f"CREATE OR REPLACE TEMP TABLE {name} AS\n{model(name)}" for name in TABLE_MODELS]
    amounts = f"CREATE OR REPLACE TEMP VIEW query_amounts AS\n{model('query_amounts')}"
    setup = [model(name) for name in SETUP_MODELS]
    return (*setup, _options(query), _overheads(overheads), _rows(by, query, reporting=reporting), tables[0], amounts, *tables[1:])


def result() -> str:
    """The answer: shown, is_kept, line, currency, cluster, node, source, measure, amount in whole units."""
    return model("query_result")


def _rows(by: Sequence[str], query: CostQuery, *, reporting: bool) -> str:
    """The view that `query_cells` sums: every allocated row with its line and what it is to this query."""
    keys = ", ".join(column(key) for key in by)
    node = '"x_Node"' if query.idle_by == "node" else "CAST(NULL AS VARCHAR)"
    held = {
        name: f'CASE WHEN "x_Pod" IS NOT NULL OR "x_Part" = \'idle\' THEN "{name}" END'
        for name in ("x_CpuCost", "x_MemoryCost", "x_GpuCost")
    }
    return f"""
CREATE OR REPLACE TEMP VIEW query_rows AS
SELECT
  kind, CASE WHEN kind IN ('own', 'outside') THEN line END AS line, currency,
  CASE WHEN kind <> 'outside' THEN cluster END AS cluster, CASE WHEN kind <> 'outside' THEN node END AS node,
  kind = 'shared' OR is_kept AS is_kept, billed, effective, list, reporting, cpu, memory, gpu
FROM (
  SELECT
    CASE
      WHEN "x_Part" = 'idle' THEN 'idle' WHEN {_any(query.shared)} THEN 'shared'
      WHEN "x_Part" = 'not-kubernetes' THEN 'outside' ELSE 'own'
    END AS kind,
    CAST([{keys}] AS VARCHAR[]) AS line,
    "BillingCurrency" AS currency, "x_Cluster" AS cluster, {node} AS node, {_all(query.filters)} AS is_kept,
    "BilledCost" AS billed, "EffectiveCost" AS effective, "ListCost" AS list,
    {'"x_Reporting"' if reporting else "CAST(NULL AS DECIMAL(38, 12))"} AS reporting,
    {held["x_CpuCost"]} AS cpu, {held["x_MemoryCost"]} AS memory, {held["x_GpuCost"]} AS gpu
  FROM {"rated" if reporting else "allocated"}
)"""


def _options(query: CostQuery) -> str:
    values = f"{query.split == 'even'} AS is_even, {query.idle == 'share'} AS is_idle_shared"
    return f"CREATE OR REPLACE TEMP TABLE query_options AS SELECT {values}"


def _overheads(overheads: Sequence[tuple[str, Decimal]]) -> str:
    lines = [
        f"SELECT {text_literal(currency)} AS currency, '{measure}' AS measure, "
        f"CAST({amount.scaleb(MONEY_SCALE):.0f} AS DECIMAL(38, 0)) AS amount"
        for currency, amount in overheads
        for measure in ("billed", "effective", "list")
    ]
    empty = "SELECT NULL AS currency, NULL AS measure, CAST(NULL AS DECIMAL(38, 0)) AS amount WHERE false"
    return f"CREATE OR REPLACE TEMP TABLE query_overhead AS {' UNION ALL '.join([*lines, empty])}"
