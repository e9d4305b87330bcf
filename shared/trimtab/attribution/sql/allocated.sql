-- The step's allocated rows. A split row keeps its origin's dimensions and unit prices and takes its stretch of every amount;
-- an unsplit row is the bill row itself. Every bill row of the step is here, once or cut into lines that add up to it.
SELECT
  c.* REPLACE (
    money(below(a.billed_whole, a.billed_rest, s.high) - below(a.billed_whole, a.billed_rest, s.low)) AS "BilledCost",
    money(below(a.effective_whole, a.effective_rest, s.high) - below(a.effective_whole, a.effective_rest, s.low)) AS "EffectiveCost",
    money(below(a.contracted_whole, a.contracted_rest, s.high) - below(a.contracted_whole, a.contracted_rest, s.low)) AS "ContractedCost",
    money(below(a.list_whole, a.list_rest, s.high) - below(a.list_whole, a.list_rest, s.low)) AS "ListCost",
    quantity(below(a.commitment_whole, a.commitment_rest, s.high) - below(a.commitment_whole, a.commitment_rest, s.low)) AS "CommitmentDiscountQuantity",
    quantity(below(a.consumed_whole, a.consumed_rest, s.high) - below(a.consumed_whole, a.consumed_rest, s.low)) AS "ConsumedQuantity",
    quantity(below(a.pricing_whole, a.pricing_rest, s.high) - below(a.pricing_whole, a.pricing_rest, s.low)) AS "PricingQuantity",
    quantity(below(a.pricing_cost_whole, a.pricing_cost_rest, s.high) - below(a.pricing_cost_whole, a.pricing_cost_rest, s.low)) AS "PricingCurrencyEffectiveCost"
  ),
  'trimtab-max-request-use-1' AS "AllocatedMethodId",
  CASE
    WHEN s.kind = 'unmeasured' THEN '{"Elements":[{"AllocatedRatio":' || ratio_text(s.high - s.low) || '}]}'
    ELSE '{"Elements":[' || element(s.cpu_ratio, 'mCPU-Seconds', s.cpu) || ',' || element(s.memory_ratio, 'MiB-Seconds', s.memory)
      || CASE WHEN s.gpu_ratio IS NULL THEN '' ELSE ',' || element(s.gpu_ratio, 'mGPU-Seconds', s.gpu) END || ']}'
  END AS "AllocatedMethodDetails",
  s.cluster || '/' || s.namespace || '/' || s.pod AS "AllocatedResourceId",
  s.pod AS "AllocatedResourceName",
  CASE WHEN s.kind = 'pod' THEN w.tags ELSE c."Tags" END AS "AllocatedTags",
  'alloc-' || substr(sha256(p.row_id || '/' || coalesce(s.cluster || '/' || s.namespace || '/' || s.pod, s.kind)), 1, 20) AS "x_AllocatedRowId",
  CASE
    WHEN s.kind = 'idle' THEN 'idle'
    WHEN s.kind = 'pod' AND s.problem IS NULL AND w.team IS NOT NULL THEN 'allocated'
    ELSE 'unallocated'
  END AS "x_Part",
  CASE WHEN s.problem IS NULL THEN w.team END AS "x_Team",
  CASE WHEN s.problem IS NULL THEN w.rule END AS "x_OwnerRule",
  CASE
    WHEN s.confidence = 'metered' AND c."ServiceCategory" <> 'Compute' THEN 'inferred'
    ELSE s.confidence
  END AS "x_Confidence",
  CASE
    WHEN s.problem IS NOT NULL THEN s.problem
    WHEN w.team IS NULL THEN 'no owner rule matched namespace ' || s.namespace
    WHEN s.confidence = 'estimated' THEN 'its requests on the node; use was not measured'
    ELSE 'the larger of its requests and its use on the node'
  END AS "x_Reason",
  p.cluster AS "x_Cluster", p.pool AS "x_Pool", p.node AS "x_Node",
  s.namespace AS "x_Namespace", s.workload AS "x_Workload", s.pod AS "x_Pod",
  p.gpu_model AS "x_GpuModel"
FROM placed AS p
JOIN amounts AS a ON a.row_id = p.row_id
JOIN shares AS s ON s.bin_id = p.bin_id
JOIN step_cost AS c ON c."x_RowId" = p.row_id
LEFT JOIN owners AS w ON w.group_id = s.group_id AND w.bill_id = p.bill_id

UNION ALL
SELECT
  c.*,
  NULL, NULL, NULL, NULL, NULL,
  'alloc-' || substr(sha256(p.row_id || '/whole'), 1, 20),
  p.part, p.team, p.rule, p.confidence, p.reason,
  p.cluster, p.pool, p.node, NULL, NULL, NULL, p.gpu_model
FROM placed AS p
JOIN step_cost AS c ON c."x_RowId" = p.row_id
WHERE p.bin_id IS NULL
