-- Every billed resource beside nodes that usage knows an owner of: a volume by its claim's namespace, a load balancer by its service's.
-- One line per provider id; where hours disagree, the latest is believed. `tail` as in known_nodes.sql.
SELECT
  row_number() OVER (ORDER BY provider_id) AS asset_id,
  provider_id,
  lower(regexp_extract(provider_id, '([^/:]+)$', 1)) AS tail,
  asset, cluster, namespace, workload_kind, workload, labels, annotations
FROM (
  SELECT
    provider_id, asset, cluster, namespace, workload_kind, workload,
    coalesce(labels, '{}') AS labels, coalesce(annotations, '{}') AS annotations,
    row_number() OVER (PARTITION BY provider_id ORDER BY hour DESC, cluster, namespace, asset, workload, labels, annotations) AS place
  FROM usage
  WHERE asset IS NOT NULL AND provider_id <> '' AND namespace <> ''
)
WHERE place = 1
