"""A month of a large estate, made by SQL: 300 nodes × 720 hours × 30 pods at full size, in the lake's own columns.

Every value follows from the node's and the pod's number and the hour, so that the same size gives the same month. What is there on
purpose: tags and labels as long as real ones, pods without measured use, an hour that a node was billed and not measured, GPU
pools, volumes, a tax, a credit.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from tests.bills import governance
from trimtab.adapters.store.lake import DeltaLake
from trimtab.records import Governance, OwnerRule
from trimtab.tables import COST, USAGE, scan, text_literal

NODES = 300
DAYS = 30
PODS_PER_NODE = 30
CLUSTERS = 4
POOLS = 3
NAMESPACES = 20
TEAMS = 12
EXPORT = "aws-bench"
PERIOD = "p-2026-06"
SUBMITTED = datetime(2026, 7, 2, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """How many nodes, over how many days."""

    nodes: int
    days: int = DAYS

    @property
    def node_hours(self) -> int:
        """Rows of the bill that are split."""
        return self.nodes * self.days * 24

    @property
    def pod_hours(self) -> int:
        """Rows of usage that get a share."""
        return self.node_hours * PODS_PER_NODE


def size_of(scale: float, days: int = DAYS) -> Size:
    """The month at a share of its nodes; at least one of each pool."""
    return Size(nodes=max(CLUSTERS * POOLS, round(NODES * scale)), days=days)


def rules() -> Governance:
    """By label where a pod has one, else by namespace; volumes by their tag; one namespace in ten is nobody's."""
    teams = tuple(f"team-{number}" for number in range(TEAMS))
    by_namespace = (OwnerRule(id=f"namespace-{number}", namespace=f".*-{number}", team=f"team-{number}") for number in range(TEAMS))
    by_tag = (OwnerRule(id=f"tag-{number}", tag=("cost-center", f"cc-{number}"), team=f"team-{number}") for number in range(TEAMS))
    return governance(OwnerRule(id="label", labels=("team",)), *by_namespace, *by_tag, teams=teams)


NODE_SQL = f"""
CREATE TABLE nodes AS SELECT
  n, n % {CLUSTERS} AS c, (n // {CLUSTERS}) % {POOLS} AS p,
  'prod-' || n % {CLUSTERS} AS cluster, 'uid-' || n % {CLUSTERS} AS cluster_uid,
  ['general', 'memory', 'gpu'][(n // {CLUSTERS}) % {POOLS} + 1] AS pool,
  ['m5.4xlarge', 'r5.4xlarge', 'g5.12xlarge'][(n // {CLUSTERS}) % {POOLS} + 1] AS instance_type,
  [16000, 16000, 48000][(n // {CLUSTERS}) % {POOLS} + 1] AS cpu, [64, 128, 192][(n // {CLUSTERS}) % {POOLS} + 1] AS gib,
  [0, 0, 4000][(n // {CLUSTERS}) % {POOLS} + 1] AS gpu,
  ['0.768', '1.008', '5.672'][(n // {CLUSTERS}) % {POOLS} + 1] AS price,
  'i-0' || substr(md5('node' || n), 1, 16) AS provider_id,
  'ip-10-' || n // 250 || '-' || n % 250 || '-17.ec2.internal' AS node
FROM (SELECT unnest(range({{nodes}})) AS n)"""

POD_SQL = f"""
CREATE TABLE pods AS SELECT
  n, k, 'ns-' || (n * 7 + k) % {NAMESPACES} AS namespace, 'service-' || k % 6 AS workload,
  'service-' || k % 6 || '-' || substr(md5('rs' || k), 1, 9) || '-' || substr(md5(n || '/' || k), 1, 5) AS pod,
  '{{"app.kubernetes.io/name":"service-' || k % 6 || '","app.kubernetes.io/part-of":"shop","pod-template-hash":"'
    || substr(md5('rs' || k % 6), 1, 9) || '"' || CASE WHEN k % 3 = 0 THEN ',"team":"team-' || (n * 7 + k) % {TEAMS} || '"' ELSE '' END
    || '}}' AS labels,
  100 + 50 * (k % 10) AS cpu_request, (256 + 128 * (k % 12)) * CAST(1048576 AS BIGINT) AS memory_request,
  CASE WHEN gpu > 0 AND k < 3 THEN 1000 ELSE 0 END AS gpu_request
FROM nodes, (SELECT unnest(range({PODS_PER_NODE})) AS k)"""

USAGE_SQL = """
SELECT
  TIMESTAMP '2026-06-01' + to_hours(h) AS hour, x.cluster_uid, x.cluster, x.pool, x.node, x.provider_id, x.instance_type,
  {columns}, NULL AS disruptions_allowed, NULL AS local_volume,
  'd-' || strftime(TIMESTAMP '2026-06-01' + to_hours(h), '%Y-%m-%d') AS day, x.cluster AS cluster_slug"""

NODE_ROWS = (
    "NULL AS namespace, NULL AS workload, NULL AS workload_kind, NULL AS pod, '{}' AS labels, 3600 AS seconds, "
    "x.cpu AS cpu_capacity, x.gib * CAST(1073741824 AS BIGINT) AS memory_capacity, x.gpu AS gpu_capacity, "
    "NULL AS cpu_request, NULL AS cpu_used, "
    "NULL AS cpu_used_max, NULL AS memory_request, NULL AS memory_used, NULL AS memory_used_max, NULL AS gpu_request, "
    "NULL AS gpu_compute_used, NULL AS gpu_compute_used_max, NULL AS gpu_memory_used_max, false AS pending, NULL AS collected_at"
)
_NOISE = "hash(x.n, q.k, h) % 1000"
_CPU_USED = f"CASE WHEN q.k % 10 <> 9 THEN q.cpu_request * ({_NOISE} + 200) // 1000 END"
_GPU_USED = f"CASE WHEN q.gpu_request > 0 THEN q.gpu_request * ({_NOISE}) // 1000 END"
_MEMORY_USED = f"CASE WHEN q.k % 10 <> 9 THEN q.memory_request // 1000 * (600 + {_NOISE} // 2) END"
POD_ROWS = (
    "q.namespace, q.workload, 'Deployment' AS workload_kind, q.pod, q.labels, CASE WHEN q.k % 15 = 14 THEN 1800 ELSE 3600 END AS seconds, "
    "NULL AS cpu_capacity, NULL AS memory_capacity, NULL AS gpu_capacity, q.cpu_request, "
    f"{_CPU_USED} AS cpu_used, {_CPU_USED} AS cpu_used_max, q.memory_request, {_MEMORY_USED} AS memory_used, "
    f"{_MEMORY_USED} AS memory_used_max, q.gpu_request, {_GPU_USED} AS gpu_compute_used, {_GPU_USED} AS gpu_compute_used_max, "
    "NULL AS gpu_memory_used_max, false AS pending, NULL AS collected_at"
)
UNMEASURED = "(x.n % 50 = 7 AND h % 24 = 5)"
"""Hours that were billed and not measured."""

_TAGS = (
    '\'{"Name":"\' || x.node || \'","aws:autoscaling:groupName":"\' || x.cluster || \'-\' || x.pool || \'","eks:cluster-name":"\' '
    '|| x.cluster || \'","cost-center":"cc-\' || x.n % 12 || \'","environment":"production","spectro__ownerUid":"\' '
    "|| x.cluster_uid || '\"}'"
)
BILL_SQL = """
SELECT *, 'row-' || substr(sha256(kind || n || '/' || h), 1, 20) AS row_id FROM (
  SELECT 'node' AS kind, n, h, 1 AS hours, price AS amount FROM nodes AS x, span
  UNION ALL SELECT 'volume', n, h, 24, '0.2568493151' FROM nodes AS x, span WHERE h % 24 = 0
  UNION ALL SELECT 'credit', n, h, 1, '-0.0123456789' FROM nodes AS x, span WHERE h % 24 = 1 AND n % 10 = 3
  UNION ALL SELECT 'tax', 0, h, 24, '81.25' FROM span WHERE h % 24 = 0
)"""


def bill_values() -> dict[str, str]:
    """FOCUS column → what it is made from, over `b` (a bill row) and `x` (its node)."""
    is_node, is_tax = "b.kind IN ('node', 'credit')", "b.kind = 'tax'"
    return {
        "AvailabilityZone": "'us-east-1a'", "BillingAccountId": "'111122223333'", "BillingAccountName": "'example payer'",
        "BillingAccountType": "'BillingAccount'", "BillingCurrency": "'USD'",
        "ChargeCategory": f"CASE WHEN {is_tax} THEN 'Tax' WHEN b.kind = 'credit' THEN 'Credit' ELSE 'Usage' END",
        "ChargeDescription": "'$' || b.amount || ' per On Demand Linux ' || x.instance_type || ' Instance Hour'",
        "ChargeFrequency": "'Usage-Based'", "ConsumedUnit": f"CASE WHEN {is_node} THEN 'Hours' WHEN NOT {is_tax} THEN 'GB-Mo' END",
        "ConsumedQuantity": "CASE WHEN b.kind = 'node' THEN 1 END", "PricingQuantity": "CASE WHEN b.kind = 'node' THEN 1 END",
        "ContractedUnitPrice": "b.amount", "ListUnitPrice": "b.amount", "InvoiceId": "'2026060100001'",
        "InvoiceIssuerName": "'Amazon Web Services, Inc.'", "PricingCategory": "'Standard'", "PricingCurrency": "'USD'",
        "PricingUnit": "'Hours'", "ProviderName": "'AWS'", "PublisherName": "'Amazon Web Services, Inc.'", "RegionId": "'us-east-1'",
        "RegionName": "'US East (N. Virginia)'",
        "ResourceId": f"CASE WHEN {is_node} THEN 'arn:aws:ec2:us-east-1:444455556666:instance/' || x.provider_id "
        f"WHEN NOT {is_tax} THEN 'vol-0' || substr(md5('volume' || x.n), 1, 16) END",
        "ResourceName": "x.node", "ResourceType": f"CASE WHEN {is_node} THEN 'Instance' WHEN NOT {is_tax} THEN 'Volume' END",
        "ServiceCategory": "CASE WHEN b.kind = 'volume' THEN 'Storage' ELSE 'Compute' END", "ServiceName": "'Amazon Elastic Compute Cloud'",
        "ServiceSubcategory": "'Virtual Machines'", "SkuId": "'JRTCKXETXF' || x.p", "SkuMeter": "'BoxUsage:' || x.instance_type",
        "SkuPriceDetails": """'{"InstanceType":"' || x.instance_type || '","OperatingSystem":"Linux","InstanceSeries":"m5"}'""",
        "SkuPriceId": "'JRTCKXETXF.' || x.p || '.6YS6EN2CT7'", "SubAccountId": "'444455556666'", "SubAccountName": "'example platform'",
        "SubAccountType": "'SubAccount'", "Tags": f"CASE WHEN NOT {is_tax} THEN {_TAGS} END",
        "BilledCost": "b.amount", "EffectiveCost": "b.amount", "ContractedCost": "b.amount", "ListCost": "b.amount",
        "BillingPeriodStart": "TIMESTAMP '2026-06-01'", "BillingPeriodEnd": "TIMESTAMP '2026-07-01'",
        "ChargePeriodStart": "TIMESTAMP '2026-06-01' + to_hours(b.h)",
        "ChargePeriodEnd": "TIMESTAMP '2026-06-01' + to_hours(b.h + b.hours)",
        "x_RowId": "b.row_id", "x_SourceFile": "'bench.parquet'", "x_SourceRow": "1", "x_Export": f"'{EXPORT}'", "x_Period": f"'{PERIOD}'",
    }  # fmt: skip


def build(store: Path, size: Size) -> None:
    """The month as Delta tables below `store`, laid out as the settings' lake is."""
    made = store / "made"
    made.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"SET threads = 2; SET memory_limit = '2GB'; SET temp_directory = {text_literal(str(made / 'spill'))}")
        connection.execute(NODE_SQL.format(nodes=size.nodes))
        connection.execute(POD_SQL)
        connection.execute(f"CREATE TABLE span AS SELECT unnest(range({size.days * 24})) AS h")
        lake = DeltaLake(f"file://{store}/default/lake", store / "scratch")
        for day in range(size.days):
            usage = _usage_day(connection, day, made)
            lake.amend("usage", _partitions(day), [usage], since=lake.version("usage"), about={})
            Path(usage).unlink()
        bill = _copy(connection, _bill_sql(), made / "bill.parquet")
    cost = {"x_Export": EXPORT, "x_Period": PERIOD}
    lake.replace("cost", cost, [bill], application="bench/cost", submitted_at=SUBMITTED, about={})


def _partitions(day: int) -> list[dict[str, str]]:
    return [{"cluster_slug": f"prod-{c}", "day": f"d-2026-06-{day + 1:02}"} for c in range(CLUSTERS)]


def _usage_day(connection: duckdb.DuckDBPyConnection, day: int, folder: Path) -> str:
    hours = f"h BETWEEN {day * 24} AND {day * 24 + 23} AND NOT {UNMEASURED}"
    nodes = f"{USAGE_SQL.format(columns=NODE_ROWS)} FROM nodes AS x, span WHERE {hours}"
    pods = f"{USAGE_SQL.format(columns=POD_ROWS)} FROM nodes AS x JOIN pods AS q ON q.n = x.n, span WHERE {hours}"
    typed = ", ".join(f'CAST("{column.name}" AS {column.sql_type}) AS "{column.name}"' for column in USAGE)
    # A column that the month says nothing about is NULL.
    every = f"({scan('usage', ())}) UNION ALL BY NAME {nodes} UNION ALL BY NAME {pods}"
    return _copy(connection, f"SELECT {typed} FROM ({every})", folder / f"usage-{day:02}.parquet")


def _bill_sql() -> str:
    values = bill_values()
    columns = ", ".join(f'CAST({values.get(column.name, "NULL")} AS {column.sql_type}) AS "{column.name}"' for column in COST)
    return f"SELECT {columns} FROM ({BILL_SQL}) AS b JOIN nodes AS x ON x.n = b.n"


def _copy(connection: duckdb.DuckDBPyConnection, sql: str, path: Path) -> str:
    connection.execute(f"COPY ({sql}) TO {text_literal(str(path))} (FORMAT parquet)")
    return str(path)
