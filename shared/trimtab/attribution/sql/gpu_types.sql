-- The instance types with GPUs and where they were billed: the price catalog knows their models.
SELECT DISTINCT n.instance_type, coalesce(c."RegionId", '') AS region, coalesce(c."ProviderName", '') AS provider
FROM known_nodes AS n
JOIN cost AS c ON lower(regexp_extract(coalesce(c."ResourceId", ''), '([^/:]+)$', 1)) = n.tail
WHERE n.has_gpu AND n.instance_type IS NOT NULL
ORDER BY 1, 2, 3
