-- What capacity cost and how much of it there was, pods and idle alike. All bill rows of a node's charge period stand for the same
-- seconds (on-demand, covered by a plan, a credit, a disk): their costs add up, their seconds count once.
SELECT
  currency, cluster, pool, node,
  sum(cpu_cost) AS cpu_cost, CAST(sum(cpu_seconds) AS DECIMAL(38, 0)) AS cpu_seconds,
  sum(memory_cost) AS memory_cost, CAST(sum(memory_seconds) AS DECIMAL(38, 0)) AS memory_seconds,
  sum(gpu_cost) AS gpu_cost, CAST(sum(gpu_seconds) AS DECIMAL(38, 0)) AS gpu_seconds
FROM (
  SELECT
    "BillingCurrency" AS currency, "x_Cluster" AS cluster, "x_Pool" AS pool, "x_Node" AS node,
    sum("x_CpuCost") AS cpu_cost, max("x_CpuSeconds") AS cpu_seconds,
    sum("x_MemoryCost") AS memory_cost, max("x_MemorySeconds") AS memory_seconds,
    sum("x_GpuCost") AS gpu_cost, max("x_GpuSeconds") AS gpu_seconds
  FROM allocated
  WHERE "x_CpuCost" IS NOT NULL
  GROUP BY
    "BillingCurrency", "x_Cluster", "x_Pool", "x_Node", "ChargePeriodStart", "ChargePeriodEnd", coalesce("AllocatedResourceId", "x_Part")
)
GROUP BY currency, cluster, pool, node
