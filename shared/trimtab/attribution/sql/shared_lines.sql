-- The lines that pieces are cut into (split_rows.sql writes them): each consumer's stretch, inside the piece's stretch of its bill row.
-- A piece that nobody can be found for stays what it was, and says so.
SELECT
  p.row_id, 'shared/' || p.rule AS kind,
  p.low + exact_div64((p.high - p.low) * coalesce(s.low, 0), 1000000000) AS low,
  p.low + exact_div64((p.high - p.low) * coalesce(s.high, 1000000000), 1000000000) AS high,
  CAST(NULL AS BIGINT) AS cpu_ratio, CAST(NULL AS BIGINT) AS memory_ratio, CAST(NULL AS BIGINT) AS gpu_ratio,
  CAST(NULL AS BIGINT) AS busy_ratio, CAST(NULL AS BIGINT) AS cpu, CAST(NULL AS BIGINT) AS memory, CAST(NULL AS BIGINT) AS gpu,
  CASE WHEN s.pot_id IS NOT NULL THEN r.unit END AS unit,
  CASE WHEN r.driver = 'gpu-seconds' THEN exact_div(s.weight, 63) ELSE s.weight END AS quantity,
  CASE WHEN s.pot_id IS NULL THEN 'trimtab-shared-nobody-1' ELSE 'trimtab-shared-' || coalesce(r.driver, r.split) || '-1' END AS method,
  CASE
    WHEN s.pot_id IS NOT NULL
      THEN 'shared/' || p.rule || '/' || coalesce(s.cluster, '') || '/' || coalesce(s.namespace, '') || '/' || coalesce(s.team, '')
  END AS resource_id,
  coalesce(s.namespace, s.team) AS resource_name,
  CAST(NULL AS VARCHAR) AS tags,
  CASE
    WHEN p.part = 'not-kubernetes' OR s.pot_id IS NULL THEN p.part
    WHEN s.team IS NULL THEN 'unallocated'
    ELSE 'allocated'
  END AS part,
  CASE WHEN s.pot_id IS NULL THEN p.team ELSE s.team END AS team,
  CASE WHEN s.pot_id IS NULL THEN p.cost_center ELSE s.cost_center END AS cost_center,
  CASE WHEN s.pot_id IS NULL THEN p.business_unit ELSE s.business_unit END AS business_unit,
  CASE WHEN s.pot_id IS NULL THEN p.owner_rule ELSE s.owner_rule END AS owner_rule,
  p.rule AS shared_rule,
  CASE
    WHEN s.pot_id IS NULL THEN p.confidence
    WHEN r.driver IN ('network-bytes', 'volume-bytes') THEN CASE WHEN s.is_read THEN 'metered' ELSE 'estimated' END
    WHEN r.split IN ('driver', 'proportional') THEN 'shared-estimated'
    ELSE 'inferred'
  END AS confidence,
  CASE
    WHEN s.pot_id IS NULL THEN p.reason || '; rule ' || p.rule || ' finds nobody to share it over'
    WHEN s.team IS NULL AND s.namespace IS NOT NULL THEN 'no owner rule matched namespace ' || s.namespace
    ELSE 'shared by rule ' || p.rule || ' (' || coalesce(r.driver, r.split) || '): ' || p.reason
  END AS reason,
  coalesce(p.cluster, nullif(s.cluster, '')) AS cluster, p.pool, p.node, s.namespace,
  CAST(NULL AS VARCHAR) AS workload_kind, CAST(NULL AS VARCHAR) AS workload, CAST(NULL AS VARCHAR) AS pod, p.gpu_model
FROM pieces AS p
JOIN sharing AS r ON r.rule = p.rule
JOIN step_cost AS c ON c."x_RowId" = p.row_id
JOIN pots AS t
  ON t.rule = p.rule AND t.cluster = coalesce(p.cluster, '') AND t.account = coalesce(c."SubAccountId", c."BillingAccountId", '')
  AND t.currency = c."BillingCurrency" AND t.starts = c."ChargePeriodStart" AND t.ends = c."ChargePeriodEnd"
LEFT JOIN stretches AS s ON s.pot_id = t.pot_id
