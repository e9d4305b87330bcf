-- Every node that usage names in the days that the bill speaks of, one line per provider id.
-- Where rows disagree, a node's own row is believed before its pods', a later one before an earlier.
-- `tail` is the last segment of the id: an equal tail makes the join with the bill cheap, placed.sql then compares the whole id.
SELECT
  provider_id,
  lower(regexp_extract(provider_id, '([^/:]+)$', 1)) AS tail,
  cluster, pool, node, instance_type, has_gpu
FROM (
  SELECT
    provider_id, cluster, pool, node, instance_type,
    max(coalesce(gpu_capacity, 0)) > 0 AS has_gpu,
    row_number() OVER (PARTITION BY provider_id ORDER BY bool_or(pod IS NULL) DESC, max(hour) DESC, cluster, pool, node, instance_type) AS place
  FROM usage
  WHERE provider_id IS NOT NULL AND provider_id <> '' AND asset IS NULL AND NOT coalesce(pending, false)
  GROUP BY provider_id, cluster, pool, node, instance_type
)
WHERE place = 1
