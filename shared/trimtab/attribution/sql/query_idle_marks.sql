-- Who holds how much of a cluster's (or node's) CPU, memory and GPU: stretches edge to edge, before any filter, shared tenants included.
-- A holder below zero (a refund) has no stretch.
SELECT
  cell, currency, cluster, node, resource,
  sum(weight) OVER (PARTITION BY currency, cluster, node, resource ORDER BY cell) - weight AS low,
  sum(weight) OVER (PARTITION BY currency, cluster, node, resource ORDER BY cell) AS high,
  sum(weight) OVER (PARTITION BY currency, cluster, node, resource) AS total
FROM (
  SELECT cell, currency, cluster, node, 'cpu' AS resource, greatest(cpu, 0) AS weight FROM query_cells WHERE kind IN ('own', 'shared')
  UNION ALL
  SELECT cell, currency, cluster, node, 'memory', greatest(memory, 0) FROM query_cells WHERE kind IN ('own', 'shared')
  UNION ALL
  SELECT cell, currency, cluster, node, 'gpu', greatest(gpu, 0) FROM query_cells WHERE kind IN ('own', 'shared')
)
