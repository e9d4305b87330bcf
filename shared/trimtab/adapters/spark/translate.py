"""DuckDB's SQL as Spark's, rule by rule over the tree: what sqlglot carries over as it is, and what would come out different.

The session must run with ANSI errors, UTC, and `decimalOperations.allowPrecisionLoss` off: then + − × % on decimals keep their scale and
raise when 38 digits do not hold a result, as DuckDB's do. What is left is below, one function for each rule.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

import duckdb
import sqlglot
from sqlglot import exp

from trimtab.adapters.spark.dialect import FORMATS, Macro, Node

Columns = Callable[[str], Sequence[str]]
"""The columns of a table of the session, in order."""

ROUND_NOT_CUT = frozenset({"BIGINT", "INT"})


def query(tree: Node, macros: Mapping[str, Macro], columns: Columns) -> str:
    """A checked query (its Parquet files named as views already) as Spark SQL."""
    return str(translated(tree, macros, columns).sql("spark", comments=False, identify=True))


def type_text(kind: Node) -> str:
    """A column's type in Spark's words."""
    return str(kind.sql("spark"))


def translated(tree: Node, macros: Mapping[str, Macro], columns: Columns) -> Node:
    """The tree with every rule applied, leaves first, so that a rule sees its operands as they will be."""
    whole = expanded(tree, macros)
    for star in [node for node in whole.find_all(exp.Star) if node.args.get("replace")]:
        _spell_out(star, columns)
    for union in [node for node in whole.find_all(exp.Union) if node.args.get("by_name")]:
        _pair(union, columns)
    for select in whole.find_all(exp.Select):
        _name_casts(select)
    for node in reversed(list(whole.bfs())):
        rule = _RULES.get(type(node).__name__)
        if rule is not None:
            changed = rule(node)
            if changed is not node:
                node.replace(changed)
    return whole


def expanded(tree: Node, macros: Mapping[str, Macro]) -> Node:
    """A copy without calls of macros: each is the macro's own expression, its arguments in parentheses."""
    whole = exp.Paren(this=tree.copy())
    while calls := [node for node in whole.find_all(exp.Anonymous) if node.name.lower() in macros]:
        for call in calls:
            macro = macros[call.name.lower()]
            call.replace(exp.Paren(this=_filled(macro.body, dict(zip(macro.parameters, call.expressions, strict=True)))))
    return whole.this


def _filled(body: Node, arguments: Mapping[str, Node]) -> Node:
    """A copy of the body with arguments in the place of parameters."""
    holder = exp.Paren(this=body.copy())
    for column in list(holder.find_all(exp.Column)):
        if not column.table and column.name.lower() in arguments:
            column.replace(exp.Paren(this=arguments[column.name.lower()].copy()))
    return holder.this


def _spell_out(star: Node, columns: Columns) -> None:
    """`c.* REPLACE (x AS "a")`: Spark has no such word, so every column of c is named."""
    named = {alias.alias.lower(): alias for alias in star.args["replace"]}
    column, select = star.parent, star.find_ancestor(exp.Select)
    alias = column.table if isinstance(column, exp.Column) else _only_source(select)
    table = next(source.name for source in select.find_all(exp.Table) if source.alias_or_name == alias)
    each = [named.get(name.lower()) or exp.column(name, table=alias, quoted=True) for name in columns(table)]
    whole = column if isinstance(column, exp.Column) else star
    select.set("expressions", [new for old in select.expressions for new in (each if old is whole else (old,))])


def _pair(union: Node, columns: Columns) -> None:
    """UNION ALL BY NAME: the same columns in the same order on both sides, NULL where one has none."""
    left, right = union.this, union.expression
    own, theirs = left.named_selects, columns(right.args["from_"].this.name)
    known = {name.lower(): name for name in theirs}
    extra = [name for name in theirs if name.lower() not in {each.lower() for each in own}]
    left.set("expressions", [*left.expressions, *(exp.alias_(exp.null(), name, quoted=True) for name in extra)])
    picks = [exp.column(known[name.lower()], quoted=True) if name.lower() in known else exp.null() for name in (*own, *extra)]
    right.set("expressions", picks)
    union.set("by_name", False)


def _name_casts(select: Node) -> None:
    """Spark calls `CAST(x AS …)` x, and then an ORDER BY x means the text."""
    is_unnamed = [isinstance(column, exp.Cast) for column in select.expressions]
    pairs = enumerate(zip(select.expressions, is_unnamed, strict=True))
    select.set("expressions", [exp.alias_(column, f"_{place}", quoted=True) if unnamed else column for place, (column, unnamed) in pairs])


def _only_source(select: Node) -> str:
    return str(select.args["from_"].this.alias_or_name)


# ── Rules ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def spark(text: str, **parts: Node) -> Node:
    """An expression of Spark's, its names replaced by parts of the tree."""
    return _filled(_template(text), parts)


def _template(text: str) -> Node:
    return sqlglot.parse_one(text, read="spark")


HALF = "CAST('10000000000000000000' AS DECIMAL(20, 0))"
EVEN = "CAST(({a} - {a} % {b}) / {b} AS DECIMAL(38, 0))"
"""A multiple over its divisor comes out even, and Spark keeps 20 digits before the point of such a quotient."""
HIGH = EVEN.format(a="a", b=HALF)
EXACT = f"{EVEN.format(a=HIGH, b='b')} * {HALF} + {EVEN.format(a=f'({HIGH} % b * {HALF} + a % {HALF})', b='b')}"
"""So 38 digits are divided as at school, by two digits to the base 10^19: no quotient has more than 19 digits, no product more than 38.

There is no short cut for small numbers: Spark may compute a CASE's other branch too, and that one would raise."""


def _int_div(node: Node) -> Node:
    """Both sides are casts, translated already: DIV for BIGINT, which raises where it cannot hold the result; else long division."""
    if node.this.to.this.name == "BIGINT":
        return node
    return exp.Paren(this=spark(EXACT, a=node.this, b=node.expression))


def _cast(node: Node) -> Node:
    """To a whole number DuckDB rounds; Spark cuts a decimal, and refuses the text of one. By way of DECIMAL(38, 0) both round."""
    kind = node.to.this.name
    if kind == "INT128":
        return exp.cast(node.this, "DECIMAL(38, 0)", dialect="spark")
    if kind in ROUND_NOT_CUT:
        node.this.replace(exp.cast(node.this.copy(), "DECIMAL(38, 0)", dialect="spark"))
    return node


def _date_diff(node: Node) -> Node:
    """DuckDB counts the boundaries between two times, Spark whole units: between the boundaries themselves they are the same."""
    unit = node.args["unit"].name.lower()
    cut = f"timestampdiff({unit}, date_trunc('{unit}', a), date_trunc('{unit}', b))"
    return spark(cut, a=node.expression, b=node.this)


def _date_trunc(node: Node) -> Node:
    """Spark gives it a zone; the session's is UTC, so that taking it away again changes nothing."""
    return spark(f"CAST(date_trunc('{node.args['unit'].name.lower()}', a) AS TIMESTAMP_NTZ)", a=node.this)


def _strftime(node: Node) -> Node:
    pattern = node.args["format"].name
    for directive, letters in FORMATS.items():
        pattern = pattern.replace(directive, letters)
    return exp.Anonymous(this="date_format", expressions=[node.this, exp.Literal.string(pattern)])


def _series(node: Node) -> Node:
    """An end before its start is an empty series for DuckDB and an error for Spark."""
    start, end, step = (node.args[name] for name in ("start", "end", "step"))
    series = exp.Anonymous(this="sequence", expressions=[start.copy(), end.copy(), step])
    return exp.Case(ifs=[exp.If(this=exp.LTE(this=start, expression=end), true=series)])


def _concat(node: Node) -> Node:
    """DuckDB leaves out what is NULL and takes any type as its text; Spark's answer would be NULL."""
    texts = [exp.func("coalesce", exp.cast(each, "TEXT", dialect="duckdb"), exp.Literal.string("")) for each in node.expressions]
    return exp.Anonymous(this="concat", expressions=texts)


def _explode(node: Node) -> Node:
    return exp.Anonymous(this="explode", expressions=[node.this])


def _lower(node: Node) -> Node:
    """DuckDB lowers letter by letter; Spark knows that Σ ends a word as ς, that İ is two letters, and letters of a newer Unicode."""
    upper, lower = (exp.Literal.string(text) for text in _letters())
    return exp.Anonymous(this="translate", expressions=[node.this, upper, lower])


@cache
def _letters() -> tuple[str, str]:
    """Every letter that DuckDB lowers, and what to: asked of DuckDB, so that a new version of it is asked anew."""
    with duckdb.connect() as connection:
        letters = "SELECT chr(n::INTEGER) AS c FROM (SELECT unnest(range(1, 55296) || range(57344, 1114112)) AS n)"
        rows = connection.execute(f"SELECT c, lower(c) FROM ({letters}) WHERE lower(c) <> c ORDER BY c").fetchall()
    return "".join(row[0] for row in rows), "".join(row[1] for row in rows)


def _regexp(node: Node) -> Node:
    """`$` is the very end for DuckDB; for Java it is also the place before a last line break."""
    pattern = node.expression.name
    exact = pattern[:-1] + "\\z" if pattern.endswith("$") else pattern
    return exp.Anonymous(this="regexp_extract", expressions=[node.this, exp.Literal.string(exact), node.args["group"]])


_RULES: Mapping[str, Callable[[Node], Node]] = {
    "Cast": _cast, "Concat": _concat, "DateDiff": _date_diff, "Explode": _explode, "GenerateSeries": _series, "IntDiv": _int_div,
    "Lower": _lower, "RegexpExtract": _regexp, "TimestampTrunc": _date_trunc, "TimeToStr": _strftime,
}  # fmt: skip
