-- What is not attributed where it arose but shared on: whole bill rows that a rule matched, what a rule's namespaces were allocated on
-- a node, and idle capacity where the cluster shares it, CPU, memory and GPU each for itself. A piece is a stretch of its bill row.
-- The namespaces of one rule lie side by side on a node (marks.sql), so that they are one piece of it.
SELECT
  p.row_id, p.shared_rule AS rule, CAST(0 AS BIGINT) AS low, CAST(1000000000 AS BIGINT) AS high,
  p.part, p.reason, p.team, p.cost_center, p.business_unit, p.rule AS owner_rule, p.confidence,
  p.cluster, p.pool, p.node, p.gpu_model
FROM placed AS p
WHERE p.shared_rule IS NOT NULL

UNION ALL
SELECT
  p.row_id, s.shared_rule, s.low, s.high,
  'unallocated', 'shared namespaces of cluster ' || p.cluster, NULL, NULL, NULL, NULL,
  CASE WHEN s.is_measured THEN 'metered' ELSE 'estimated' END,
  p.cluster, p.pool, p.node, p.gpu_model
FROM placed AS p
JOIN (
  SELECT bin_id, shared_rule, min(low) AS low, max(high) AS high, bool_and(is_measured) AS is_measured
  FROM shares
  WHERE group_id IS NOT NULL AND shared_rule IS NOT NULL
  GROUP BY bin_id, shared_rule
) AS s ON s.bin_id = p.bin_id

UNION ALL
SELECT
  p.row_id, s.rule, s.low, s.high,
  'idle', 'capacity that no pod asked for or used', NULL, NULL, NULL, NULL,
  CASE WHEN s.is_measured THEN 'metered' ELSE 'estimated' END,
  p.cluster, p.pool, p.node, p.gpu_model
FROM placed AS p
JOIN (
  SELECT bin_id, 'idle-cpu' AS rule, low, low + cpu_ratio AS high, is_measured
  FROM shares
  WHERE note = 'idle' AND shared_rule IS NOT NULL AND cpu_ratio > 0
  UNION ALL
  SELECT bin_id, 'idle-memory', low + cpu_ratio, low + cpu_ratio + memory_ratio, is_measured
  FROM shares
  WHERE note = 'idle' AND shared_rule IS NOT NULL AND memory_ratio > 0
  UNION ALL
  SELECT bin_id, 'idle-gpu', low + cpu_ratio + memory_ratio, high, is_measured
  FROM shares
  WHERE note = 'idle' AND shared_rule IS NOT NULL AND gpu_ratio > 0
) AS s ON s.bin_id = p.bin_id
