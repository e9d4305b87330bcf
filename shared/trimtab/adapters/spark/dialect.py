"""Which SQL a model may be made of: what DuckDB and Spark are known to compute alike, and nothing else.

Two engines that differ in the last unit of money would be two truths. So the list says what may stand, node by node of the parsed
statement, and what is not on it is refused by name before it runs: `/` and doubles (binary fractions), sums of what has no exact type,
orders that are not total, functions whose answers differ at the edges. A name gets onto the list together with a case in the
contract test that runs it on both engines.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokens import TokenType

from trimtab.errors import BadInput

STRUCTURE = frozenset({
    "Alias", "Array", "Case", "Column", "CTE", "DataType", "DataTypeParam", "Distinct", "From", "Group", "Having", "Identifier", "If", "In",
    "Interval", "Join", "Limit", "Literal", "Null", "Boolean", "Order", "Ordered", "Paren", "Placeholder", "ReadParquet", "Select", "Star",
    "Subquery", "PropertyEQ", "Struct", "Table", "TableAlias", "Tuple", "Union", "Var", "Where", "Window", "WindowSpec", "With", "Exists",
})  # fmt: skip
OPERATORS = frozenset({
    "Add", "Sub", "Mul", "Mod", "Neg", "IntDiv", "DPipe", "And", "Or", "Not", "Is", "EQ", "NEQ", "GT", "GTE", "LT", "LTE", "Between",
    "Like", "NullSafeEQ", "NullSafeNEQ", "Cast",
})  # fmt: skip
FUNCTIONS = frozenset({
    "Abs", "Ceil", "Coalesce", "Concat", "Count", "DateDiff", "DenseRank", "Explode", "Filter", "GenerateSeries", "Greatest", "Least",
    "Length", "LogicalAnd", "LogicalOr", "Lower", "Max", "Min", "Nullif", "Pad", "RegexpExtract", "Right", "RowNumber", "SHA2",
    "Substring", "Sum", "TimestampTrunc", "TimeToStr",
})  # fmt: skip
TYPES = frozenset({"TEXT", "VARCHAR", "BIGINT", "INT", "DECIMAL", "BOOLEAN", "DATE", "TIMESTAMP", "TIMESTAMPNTZ", "INT128"})
"""Types that a CAST may name; HUGEINT (INT128) only around the two sides of `//`."""
UNITS = frozenset({"SECOND", "MINUTE", "HOUR", "DAY", "MONTH"})
FORMATS = {"%Y": "yyyy", "%m": "MM", "%d": "dd", "%H": "HH", "%M": "mm", "%S": "ss"}
"""strftime's directives and what they are called in Spark."""

_MACRO = re.compile(
    r"CREATE\s+(?:OR\s+REPLACE\s+)?(?:TEMP(?:ORARY)?\s+)?MACRO\s+(\w+)\s*\(([^)]*)\)\s+AS\s+(.*)", re.IGNORECASE | re.DOTALL
)
_SCANS = frozenset({"union_by_name", "hive_partitioning", "hive_types"})
_FORMAT = re.compile(r"(?:%[YmdHMS]|[-:. ])*")
_PATTERN = re.compile(r"[^\\]*")

Node = Any
"""A node of sqlglot's tree; sqlglot is not typed here."""


@dataclass(frozen=True, slots=True)
class Macro:
    """A scalar macro: its parameters, and the parsed expression that it stands for."""

    name: str
    parameters: tuple[str, ...]
    body: Node


def statements(sql: str) -> tuple[str, ...]:
    """The statements of a text, without comments around them and closing semicolons."""
    found: list[list[Any]] = [[]]
    for token in sqlglot.tokenize(sql, read="duckdb"):
        if token.token_type == TokenType.SEMICOLON:
            found.append([])
        else:
            found[-1].append(token)
    return tuple(sql[tokens[0].start : tokens[-1].end + 1] for tokens in found if tokens)


def macro_of(statement: str) -> Macro | None:
    """The macro that a statement makes; None where it makes none."""
    match = _MACRO.fullmatch(statement)
    if match is None:
        return None
    name, parameters, body = match.groups()
    return Macro(name=name.lower(), parameters=tuple(part.strip().lower() for part in parameters.split(",")), body=parse(body).copy())


@cache
def parse(sql: str) -> Node:
    """One statement or expression as a tree, to be copied before it is changed. Raises BadInput where it is no DuckDB SQL."""
    try:
        return sqlglot.parse_one(sql, read="duckdb")
    except SqlglotError as error:
        raise BadInput(f"SQL for Spark: it cannot be parsed: {str(error).splitlines()[0]}") from None


def check(tree: Node, macros: Mapping[str, Macro]) -> None:
    """Raise BadInput that names the first thing that is not known to be the same on both engines."""
    for problem in problems(tree, macros):
        raise BadInput(f"SQL for Spark: {problem}")


def problems(tree: Node, macros: Mapping[str, Macro]) -> Iterator[str]:
    """Everything in a query or expression that both engines are not known to compute alike, each in one sentence."""
    for node in tree.walk():
        kind = type(node).__name__
        if kind == "Anonymous":
            if node.name.lower() not in macros:
                yield f"{node.name}(…) is not on the list of functions that DuckDB and Spark compute alike"
        elif kind not in STRUCTURE | OPERATORS | FUNCTIONS:
            yield f"{_shown(node)}: {kind} is not on the list of what DuckDB and Spark compute alike"
        elif (rule := _RULES.get(kind)) and (problem := rule(node)):
            yield f"{_shown(node)}: {problem}"


def _shown(node: Node) -> str:
    text = " ".join(node.sql("duckdb", comments=False).split())
    return text if len(text) <= 60 else f"{text[:59]}…"


# ── What a node may be, where its kind alone does not say ────────────────────────────────────────────────────────────
def _cast(node: Node) -> str | None:
    kind = node.to.this.name
    if kind not in TYPES:
        return f"{kind} is not among the types of both engines; money is DECIMAL, and there are no doubles"
    is_divided = type(node.parent).__name__ == "IntDiv"
    return "HUGEINT stands only around the sides of //" if kind == "INT128" and not is_divided else None


def _int_div(node: Node) -> str | None:
    sides = {side.to.this.name if type(side).__name__ == "Cast" else "" for side in (node.this, node.expression)}
    return None if sides in ({"INT128"}, {"BIGINT"}) else "cast both sides of // to HUGEINT or both to BIGINT, as exact_div does"


def _literal(node: Node) -> str | None:
    return "a number with an exponent is a double" if not node.is_string and "e" in node.name.lower() else None


def _in(node: Node) -> str | None:
    above = node.parent
    while isinstance(above, exp.And | exp.Paren):
        above = above.parent
    is_plain = node.args.get("query") is None or isinstance(above, exp.Where)
    return None if is_plain else "IN (SELECT …) stands only in WHERE, by itself or after AND: elsewhere Spark answers false for unknown"


def _join(node: Node) -> str | None:
    return f"{node.args['method']} joins are DuckDB's own" if node.args.get("method") else None


def _limit(node: Node) -> str | None:
    selected = node.parent.expressions if isinstance(node.parent, exp.Select) else [node]
    is_constant = all(isinstance(column, exp.Literal) for column in selected)
    return None if is_constant else "LIMIT picks rows, and each engine picks others; use row_number over a total order"


def _union(node: Node) -> str | None:
    right = node.expression
    is_plain = (
        isinstance(right, exp.Select) and right.is_star and isinstance(right.args["from_"].this, exp.Table) and node.this.named_selects
    )
    return (
        "BY NAME is carried over for names on its left and SELECT * FROM one table on its right"
        if node.args.get("by_name") and not is_plain
        else None
    )


def _distinct(node: Node) -> str | None:
    return "DISTINCT ON keeps whichever row comes first; use row_number over a total order" if node.args.get("on") else None


def _order(node: Node) -> str | None:
    is_query = isinstance(node.parent, exp.Select | exp.Union | exp.Window | exp.Subquery)
    return None if is_query else "an order inside an aggregate is dropped on the way to Spark"


def _group(node: Node) -> str | None:
    extra = [name for name in ("grouping_sets", "cube", "rollup", "totals") if node.args.get(name)]
    return f"{extra[0]} is not carried over" if extra else None


def _unit(node: Node) -> str | None:
    unit = node.args.get("unit")
    return None if unit is not None and unit.name.upper() in UNITS else f"its unit must be one of {', '.join(sorted(UNITS))}"


def _format(node: Node) -> str | None:
    known = isinstance(node.args.get("format"), exp.Literal) and _FORMAT.fullmatch(node.args["format"].name)
    return None if known else f"its format may hold {' '.join(FORMATS)} and - : . and blanks"


def _pattern(node: Node) -> str | None:
    literal = isinstance(node.expression, exp.Literal) and _PATTERN.fullmatch(node.expression.name)
    return None if literal else "its pattern must be a literal without backslashes, which the engines read differently"


def _regexp(node: Node) -> str | None:
    if node.args.get("parameters") is not None:
        return "no options: they have other letters on Spark"
    return "(?…) means other things to RE2 than to Java" if "(?" in node.expression.name else _pattern(node)


def _sha(node: Node) -> str | None:
    return None if node.args["length"].name == "256" else "only sha256 is on the list"


def _window(node: Node) -> str | None:
    spec = node.args.get("spec")
    return None if spec is None or spec.args.get("kind") == "ROWS" else "a frame is ROWS; RANGE and GROUPS are not on the list"


def _explode(node: Node) -> str | None:
    is_series = isinstance(node.this, exp.GenerateSeries) and isinstance(node.parent, exp.Alias | exp.Select)
    return None if is_series else "unnest is carried over for generate_series, as a column of its own"


def _scan(node: Node) -> str | None:
    named = {option.this.name: option.expression for option in node.expressions[1:]}
    if unknown := sorted(set(named) - _SCANS):
        return f"option {unknown[0]} of read_parquet is not carried over"
    if any(not isinstance(each.expression, exp.Column) or each.expression.name != "VARCHAR" for each in _members(named.get("hive_types"))):
        return "partition values are text: hive_types = {'a': VARCHAR}"
    is_typed = ("hive_partitioning" in named) == ("hive_types" in named)
    return None if is_typed else "hive_partitioning and hive_types go together"


def _members(struct: Node | None) -> list[Node]:
    return list(struct.expressions) if struct is not None else []


_RULES: Mapping[str, Callable[[Node], str | None]] = {
    "Cast": _cast, "DateDiff": _unit, "Distinct": _distinct, "Explode": _explode, "Group": _group, "In": _in, "IntDiv": _int_div,
    "Interval": _unit, "Join": _join, "Like": _pattern, "Limit": _limit, "Literal": _literal, "Order": _order, "ReadParquet": _scan,
    "RegexpExtract": _regexp, "SHA2": _sha, "TimestampTrunc": _unit, "TimeToStr": _format, "Union": _union, "Window": _window,
}  # fmt: skip
