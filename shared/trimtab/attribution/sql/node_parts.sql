-- How a node's cost divides over CPU, memory and GPU, in billionths: base prices keep their ratio and are scaled until they
-- make up the node (OpenCost Specification 0.1, appendix A: $35 for 1 GPU + 1 CPU + 1 GB at base 30/30/10 is 15/15/5).
-- Base prices, millionths of a dollar per hour, from OpenCost's configs/default.json: vCPU 31611, GiB 4237, GPU 950000.
-- Thousandths of a CPU or GPU and MiB come to the same unit by the factors 1024 and 1000.
-- Hours that were billed and not measured keep their even share of the period: `measured` ends where they begin.
-- Each divisor is the capacity, or what was taken where that is more, so that idle is never negative.
SELECT
  bin_id, cluster, pool, node, instance_type, measured,
  cpu_share AS cpu_part,
  cpu_memory_share - cpu_share AS memory_part,
  measured - cpu_memory_share AS gpu_part,
  cpu, memory, gpu,
  greatest(cpu, cpu_taken, 1) AS cpu_divisor,
  greatest(memory, memory_taken, 1) AS memory_divisor,
  greatest(gpu, gpu_taken, 1) AS gpu_divisor,
  cpu_taken, memory_taken, gpu_taken, pods, unweighed, is_all_measured
FROM (
  SELECT
    *,
    CAST(exact_div(CAST(measured AS DECIMAL(38, 0)) * cpu_worth, worth) AS BIGINT) AS cpu_share,
    CAST(exact_div(CAST(measured AS DECIMAL(38, 0)) * (cpu_worth + memory_worth), worth) AS BIGINT) AS cpu_memory_share
  FROM (
    SELECT
      n.*,
      CAST(n.cpu AS DECIMAL(38, 0)) * 31611 * 1024 AS cpu_worth,
      CAST(n.memory AS DECIMAL(38, 0)) * 4237 * 1000 AS memory_worth,
      CAST(n.cpu AS DECIMAL(38, 0)) * 31611 * 1024 + CAST(n.memory AS DECIMAL(38, 0)) * 4237 * 1000
        + CAST(n.gpu AS DECIMAL(38, 0)) * 950000 * 1024 AS worth,
      coalesce(p.cpu, 0) AS cpu_taken, coalesce(p.memory, 0) AS memory_taken, coalesce(p.gpu, 0) AS gpu_taken,
      coalesce(p.pods, 0) AS pods, coalesce(p.unweighed, 0) AS unweighed, coalesce(p.is_all_measured, true) AS is_all_measured,
      CASE WHEN n.hours >= b.billed_hours THEN 1000000000 ELSE exact_div64(1000000000 * n.hours, b.billed_hours) END AS measured
    FROM (
      SELECT
        bin_id, max(cluster) AS cluster, max(pool) AS pool, max(node) AS node, max(instance_type) AS instance_type,
        count(*) AS hours, CAST(sum(cpu) AS BIGINT) AS cpu, CAST(sum(memory) AS BIGINT) AS memory, CAST(sum(gpu) AS BIGINT) AS gpu
      FROM node_hours
      GROUP BY bin_id
    ) AS n
    JOIN bins AS b ON b.bin_id = n.bin_id
    LEFT JOIN (
      SELECT
        bin_id, CAST(sum(cpu) AS BIGINT) AS cpu, CAST(sum(memory) AS BIGINT) AS memory, CAST(sum(gpu) AS BIGINT) AS gpu,
        count(*) AS pods, count(*) FILTER (WHERE is_unweighed) AS unweighed, bool_and(is_measured) AS is_all_measured
      FROM pods
      GROUP BY bin_id
    ) AS p ON p.bin_id = n.bin_id
  )
)
