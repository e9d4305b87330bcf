"""The three tables of the lake, column by column: what ingest writes and every SQL model reads.

SQL types are DuckDB's; Delta and Spark have the same ones under other names. Money is DECIMAL(38,12) at rest (units.MONEY_SCALE)
and whole units, DECIMAL(38,0), inside a model, where only + − × % and `exact_div` touch it. Times are UTC.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Column(NamedTuple):
    """One column of a lake table."""

    name: str
    sql_type: str
    meaning: str


MONEY = "DECIMAL(38,12)"
QUANTITY = "DECIMAL(38,15)"

FOCUS_TEXT = (
    "AvailabilityZone", "BillingAccountId", "BillingAccountName", "BillingAccountType", "BillingCurrency",
    "CapacityReservationId", "CapacityReservationStatus", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency",
    "CommitmentDiscountCategory", "CommitmentDiscountId", "CommitmentDiscountName", "CommitmentDiscountStatus",
    "CommitmentDiscountType", "CommitmentDiscountUnit", "ConsumedUnit", "InvoiceId", "InvoiceIssuerName", "PricingCategory",
    "PricingCurrency", "PricingUnit", "ProviderName", "PublisherName", "RegionId", "RegionName", "ResourceId", "ResourceName",
    "ResourceType", "ServiceCategory", "ServiceName", "ServiceSubcategory", "SkuId", "SkuMeter", "SkuPriceDetails", "SkuPriceId",
    "SubAccountId", "SubAccountName", "SubAccountType", "Tags",
)  # fmt: skip
FOCUS_MONEY = ("BilledCost", "EffectiveCost", "ContractedCost", "ListCost")
FOCUS_QUANTITY = (
    "CommitmentDiscountQuantity", "ConsumedQuantity", "ContractedUnitPrice", "ListUnitPrice", "PricingQuantity",
    "PricingCurrencyContractedUnitPrice", "PricingCurrencyEffectiveCost", "PricingCurrencyListUnitPrice",
)  # fmt: skip
FOCUS_TIME = ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd")

COST = (
    *(Column(name, "VARCHAR", "FOCUS 1.2") for name in FOCUS_TEXT),
    *(Column(name, MONEY, "FOCUS 1.2") for name in FOCUS_MONEY),
    *(Column(name, QUANTITY, "FOCUS 1.2; NULL where the export has none") for name in FOCUS_QUANTITY),
    *(Column(name, "TIMESTAMP", "FOCUS 1.2, UTC") for name in FOCUS_TIME),
    Column("x_RowId", "VARCHAR", "row-<sha256 of export, period, file row's content and its ordinal among equals>[:20]; unique"),
    Column("x_SourceFile", "VARCHAR", "file name the row came from"),
    Column("x_SourceRow", "BIGINT", "1-based data row in that file"),
    Column("x_Export", "VARCHAR", "partition: slug of the export"),
    Column("x_Period", "VARCHAR", "partition: slug of the billing period, p-2026-07"),
)

USAGE = (
    Column("hour", "TIMESTAMP", "start of the hour, UTC"),
    Column("cluster_uid", "VARCHAR", "Palette cluster uid"),
    Column("cluster", "VARCHAR", "cluster name"),
    Column("pool", "VARCHAR", "machine pool"),
    Column("node", "VARCHAR", "node name"),
    Column("provider_id", "VARCHAR", "the node's cloud resource id as the bill's ResourceId ends with it (i-0abc…, or GCP instance id)"),
    Column("instance_type", "VARCHAR", "of the node"),
    Column("namespace", "VARCHAR", "NULL on a node row"),
    Column("workload", "VARCHAR", "controller name; of a CronJob's Job the CronJob's; NULL on a node row"),
    Column(
        "workload_kind",
        "VARCHAR",
        "Deployment, StatefulSet, DaemonSet, CronJob, Job, ReplicaSet, Pod, or a custom kind; NULL on a node row",
    ),
    Column("pod", "VARCHAR", "NULL on a node row: one row per node and hour carries the node's own capacity"),
    Column("labels", "VARCHAR", "JSON object of pod labels merged over namespace labels; {} = none"),
    Column("annotations", "VARCHAR", "JSON object of the annotations that owner rules may read; {} = none"),
    Column("project", "VARCHAR", "Palette project of the cluster; NULL = not read"),
    Column("seconds", "INTEGER", "how long it ran within the hour, 1 to 3600"),
    Column("cpu_capacity", "BIGINT", "millicores; node rows only"),
    Column("memory_capacity", "BIGINT", "bytes; node rows only"),
    Column("gpu_capacity", "BIGINT", "thousandths of a GPU; node rows only"),
    Column("cpu_request", "BIGINT", "millicores"),
    Column("cpu_used", "BIGINT", "millicores, mean over `seconds`; NULL = not measured"),
    Column("cpu_used_max", "BIGINT", "millicores, highest 5-minute mean; NULL = not measured"),
    Column("memory_request", "BIGINT", "bytes"),
    Column("memory_used", "BIGINT", "bytes, mean; NULL = not measured"),
    Column("memory_used_max", "BIGINT", "bytes; NULL = not measured"),
    Column("gpu_request", "BIGINT", "thousandths of a GPU"),
    Column("gpu_sharing", "VARCHAR", "mig | time-slicing | mps: how it shares one GPU; NULL = whole GPUs"),
    Column("gpu_shares", "BIGINT", "parts of one GPU it holds (MIG slices, replicas); NULL = whole GPUs, which gpu_request counts"),
    Column("gpu_shares_of", "BIGINT", "parts that GPU is cut into: 7 on A100, H100, H200, B200, 4 on A30, or its replicas"),
    Column("gpu_compute_used", "BIGINT", "thousandths of a GPU really computing (SM or tensor activity), mean; NULL = not measured"),
    Column("gpu_compute_used_max", "BIGINT", "the same, highest 5-minute mean"),
    Column("gpu_memory_used_max", "BIGINT", "bytes; NULL = not measured"),
    Column("network_sent", "BIGINT", "bytes the pod sent in the hour, out of the cluster and within; NULL = not measured"),
    Column("asset", "VARCHAR", "volume | load-balancer: whose that billed resource (provider_id) is; NULL = a node's or pod's row"),
    Column("asset_bytes", "BIGINT", "size of a volume; NULL = not a volume, or not read"),
    Column("pending", "BOOLEAN", "true = the pod wanted to run and found no place: it has a request and no node"),
    Column("disruptions_allowed", "BIGINT", "what its PodDisruptionBudget allows in that hour; -1 = no budget covers it; NULL = not read"),
    Column("local_volume", "BOOLEAN", "true = it has a hostPath or a non-memory emptyDir volume; NULL = not read"),
    Column("zone", "VARCHAR", "availability zone of a node; node rows only; NULL = not read"),
    Column("managed_by", "VARCHAR", "node rows only: karpenter, where it and no pool made the node; '' = nobody else, NULL = not read"),
    Column("cpu_limit", "BIGINT", "millicores; 0 = no limit, NULL = not read"),
    Column("memory_limit", "BIGINT", "bytes; 0 = no limit, NULL = not read"),
    Column("out_of_memory", "BIGINT", "times a container of it was killed for memory in the hour; NULL = not read"),
    Column(
        "scaled_by",
        "VARCHAR",
        "what its HorizontalPodAutoscaler looks at: cpu, memory, other, several with commas; '' = none, NULL = not read",
    ),
    Column("own_node", "BOOLEAN", "true = required anti-affinity keeps two pods of its workload off one node; NULL = not read"),
    Column(
        "pinned",
        "VARCHAR",
        "JSON: node labels that it and its volumes require, each a value, 'a or b', or * = another condition; NULL = not read",
    ),
    Column("grace_seconds", "BIGINT", "its terminationGracePeriodSeconds; NULL = not read"),
    Column("gpu_model", "VARCHAR", "node rows only: the GPUs' model as the exporter names it; NULL = no GPU, or not read"),
    Column("gpu_tensor_used_max", "BIGINT", "thousandths: highest 5-minute tensor activity of its GPUs; NULL = not measured"),
    Column("gpu_dram_used_max", "BIGINT", "thousandths: highest 5-minute memory-bandwidth activity of its GPUs; NULL = not measured"),
    Column("gpu_power_max", "BIGINT", "watts of its hottest GPU, highest 5-minute mean; NULL = not measured"),
    Column("gpu_fp64_used_max", "BIGINT", "thousandths: highest double-precision activity of its GPUs; NULL = not measured"),
    Column("gpu_link_used_max", "BIGINT", "NVLink traffic of its GPUs as the exporter counts it, 0 = none; NULL = not measured"),
    Column("storage_class", "VARCHAR", "of a volume; NULL = not a volume, or not read"),
    Column("asset_used", "BIGINT", "bytes that a volume holds, highest of the hour; NULL = not a volume, or not measured"),
    Column("collected_at", "TIMESTAMP", "when its collector read it, filled by ingest; an hour never gives way to one collected earlier"),
    Column("day", "VARCHAR", "partition: d-2026-07-31"),
    Column("cluster_slug", "VARCHAR", "partition: the cluster's slug"),
)

ALLOCATED = (
    *COST,
    Column("AllocatedMethodId", "VARCHAR", "FOCUS 1.3; NULL on rows that were not split"),
    Column("AllocatedMethodDetails", "VARCHAR", "FOCUS 1.3 JSON: Elements with AllocatedRatio, UsageUnit, UsageQuantity"),
    Column("AllocatedResourceId", "VARCHAR", "FOCUS 1.3: <cluster>/<namespace>/<pod>; NULL on an unsplit row and on the remainder"),
    Column("AllocatedResourceName", "VARCHAR", "FOCUS 1.3: the pod"),
    Column("AllocatedTags", "VARCHAR", "FOCUS 1.3 JSON: the origin's tags and the pod's labels"),
    Column("x_AllocatedRowId", "VARCHAR", "alloc-<hash>; unique, stable over re-runs of the same inputs"),
    Column("x_Part", "VARCHAR", "allocated | idle | unallocated | not-kubernetes (promise 1)"),
    Column("x_Team", "VARCHAR", "owner; NULL where no rule gave one"),
    Column("x_CostCenter", "VARCHAR", "of the owner, as the rules of that day say; NULL = none"),
    Column("x_BusinessUnit", "VARCHAR", "of the owner, as the rules of that day say; NULL = none"),
    Column("x_OwnerRule", "VARCHAR", "id of the owner rule that matched; NULL = none did"),
    Column("x_SharedRule", "VARCHAR", "id of the shared-cost rule that split it; NULL = split over its node, or not at all"),
    Column("x_Confidence", "VARCHAR", "metered | estimated | shared-estimated | inferred"),
    Column("x_Reason", "VARCHAR", "why this part: one short sentence, for people"),
    Column("x_Cluster", "VARCHAR", "cluster name; NULL outside clusters"),
    Column("x_Pool", "VARCHAR", ""),
    Column("x_Node", "VARCHAR", ""),
    Column("x_Namespace", "VARCHAR", ""),
    Column("x_WorkloadKind", "VARCHAR", ""),
    Column("x_Workload", "VARCHAR", ""),
    Column("x_Pod", "VARCHAR", ""),
    Column("x_CpuCost", MONEY, "part of EffectiveCost given for CPU; NULL = not split by resource"),
    Column("x_MemoryCost", MONEY, "part of EffectiveCost given for memory; NULL = not split by resource"),
    Column("x_GpuCost", MONEY, "part of EffectiveCost given for GPUs; NULL = not split by resource; the three add up to it"),
    Column("x_GpuIdleCost", MONEY, "part of x_GpuCost that its holder did not compute with (warm idle); NULL = not measured"),
    Column("x_CpuSeconds", "BIGINT", "millicore-seconds that it stands for; NULL = not split by resource"),
    Column("x_MemorySeconds", "BIGINT", "MiB-seconds that it stands for"),
    Column("x_GpuSeconds", "BIGINT", "thousandths of a GPU times seconds that it stands for"),
    Column("x_GpuModel", "VARCHAR", "of the node, where it has GPUs"),
)

TABLES = {"cost": COST, "usage": USAGE, "allocated": ALLOCATED}
OWNERS = {"usage": "cluster_uid"}
"""The column that says whose a file's rows are, where that is not in its path: the log's statistics tell it without a read."""
PARTITIONS = {"cost": ("x_Export", "x_Period"), "usage": ("cluster_slug", "day"), "allocated": ("x_Export", "x_Period")}


def ddl(table: str) -> str:
    """The column list of a table as SQL: `a VARCHAR, b BIGINT, …`, names quoted."""
    return ", ".join(f'"{column.name}" {column.sql_type}' for column in TABLES[table])


def text_literal(value: str) -> str:
    """A SQL string literal."""
    return "'" + value.replace("'", "''") + "'"


def scan(table: str, files: Sequence[str]) -> str:
    """A query that gives a table's columns, in its own types, from the Parquet files of `Lake.files`; no files = no rows.

    Delta keeps partition values in the path and times with a zone, so a plain read of the files has neither column nor type right.
    A column that is younger than a file is NULL in it.
    """
    nothing = ", ".join(f'NULL AS "{column.name}"' for column in TABLES[table])
    source = f"SELECT {nothing} WHERE false"
    if files:
        paths = ", ".join(text_literal(file) for file in files)
        hive = ", ".join(f"'{name}': VARCHAR" for name in PARTITIONS[table])
        read = f"read_parquet([{paths}], union_by_name = true, hive_partitioning = true, hive_types = {{{hive}}})"
        source = f"{source} UNION ALL BY NAME SELECT * FROM {read}"
    columns = (_typed(column, f'"{column.name}"') for column in TABLES[table])
    return f"SELECT {', '.join(columns)} FROM ({source})"


def _typed(column: Column, value: str) -> str:
    return f'CAST({value} AS {column.sql_type}) AS "{column.name}"'
