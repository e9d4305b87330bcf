"""Two public traces as demand traces: `python tests/accuracy/convert_traces.py HELIOS_FOLDER BITBRAINS_FOLDER` writes traces/.

Both become hourly maxima, which is the grain that usage has in the lake: an hour counts with its busiest minute or sample.
"""

import sys
from pathlib import Path

import duckdb

TRACES = Path(__file__).parent / "traces"
HELIOS = """
SELECT date_trunc('hour', CAST(time AS TIMESTAMP)) AS timestamp, regexp_extract(filename, '([^/]+)\\.csv', 1) AS pool, 'jobs' AS workload,
  CAST(max(running_gpu_num + pending_gpu_num) AS INTEGER) AS replicas, 1 AS gpu_request
FROM read_csv('{folder}/vc*.csv.gz', filename = true)
WHERE CAST(time AS DATE) <> DATE '2020-05-10' -- the record of that day is empty for every team: unknown, not idle
GROUP BY ALL ORDER BY ALL"""
QUOTAS = """
SELECT regexp_extract(filename, '([^/]+)\\.csv', 1) AS pool, CAST(max(total_gpu_num) AS INTEGER) AS nodes
FROM read_csv('{folder}/vc*.csv.gz', filename = true) GROUP BY ALL ORDER BY ALL"""
# A sample's timestamp is its end; it stands for all the time that it says it covers.
BITBRAINS = """
WITH samples AS (
  SELECT id, cpu_usage * m.cpu_count / m.cpu_capacity AS used, m.cpu_count AS provisioned, epoch(timestamp) AS until,
    greatest(epoch(timestamp) - duration / 1000, epoch(TIMESTAMP '2013-08-12 13:00:00')) AS since
  FROM '{folder}/trace.parquet' t JOIN '{folder}/meta.parquet' m USING (id)),
hours AS (
  SELECT id, used, provisioned, unnest(range(CAST(since // 3600 AS BIGINT), CAST(ceil(until / 3600) AS BIGINT))) AS hour FROM samples)
SELECT CAST(to_timestamp(hour * 3600) AT TIME ZONE 'UTC' AS TIMESTAMP) AS timestamp, 'vm-' || id AS pool, 'vm-' || id AS workload,
  any_value(provisioned) AS cpu_request, round(max(used), 4) AS cpu_used
FROM hours GROUP BY ALL ORDER BY pool, timestamp"""


def main(helios: str, bitbrains: str) -> None:
    """Read the two folders as they were published and write three files."""
    TRACES.mkdir(exist_ok=True)
    connection = duckdb.connect()
    packed = "FORMAT parquet, COMPRESSION zstd"
    connection.execute(f"COPY ({HELIOS.format(folder=helios)}) TO '{TRACES / 'helios_eight_teams_hourly.parquet'}' ({packed})")
    connection.execute(f"COPY ({BITBRAINS.format(folder=bitbrains)}) TO '{TRACES / 'bitbrains_fifty_machines_hourly.parquet'}' ({packed})")
    connection.execute(f"COPY ({QUOTAS.format(folder=helios)}) TO '{TRACES / 'helios_quotas.csv'}' (FORMAT csv)")


if __name__ == "__main__":
    main(*sys.argv[1:])
