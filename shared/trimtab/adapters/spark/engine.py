"""Port Engine on a Spark session that somebody else started: a cluster's, or one of this machine's."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trimtab.adapters.spark.exchange import Exchange
from trimtab.adapters.spark.session import SETTINGS, SparkSqlSession

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True, kw_only=True, slots=True)
class Spark:
    """Makes sessions that share executors, and nothing else."""

    spark: "SparkSession"
    exchange: Exchange

    @contextmanager
    def session(self) -> Iterator[SparkSqlSession]:
        """A fresh session: its own settings, tables and views."""
        own = self.spark.newSession()
        for name, value in SETTINGS.items():
            own.conf.set(name, value)
        session = SparkSqlSession(own, self.exchange)
        try:
            yield session
        finally:
            session.close()
