-- The bill rows that are not split: each is itself, with its part and the reason.
SELECT
  c.*,
  NULL, NULL, NULL, NULL, NULL,
  'alloc-' || substr(sha256(p.row_id || '/whole'), 1, 20),
  p.part, p.team, p.cost_center, p.business_unit, p.rule, NULL, p.confidence, p.reason,
  p.cluster, p.pool, p.node, NULL, NULL, NULL, NULL,
  NULL, NULL, NULL, NULL, NULL, NULL, NULL, p.gpu_model
FROM placed AS p
JOIN step_cost AS c ON c."x_RowId" = p.row_id
WHERE p.bin_id IS NULL AND p.shared_rule IS NULL
