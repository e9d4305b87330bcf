"""A SQL session on Spark that takes the statements a DuckDB session takes.

A temporary table is a folder of Parquet in the exchange, so that a plan is never longer than one model and a lost executor costs one
table's work; a view is Spark's own. Files are read as text partitions and typed columns, like DuckDB reads them.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from trimtab.adapters.spark.dialect import Macro, Node, check, macro_of, parse, statements
from trimtab.adapters.spark.exchange import Exchange
from trimtab.adapters.spark.faults import translated_errors
from trimtab.adapters.spark.translate import query, type_text
from trimtab.errors import BadInput

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SETTINGS = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    # + − × % on decimals keep their scale, and raise where 38 digits do not hold the result.
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    # Partition values are slugs, and stay text: `000123` is not a number.
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parser.escapedStringLiterals": "false",
    "spark.sql.caseSensitive": "false",
    "spark.sql.legacy.allowNegativeScaleOfDecimal": "false",
}
"""What makes Spark reckon like DuckDB; set by every session for itself, whatever the cluster's own defaults are."""


@dataclass(frozen=True, slots=True)
class SparkSqlSession:
    """One Spark session, its temporary tables in the exchange."""

    spark: "SparkSession"
    exchange: Exchange
    macros: dict[str, Macro] = field(default_factory=dict)
    tables: dict[str, str] = field(default_factory=dict)
    """Table → folder of its rows; "" = none yet."""
    written: dict[str, str] = field(default_factory=dict)
    """Local path that a caller asked for → folder where executors find the same rows."""
    schemas: dict[tuple[str, ...], Any] = field(default_factory=dict, repr=False)
    _names: Iterator[int] = field(default_factory=itertools.count, repr=False)

    def run(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        """Run statements for their effect."""
        with translated_errors():
            for statement in statements(sql):
                self._run(statement, parameters or {})

    def rows(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[tuple[object, ...]]:
        """Run one query; all its rows."""
        with translated_errors():
            return [tuple(row) for row in self._frame(self._tree(sql), parameters or {}).collect()]

    def write(self, sql: str, path: str) -> int:
        """Write a query's rows as one Parquet file; how many."""
        with translated_errors():
            folder = self.exchange.folder("written")
            frame = self._frame(self._tree(sql), {})
            frame.write.parquet(folder)
            self.written[path] = folder
            self.schemas[folder,] = frame.schema
            return self.exchange.gather(folder, path)

    def close(self) -> None:
        """Forget every table and what was written."""
        for folder in (*self.tables.values(), *self.written.values()):
            if folder:
                self.exchange.forget(folder)

    # ── Statements ───────────────────────────────────────────────────────────────────────────────────────────────────
    def _run(self, statement: str, parameters: Mapping[str, object]) -> None:
        macro = macro_of(statement)
        if macro is not None:
            check(macro.body, {**self.macros, macro.name: macro})
            self.macros[macro.name] = macro
            return
        tree = parse(statement)
        match tree:
            case exp.Create(kind="VIEW") if tree.expression:
                # As text, not as a plan: a view sees its tables as they are when it is read.
                name = tree.this.name
                self.spark.sql(f"CREATE OR REPLACE TEMPORARY VIEW `{name}` AS {self._query(tree.expression)}")
            case exp.Create(kind="TABLE") if tree.expression:
                self._keep(tree.this.name, self._frame(tree.expression, parameters))
            case exp.Create(kind="TABLE"):
                columns = (f"`{column.name}` {type_text(column.args['kind'])}" for column in tree.this.expressions)
                self._empty(tree.this.this.name, ", ".join(columns))
            case exp.Insert():
                self._append(tree, parameters)
            case exp.Delete():
                self._delete(tree)
            case exp.Drop(kind="TABLE" | "VIEW"):
                self._drop(tree.find(exp.Table).name, may_be_absent=bool(tree.args.get("exists")))
            case _:
                raise BadInput(f"SQL for Spark: {type(tree).__name__.upper()} is no statement of a model: {statement[:60]}")

    def _keep(self, name: str, frame: "DataFrame") -> None:
        """Write a table's rows, and let the name mean them."""
        folder = self.exchange.folder(name)
        frame.write.parquet(folder)
        self._show(name, folder, frame.schema)

    def _show(self, name: str, folder: str, schema: Any) -> None:
        before = self.tables.get(name)
        self.spark.read.schema(schema).parquet(folder).createOrReplaceTempView(name)
        self.tables[name] = folder
        if before and before != folder:
            self.exchange.forget(before)

    def _empty(self, name: str, schema: Any) -> None:
        self.spark.createDataFrame([], schema).createOrReplaceTempView(name)
        before = self.tables.get(name)
        self.tables[name] = ""
        if before:
            self.exchange.forget(before)

    def _append(self, tree: Node, parameters: Mapping[str, object]) -> None:
        """INSERT INTO t SELECT unnest(CAST($a AS T[])), …: DuckDB makes a file of the lists here, and no executor is asked."""
        name, select = tree.this.name, tree.expression
        if not all(
            isinstance(column, exp.Explode) and isinstance(column.find(exp.Placeholder), exp.Placeholder) for column in select.expressions
        ):
            raise BadInput(f"SQL for Spark: INSERT INTO {name}: every column is unnest(CAST($list AS TYPE[]))")
        schema = self.spark.table(name).schema
        picks = zip(select.expressions, schema.fields, strict=True)
        folder = self.tables[name] or self.exchange.folder(name)
        self.exchange.put(folder, "SELECT " + ", ".join(f'{column.sql("duckdb")} AS "{field.name}"' for column, field in picks), parameters)
        self._show(name, folder, schema)

    def _delete(self, tree: Node) -> None:
        """What is left is a new table; most often nothing goes, and then nothing is written."""
        name, where = tree.this.name, tree.args.get("where")
        if not self.tables[name]:
            return
        if where is None:
            self._empty(name, self.spark.table(name).schema)
            return
        gone = exp.Coalesce(this=exp.Paren(this=where.this.copy()), expressions=[exp.false()])
        table = exp.to_table(name)
        if self._frame(exp.select("1").from_(table).where(gone.copy()).limit(1), {}).collect():
            self._keep(name, self._frame(exp.select("*").from_(table).where(exp.Not(this=gone)), {}))

    def _drop(self, name: str, *, may_be_absent: bool) -> None:
        if not self.spark.catalog.dropTempView(name) and not may_be_absent:
            raise BadInput(f"SQL for Spark: DROP {name}: there is no such table")
        before = self.tables.pop(name, "")
        if before:
            self.exchange.forget(before)

    # ── Queries ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def _tree(self, sql: str) -> Node:
        (statement,) = statements(sql)
        return parse(statement)

    def _frame(self, tree: Node, parameters: Mapping[str, object]) -> "DataFrame":
        text = self._query(tree)
        return self.spark.sql(text, args=dict(parameters)) if parameters else self.spark.sql(text)

    def _query(self, tree: Node) -> str:
        check(tree, self.macros)
        named = tree.copy()
        for scan in list(named.find_all(exp.ReadParquet)):
            scan.parent.set("this", exp.to_identifier(self._scanned(scan)))
        return query(named, self.macros, lambda table: self.spark.table(table).columns)

    def _scanned(self, scan: Node) -> str:
        """A view of Parquet files, and its name."""
        first, *options = scan.expressions
        paths = [literal.name for literal in (first.expressions if isinstance(first, exp.Array) else [first])]
        wanted = {option.this.name: option.expression for option in options}
        reader = self.spark.read.option("mergeSchema", "union_by_name" in wanted)
        places = tuple(self.written.get(path) or _url(path) for path in paths)
        if "hive_partitioning" in wanted:
            reader = reader.option("basePath", _base(places[0], {each.name for each in wanted["hive_types"].expressions}))
        # What a schema is costs a job of its own; the same files are read more than once.
        frame = (reader.schema(self.schemas[places]) if places in self.schemas else reader).parquet(*places)
        self.schemas[places] = frame.schema
        name = f"files_{next(self._names)}"
        frame.createOrReplaceTempView(name)
        return name


def _url(path: str) -> str:
    """A path of this machine says so: a cluster's own idea of a plain path is its file system's."""
    return path if "://" in path else f"file://{path}"


def _base(url: str, partitions: set[str]) -> str:
    """The folder above the partitions of a file: …/usage of …/usage/cluster_slug=a/day=b/c.parquet."""
    parts = url.split("/")
    first = next((place for place, part in enumerate(parts) if part.split("=")[0] in partitions), len(parts) - 1)
    return "/".join(parts[:first])
