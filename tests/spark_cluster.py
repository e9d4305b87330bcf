"""A small Spark cluster on this machine, with executors of their own, and the reason why there is none."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from trimtab.adapters.store.buckets import StoreBuckets

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from trimtab.adapters.spark.engine import Spark

WANTS = {
    "java": "NO JAVA HERE, SO NOBODY KNOWS THAT SPARK AND DUCKDB AGREE: install openjdk-17-jre-headless and run again",
    "pyspark": "PYSPARK IS NOT INSTALLED, SO NOBODY KNOWS THAT SPARK AND DUCKDB AGREE: run make spark, then again",
}
MISSING = next((text for name, text in WANTS.items() if not (shutil.which(name) if name == "java" else find_spec(name))), "")
needs_spark = pytest.mark.skipif(bool(MISSING), reason=MISSING)

QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""A JVM that lives a minute is not worth the optimizing compiler's time."""


@contextmanager
def cluster() -> Iterator["SparkSession"]:
    """Two workers of one core and 1 GiB, each a process: what a task needs must really be sent to it."""
    import pyspark
    from pyspark.sql import SparkSession

    settings = {
        "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.log.level": "OFF",
        "spark.driver.extraJavaOptions": QUICK, "spark.executor.extraJavaOptions": QUICK,
        "spark.sql.shuffle.partitions": "2", "spark.sql.adaptive.enabled": "false",
        # What Spark's own defaults would do to a result must not matter: sessions set what they need.
        "spark.sql.session.timeZone": "America/New_York", "spark.sql.ansi.enabled": "false",
    }  # fmt: skip
    builder = SparkSession.builder.master("local-cluster[2,1,1024]").appName("trimtab tests")
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    application = spark.sparkContext.applicationId
    try:
        yield spark
    finally:
        spark.stop()
        # The workers' folders, which Spark puts beside its own programs and leaves there.
        shutil.rmtree(Path(pyspark.__file__).parent / "work" / application, ignore_errors=True)


def engine(spark: "SparkSession", folder: Path) -> "Spark":
    """The engine on that cluster, meeting its executors in `folder`."""
    from trimtab.adapters.spark.engine import Spark
    from trimtab.adapters.spark.exchange import Exchange

    return Spark(spark=spark, exchange=Exchange(f"file://{folder}/exchange", StoreBuckets(), folder / "gather"))
