-- How a node's cost divides over CPU, memory and GPU, in billionths: base prices keep their ratio and are scaled until they
-- make up the node (OpenCost Specification 0.1, appendix A: $35 for 1 GPU + 1 CPU + 1 GB at base 30/30/10 is 15/15/5).
-- Thousandths of a CPU, MiB and 63,000ths of a GPU come to the same unit by the factors 1024 * 63, 1000 * 63 and 1024.
-- Hours that were billed and not measured keep their even share of the period: `measured` ends where they begin.
-- Each divisor is the capacity, or what was taken where that is more, so that idle is never negative. Where idle is shared by node
-- the divisor is what was taken: the pods fill the node (a resource that nobody took stays idle, and so does a node that is not
-- known to be idle).
SELECT
  bin_id, cluster, pool, node, instance_type, measured,
  cpu_share AS cpu_part,
  cpu_memory_share - cpu_share AS memory_part,
  measured - cpu_memory_share AS gpu_part,
  cpu, memory, gpu,
  CASE WHEN is_filled AND cpu_taken > 0 THEN cpu_taken ELSE greatest(cpu, cpu_taken, 1) END AS cpu_divisor,
  CASE WHEN is_filled AND memory_taken > 0 THEN memory_taken ELSE greatest(memory, memory_taken, 1) END AS memory_divisor,
  CASE WHEN is_filled AND gpu_taken > 0 THEN gpu_taken ELSE greatest(gpu, gpu_taken, 1) END AS gpu_divisor,
  cpu_taken, memory_taken, gpu_taken, pods, unweighed, is_all_measured,
  gpu_taken > gpu AS is_gpu_crowded
FROM (
  SELECT
    *,
    CAST(exact_div(CAST(measured AS DECIMAL(38, 0)) * cpu_worth, cpu_worth + memory_worth + gpu_worth) AS BIGINT) AS cpu_share,
    CAST(exact_div(CAST(measured AS DECIMAL(38, 0)) * (cpu_worth + memory_worth), cpu_worth + memory_worth + gpu_worth) AS BIGINT)
      AS cpu_memory_share
  FROM (
    SELECT
      n.*,
      -- What has no weight at all counts as CPU.
      greatest(CAST(n.cpu AS DECIMAL(38, 0)) * o.cpu_weight * 1024 * 63, 1) AS cpu_worth,
      CAST(n.memory AS DECIMAL(38, 0)) * o.memory_weight * 1000 * 63 AS memory_worth,
      CAST(n.gpu AS DECIMAL(38, 0)) * o.gpu_weight * 1024 AS gpu_worth,
      coalesce(p.cpu, 0) AS cpu_taken, coalesce(p.memory, 0) AS memory_taken, coalesce(p.gpu, 0) AS gpu_taken,
      coalesce(p.pods, 0) AS pods, coalesce(p.unweighed, 0) AS unweighed, coalesce(p.is_all_measured, true) AS is_all_measured,
      o.idle = 'share-by-node' AND coalesce(p.unweighed, 0) = 0 AS is_filled,
      CASE WHEN n.hours >= b.billed_hours THEN 1000000000 ELSE exact_div64(1000000000 * n.hours, b.billed_hours) END AS measured
    FROM (
      SELECT
        bin_id, max(cluster) AS cluster, max(pool) AS pool, max(node) AS node, max(instance_type) AS instance_type,
        count(*) AS hours, CAST(sum(cpu) AS BIGINT) AS cpu, CAST(sum(memory) AS BIGINT) AS memory, CAST(sum(gpu) AS BIGINT) AS gpu
      FROM node_hours
      GROUP BY bin_id
    ) AS n
    JOIN bins AS b ON b.bin_id = n.bin_id
    CROSS JOIN options AS o
    LEFT JOIN (
      SELECT
        bin_id, CAST(sum(cpu) AS BIGINT) AS cpu, CAST(sum(memory) AS BIGINT) AS memory, CAST(sum(gpu) AS BIGINT) AS gpu,
        count(*) AS pods, CAST(sum(CASE WHEN is_unweighed THEN 1 ELSE 0 END) AS BIGINT) AS unweighed,
        bool_and(is_measured) AS is_all_measured
      FROM pods
      GROUP BY bin_id
    ) AS p ON p.bin_id = n.bin_id
  )
)
