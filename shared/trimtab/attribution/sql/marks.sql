-- Each pod's stretch of its node, per resource: the part of the resource times the running sum of what was taken, over the divisor.
-- The order (shared rule, cluster, namespace, pod) is total within a bin, so that every engine cuts at the same marks, and what one
-- rule shares lies in one piece.
SELECT
  *,
  CASE WHEN cpu_divisor < 9000000000 THEN exact_div64(cpu_part * cpu_end, cpu_divisor)
    ELSE CAST(exact_div(CAST(cpu_part AS DECIMAL(38, 0)) * cpu_end, cpu_divisor) AS BIGINT) END AS cpu_high,
  CASE WHEN cpu_divisor < 9000000000 THEN exact_div64(cpu_part * (cpu_end - cpu), cpu_divisor)
    ELSE CAST(exact_div(CAST(cpu_part AS DECIMAL(38, 0)) * (cpu_end - cpu), cpu_divisor) AS BIGINT) END AS cpu_low,
  CASE WHEN memory_divisor < 9000000000 THEN exact_div64(memory_part * memory_end, memory_divisor)
    ELSE CAST(exact_div(CAST(memory_part AS DECIMAL(38, 0)) * memory_end, memory_divisor) AS BIGINT) END AS memory_high,
  CASE WHEN memory_divisor < 9000000000 THEN exact_div64(memory_part * (memory_end - memory), memory_divisor)
    ELSE CAST(exact_div(CAST(memory_part AS DECIMAL(38, 0)) * (memory_end - memory), memory_divisor) AS BIGINT) END AS memory_low,
  CASE WHEN gpu_divisor < 9000000000 THEN exact_div64(gpu_part * gpu_end, gpu_divisor)
    ELSE CAST(exact_div(CAST(gpu_part AS DECIMAL(38, 0)) * gpu_end, gpu_divisor) AS BIGINT) END AS gpu_high,
  CASE WHEN gpu_divisor < 9000000000 THEN exact_div64(gpu_part * (gpu_end - gpu), gpu_divisor)
    ELSE CAST(exact_div(CAST(gpu_part AS DECIMAL(38, 0)) * (gpu_end - gpu), gpu_divisor) AS BIGINT) END AS gpu_low
FROM (
  SELECT
    p.bin_id, p.pod, p.workload, p.workload_kind, g.group_id, g.shared_rule,
    p.cpu, p.memory, p.gpu, p.gpu_busy, p.is_measured, p.is_shared_gpu, p.is_unweighed, n.is_gpu_crowded,
    n.cpu_part, n.memory_part, n.gpu_part, n.cpu_divisor, n.memory_divisor, n.gpu_divisor,
    CAST(sum(p.cpu) OVER running AS BIGINT) AS cpu_end,
    CAST(sum(p.memory) OVER running AS BIGINT) AS memory_end,
    CAST(sum(p.gpu) OVER running AS BIGINT) AS gpu_end
  FROM pods AS p
  JOIN node_parts AS n ON n.bin_id = p.bin_id
  JOIN groups AS g ON g.cluster = p.cluster AND g.namespace = p.namespace AND g.labels = p.labels AND g.annotations = p.annotations
  WINDOW running AS (
    PARTITION BY p.bin_id ORDER BY coalesce(g.shared_rule, ''), p.cluster, p.namespace, p.pod
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  )
)
