-- What pods asked for and what they used, where both are known, and which instance type a node is.
-- A pod without a request, or whose use was not measured, says nothing about how well a request is used.
SELECT
  cluster, pool, node, max(instance_type) AS instance_type,
  CAST(sum(CASE WHEN pod IS NOT NULL AND cpu_used IS NOT NULL AND cpu_request > 0 THEN cpu_request * seconds END) AS DECIMAL(38, 0)) AS cpu_request,
  CAST(sum(CASE WHEN pod IS NOT NULL AND cpu_used IS NOT NULL AND cpu_request > 0 THEN cpu_used * seconds END) AS DECIMAL(38, 0)) AS cpu_used,
  CAST(sum(
    CASE WHEN pod IS NOT NULL AND memory_used IS NOT NULL AND memory_request > 0 THEN exact_div64(memory_request * seconds, 1048576) END
  ) AS DECIMAL(38, 0)) AS memory_request,
  CAST(sum(
    CASE WHEN pod IS NOT NULL AND memory_used IS NOT NULL AND memory_request > 0 THEN exact_div64(memory_used * seconds, 1048576) END
  ) AS DECIMAL(38, 0)) AS memory_used
FROM usage
WHERE asset IS NULL AND node IS NOT NULL AND NOT coalesce(pending, false) AND seconds > 0
GROUP BY cluster, pool, node
