-- Where each bill row of the step belongs, once: split over a bin's lines (bin_id), or whole, with its part and the reason.
-- A node that was billed and not measured is unallocated, never idle. A row that only names its cluster is a cost all of it shares.
SELECT
  o.row_id, o.bill_id, o.region,
  CASE WHEN p.bin_id IS NOT NULL THEN b.bin_id END AS bin_id,
  CASE
    WHEN p.bin_id IS NOT NULL THEN NULL
    WHEN r.row_id IS NOT NULL OR c.cluster <> '' THEN 'unallocated'
    ELSE 'not-kubernetes'
  END AS part,
  CASE
    WHEN p.bin_id IS NOT NULL THEN NULL
    WHEN r.row_id IS NOT NULL OR (c.cluster <> '' AND o.is_instance) THEN 'no usage was measured for this node and hour'
    WHEN c.cluster <> '' THEN 'shared cost of cluster ' || c.cluster || ': ' || o.service
    ELSE o.outside_reason
  END AS reason,
  CASE WHEN r.row_id IS NULL AND c.cluster = '' THEN c.team END AS team,
  CASE WHEN r.row_id IS NULL AND c.cluster = '' THEN c.rule END AS rule,
  CASE WHEN r.row_id IS NULL AND c.cluster = '' AND c.team IS NOT NULL THEN 'inferred' END AS confidence,
  coalesce(p.cluster, n.cluster, nullif(c.cluster, '')) AS cluster,
  coalesce(p.pool, n.pool) AS pool,
  coalesce(p.node, n.node) AS node,
  g.model AS gpu_model
FROM origins AS o
JOIN bills AS c ON c.bill_id = o.bill_id
LEFT JOIN node_rows AS r ON r.row_id = o.row_id
LEFT JOIN bins AS b ON b.provider_id = r.provider_id AND b.starts = r.starts AND b.ends = r.ends
LEFT JOIN node_parts AS p ON p.bin_id = b.bin_id
LEFT JOIN known_nodes AS n ON n.provider_id = r.provider_id
LEFT JOIN gpu_models AS g ON n.has_gpu AND g.instance_type = n.instance_type AND g.region = coalesce(o.region, '')
