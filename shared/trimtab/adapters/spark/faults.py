"""What Spark says went wrong, sorted like DuckDB's errors, and without the data that its messages quote."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from py4j.java_gateway import is_instance_of
from py4j.protocol import Py4JJavaError
from pyspark import SparkContext
from pyspark.errors import AnalysisException, PySparkException
from pyspark.logger import PySparkLogger

from trimtab.errors import BadInput, Upstream

DATA = "22"
"""SQLSTATE class 22 is "data exception": a number out of range, a text that is no number, a division by zero."""
LOGGERS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")
"""They would print every message, data included, to the standard error of the driver."""


@contextmanager
def translated_errors() -> Iterator[None]:
    """Bad data → BadInput, a failure of the cluster → Upstream; a mistake in our own SQL stays what it is."""
    for name in LOGGERS:
        PySparkLogger.getLogger(name).disabled = True
    try:
        yield
    except AnalysisException:
        raise
    except PySparkException as error:
        origin = getattr(error, "_origin", None)
        raise _sorted(*(_innermost(origin) if origin is not None else (error.getCondition(), error.getSqlState()))) from None
    except Py4JJavaError as error:
        raise _sorted(*_innermost(error.java_exception)) from None


def _sorted(condition: str | None, state: str | None) -> BadInput | Upstream:
    """The condition's name says what happened; its message would quote the value."""
    if (state or "").startswith(DATA):
        return BadInput(f"SQL on Spark: {condition}: a value that the model cannot take; attribute the period with DuckDB to see the row")
    return Upstream(f"SQL on Spark: {condition or 'the job failed'}; the cluster's own log says more")


def _innermost(thrown: Any) -> tuple[str | None, str | None]:
    """Condition and SQLSTATE of the innermost exception that has them: a failed job wraps what its task met."""
    found: tuple[str | None, str | None] = (None, None)
    while thrown is not None:
        if is_instance_of(SparkContext._gateway, thrown, "org.apache.spark.SparkThrowable") and thrown.getCondition():  # noqa: SLF001 -- no other way
            found = thrown.getCondition(), thrown.getSqlState()
        thrown = thrown.getCause()
    return found
