-- Pools of the period's usage with the instance types of their nodes and their cluster's Palette project: what owner suggestions look at.
SELECT cluster, coalesce(pool, '') AS pool, coalesce(instance_type, '') AS instance_type, coalesce(max(project), '') AS project
FROM usage
WHERE pod IS NULL AND asset IS NULL AND cluster IS NOT NULL
GROUP BY cluster, coalesce(pool, ''), coalesce(instance_type, '')
ORDER BY cluster, pool, instance_type
