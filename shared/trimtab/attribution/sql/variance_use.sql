-- How long every node ran, as usage saw it: one row of its own per node and hour.
SELECT cluster, node, max(instance_type) AS instance_type, CAST(sum(seconds) AS BIGINT) AS seconds
FROM (
  SELECT cluster, node, hour, max(instance_type) AS instance_type, max(seconds) AS seconds
  FROM usage
  WHERE pod IS NULL AND asset IS NULL AND node IS NOT NULL AND seconds > 0
  GROUP BY cluster, node, hour
)
GROUP BY cluster, node
ORDER BY cluster, node
