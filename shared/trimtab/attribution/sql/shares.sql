-- Every line of every bin, edge to edge from 0 to 1,000,000,000: the pods, then what nobody took, then the hours nobody measured.
-- What nobody took is idle only where every pod could be weighed; else it is unallocated, and the reason says how many could not.
-- cpu_ratio + memory_ratio + gpu_ratio = high - low: the AllocatedRatio of each element of a line.
-- An asset is a bin of its own, with a negative number and one line: all of it is its namespace's.
-- shared_rule: the line is not written as it is; what it costs is shared on (pieces.sql).
-- `note` is why, in a word; lines.sql says it in sentences, so that this table, the largest of a step, stays narrow.
SELECT
  m.bin_id, m.group_id, m.shared_rule, m.workload_kind, m.workload, m.pod AS resource,
  m.cpu_low + m.memory_low + m.gpu_low AS low,
  m.cpu_high + m.memory_high + m.gpu_high AS high,
  m.cpu_high - m.cpu_low AS cpu_ratio, m.memory_high - m.memory_low AS memory_ratio,
  CASE WHEN m.gpu_part > 0 THEN m.gpu_high - m.gpu_low END AS gpu_ratio,
  m.cpu, m.memory, exact_div64(m.gpu, 63) AS gpu,
  -- The part of its GPU stretch that it computed with: the rest is warm idle. NULL = it holds none, or nobody measured.
  CASE WHEN m.gpu > 0 THEN CAST(exact_div(CAST(m.gpu_high - m.gpu_low AS DECIMAL(38, 0)) * m.gpu_busy, m.gpu) AS BIGINT) END AS busy_ratio,
  CASE
    WHEN m.is_unweighed THEN 'unweighed'
    WHEN m.gpu > 0 AND m.is_gpu_crowded THEN 'crowded'
    WHEN NOT m.is_measured THEN 'requested'
    ELSE 'pod'
  END AS note,
  m.is_measured, m.is_shared_gpu OR (m.gpu > 0 AND m.is_gpu_crowded) AS is_shared_gpu,
  CAST(NULL AS BIGINT) AS unweighed, CAST(NULL AS BIGINT) AS pods
FROM marks AS m

UNION ALL
SELECT
  bin_id, NULL, CASE WHEN unweighed = 0 AND idle = 'share-by-cluster' THEN 'idle' END, NULL, NULL, NULL,
  cpu_low + memory_low + gpu_low, measured,
  cpu_part - cpu_low, memory_part - memory_low, CASE WHEN gpu_part > 0 THEN gpu_part - gpu_low END,
  greatest(cpu - cpu_taken, 0), greatest(memory - memory_taken, 0), exact_div64(greatest(gpu - gpu_taken, 0), 63), NULL,
  CASE WHEN unweighed = 0 THEN 'idle' ELSE 'not-idle' END, is_all_measured, false, unweighed, pods
FROM (
  SELECT
    n.*, o.idle,
    CAST(exact_div(CAST(n.cpu_part AS DECIMAL(38, 0)) * n.cpu_taken, n.cpu_divisor) AS BIGINT) AS cpu_low,
    CAST(exact_div(CAST(n.memory_part AS DECIMAL(38, 0)) * n.memory_taken, n.memory_divisor) AS BIGINT) AS memory_low,
    CAST(exact_div(CAST(n.gpu_part AS DECIMAL(38, 0)) * n.gpu_taken, n.gpu_divisor) AS BIGINT) AS gpu_low
  FROM node_parts AS n
  CROSS JOIN options AS o
)
WHERE measured > cpu_low + memory_low + gpu_low

UNION ALL
SELECT
  bin_id, NULL, NULL, NULL, NULL, NULL,
  measured, 1000000000, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
  'unmeasured', NULL, false, NULL, NULL
FROM node_parts
WHERE measured < 1000000000

UNION ALL
SELECT
  -a.asset_id, g.group_id, NULL, a.workload_kind, a.workload, a.asset,
  0, 1000000000, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
  'asset', true, false, NULL, NULL
FROM known_assets AS a
JOIN (SELECT DISTINCT asset_id FROM owned_rows) AS o ON o.asset_id = a.asset_id
JOIN groups AS g ON g.cluster = a.cluster AND g.namespace = a.namespace AND g.labels = a.labels AND g.annotations = a.annotations
