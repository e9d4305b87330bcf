-- Every line of every bin, edge to edge from 0 to 1,000,000,000: the pods, then what nobody took, then the hours nobody measured.
-- What nobody took is idle only where every pod could be weighed; else it is unallocated, and the reason says how many could not.
-- cpu_ratio + memory_ratio + gpu_ratio = high - low: the AllocatedRatio of each element of a line.
SELECT
  m.bin_id, 'pod' AS kind, g.group_id, m.cluster, m.namespace, m.workload, m.pod,
  m.cpu_low + m.memory_low + m.gpu_low AS low,
  m.cpu_high + m.memory_high + m.gpu_high AS high,
  m.cpu_high - m.cpu_low AS cpu_ratio, m.memory_high - m.memory_low AS memory_ratio,
  CASE WHEN m.gpu_part > 0 THEN m.gpu_high - m.gpu_low END AS gpu_ratio,
  m.cpu, m.memory, m.gpu,
  CASE
    WHEN NOT m.is_measured THEN 'estimated'
    WHEN m.is_shared_gpu THEN 'shared-estimated'
    ELSE 'metered'
  END AS confidence,
  CASE
    WHEN m.is_unweighed THEN 'this pod cannot be weighed: for CPU or memory it has no request, and its use was not measured'
  END AS problem
FROM marks AS m
JOIN groups AS g ON g.cluster = m.cluster AND g.namespace = m.namespace AND g.labels = m.labels

UNION ALL
SELECT
  bin_id, CASE WHEN unweighed = 0 THEN 'idle' ELSE 'unweighed' END, NULL, cluster, NULL, NULL, NULL,
  cpu_low + memory_low + gpu_low, measured,
  cpu_part - cpu_low, memory_part - memory_low, CASE WHEN gpu_part > 0 THEN gpu_part - gpu_low END,
  greatest(cpu - cpu_taken, 0), greatest(memory - memory_taken, 0), greatest(gpu - gpu_taken, 0),
  CASE WHEN is_all_measured THEN 'metered' ELSE 'estimated' END,
  CASE
    WHEN unweighed = 0 THEN 'capacity that no pod asked for or used'
    ELSE 'not known to be idle: ' || CAST(unweighed AS VARCHAR) || ' of ' || CAST(pods AS VARCHAR) || ' pods could not be weighed'
  END
FROM (
  SELECT
    *,
    CAST(exact_div(CAST(cpu_part AS DECIMAL(38, 0)) * cpu_taken, cpu_divisor) AS BIGINT) AS cpu_low,
    CAST(exact_div(CAST(memory_part AS DECIMAL(38, 0)) * memory_taken, memory_divisor) AS BIGINT) AS memory_low,
    CAST(exact_div(CAST(gpu_part AS DECIMAL(38, 0)) * gpu_taken, gpu_divisor) AS BIGINT) AS gpu_low
  FROM node_parts
)
WHERE measured > cpu_low + memory_low + gpu_low

UNION ALL
SELECT
  bin_id, 'unmeasured', NULL, cluster, NULL, NULL, NULL,
  measured, 1000000000, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
  'no usage was measured for this node in some of the hours billed'
FROM node_parts
WHERE measured < 1000000000
