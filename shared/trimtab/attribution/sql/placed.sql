-- Where each bill row of the step belongs, once: cut into the lines of a bin or asset (bin_id), shared on by a rule (shared_rule), or
-- whole, with its part and the reason. A node that was billed and not measured is unallocated, never idle, and never shared.
-- A row that only names its cluster is a cost that all of the cluster shares.
SELECT
  row_id, bill_id, region, is_compute, bin_id, shared_rule,
  CASE
    WHEN bin_id < 0 THEN 'trimtab-owned-resource-1'
    WHEN bin_id IS NOT NULL AND idle = 'share-by-node' THEN 'trimtab-max-request-use-filled-1'
    WHEN bin_id IS NOT NULL THEN 'trimtab-max-request-use-1'
  END AS method,
  CASE WHEN bin_id IS NOT NULL THEN NULL WHEN is_node OR is_of_cluster THEN 'unallocated' ELSE 'not-kubernetes' END AS part,
  CASE
    WHEN bin_id IS NOT NULL THEN NULL
    WHEN is_node THEN 'no usage was measured for this node and hour'
    WHEN is_of_cluster THEN 'shared cost of cluster ' || cluster || ': ' || service
    ELSE outside_reason
  END AS reason,
  CASE WHEN is_outside THEN team END AS team,
  CASE WHEN is_outside THEN cost_center END AS cost_center,
  CASE WHEN is_outside THEN business_unit END AS business_unit,
  CASE WHEN is_outside THEN rule END AS rule,
  CASE WHEN is_outside AND team IS NOT NULL THEN 'inferred' END AS confidence,
  cluster, pool, node, gpu_model
FROM (
  SELECT
    o.row_id, o.bill_id, o.region, o.is_compute, o.service, o.outside_reason, c.team, c.cost_center, c.business_unit, c.rule,
    CASE WHEN p.bin_id IS NOT NULL THEN p.bin_id WHEN a.asset_id IS NOT NULL THEN -a.asset_id END AS bin_id,
    CASE WHEN r.row_id IS NULL AND a.row_id IS NULL AND NOT (c.cluster <> '' AND o.is_instance) THEN k.rule END AS shared_rule,
    r.row_id IS NOT NULL OR (c.cluster <> '' AND o.is_instance) AS is_node,
    c.cluster <> '' AS is_of_cluster,
    r.row_id IS NULL AND a.row_id IS NULL AND c.cluster = '' AS is_outside,
    coalesce(p.cluster, n.cluster, a.cluster, nullif(c.cluster, '')) AS cluster,
    coalesce(p.pool, n.pool) AS pool,
    coalesce(p.node, n.node) AS node,
    g.model AS gpu_model, x.idle
  FROM origins AS o
  CROSS JOIN options AS x
  JOIN bills AS c ON c.bill_id = o.bill_id
  LEFT JOIN node_rows AS r ON r.row_id = o.row_id
  LEFT JOIN bins AS b ON b.provider_id = r.provider_id AND b.starts = r.starts AND b.ends = r.ends
  LEFT JOIN node_parts AS p ON p.bin_id = b.bin_id
  LEFT JOIN known_nodes AS n ON n.provider_id = r.provider_id
  LEFT JOIN (
    SELECT w.row_id, w.asset_id, s.cluster FROM owned_rows AS w JOIN known_assets AS s ON s.asset_id = w.asset_id
  ) AS a ON a.row_id = o.row_id
  LEFT JOIN kinds AS k
    ON k.bill_id = o.bill_id AND k.service = o.service AND k.resource_type = o.resource_type AND k.category = o.category
  LEFT JOIN gpu_models AS g ON n.has_gpu AND g.instance_type = n.instance_type AND g.region = coalesce(o.region, '')
)
