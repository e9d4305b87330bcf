"""The estate's usage as a lake that readers can read: 44 days from drops, the last day as a collector of Prometheus alone leaves it."""

from pathlib import Path
from typing import cast

import duckdb

from tests.usage_folder import UsageFolder
from trimtab.adapters.duckdb import DuckDb
from trimtab.adapters.lake_usage import LakeUsage
from trimtab.demo.estate.clusters import CLUSTERS
from trimtab.demo.estate.usage import COLUMNS, prometheus_samples, write_usage
from trimtab.ports import Lake
from trimtab.tables import USAGE


def estate_usage(root: Path) -> LakeUsage:
    """All 45 days, below `root`."""
    write_usage(root)
    columns = [column for column in USAGE if column.name in COLUMNS]
    with duckdb.connect() as session:
        session.execute(f"CREATE TABLE usage ({', '.join(f'{column.name} {column.sql_type}' for column in columns)})")
        session.execute(f"INSERT INTO usage BY NAME FROM read_parquet('{root}/usage/*/history/usage.parquet')")
        for cluster in CLUSTERS:
            rows = prometheus_samples(cluster.cluster.uid)
            values = {name: [row[name] for row in rows] for name in COLUMNS}
            session.execute(f"INSERT INTO usage SELECT {', '.join(f'unnest(${name})' for name in COLUMNS)}", values)
        session.execute(
            "COPY (SELECT *, NULL::TIMESTAMP AS collected_at, strftime(hour, 'd-%Y-%m-%d') AS day, cluster AS cluster_slug FROM usage) "
            f"TO '{root}/lake' (FORMAT parquet, PARTITION_BY (cluster_slug, day))"
        )
    scratch = root / "scratch"
    scratch.mkdir()
    return LakeUsage(lake=cast("Lake", UsageFolder(root / "lake")), engine=DuckDb(directories=(root,), scratch=scratch))
