-- The lines that the step's bill rows are cut into, with what is said of each (split_rows.sql writes them).
-- A line without a resource that is asked to say who it is says `note`: two such lines of one bill row never have the same.
SELECT
  p.row_id, s.note AS kind, s.low, s.high, s.cpu_ratio, s.memory_ratio, s.gpu_ratio, s.busy_ratio, s.cpu, s.memory, s.gpu,
  CAST(NULL AS VARCHAR) AS unit, CAST(NULL AS DECIMAL(38, 0)) AS quantity,
  p.method,
  g.cluster || '/' || g.namespace || '/' || s.resource AS resource_id,
  s.resource AS resource_name,
  w.tags,
  CASE
    WHEN s.note = 'idle' THEN 'idle'
    WHEN s.note = 'unweighed' OR w.team IS NULL THEN 'unallocated'
    ELSE 'allocated'
  END AS part,
  CASE WHEN s.note <> 'unweighed' THEN w.team END AS team,
  CASE WHEN s.note <> 'unweighed' THEN w.cost_center END AS cost_center,
  CASE WHEN s.note <> 'unweighed' THEN w.business_unit END AS business_unit,
  CASE WHEN s.note <> 'unweighed' THEN w.rule END AS owner_rule,
  CAST(NULL AS VARCHAR) AS shared_rule,
  CASE
    WHEN NOT s.is_measured THEN 'estimated'
    WHEN s.is_shared_gpu THEN 'shared-estimated'
    WHEN s.is_measured AND s.note <> 'asset' AND NOT p.is_compute THEN 'inferred'
    WHEN s.is_measured THEN 'metered'
  END AS confidence,
  CASE
    WHEN s.note = 'unweighed' THEN 'this pod cannot be weighed: for CPU or memory it has no request, and its use was not measured'
    WHEN s.note = 'idle' THEN 'capacity that no pod asked for or used'
    WHEN s.note = 'not-idle'
      THEN 'not known to be idle: ' || CAST(s.unweighed AS VARCHAR) || ' of ' || CAST(s.pods AS VARCHAR) || ' pods could not be weighed'
    WHEN s.note = 'unmeasured' THEN 'no usage was measured for this node in some of the hours billed'
    WHEN w.team IS NULL THEN 'no owner rule matched namespace ' || g.namespace
    WHEN s.note = 'crowded' THEN 'its requests and use; the pods of its node ask for more GPUs than it has: they share them unsaid'
    WHEN s.note = 'requested' THEN 'its requests on the node; use was not measured'
    WHEN s.note = 'asset' THEN 'its ' || s.resource || ', by the resource that the bill names'
    ELSE 'the larger of its requests and its use on the node'
  END AS reason,
  p.cluster, p.pool, p.node, g.namespace, s.workload_kind, s.workload,
  CASE WHEN s.note <> 'asset' THEN s.resource END AS pod, p.gpu_model
FROM placed AS p
JOIN shares AS s ON s.bin_id = p.bin_id
LEFT JOIN groups AS g ON g.group_id = s.group_id
LEFT JOIN owners AS w ON w.group_id = s.group_id AND w.bill_id = p.bill_id
WHERE s.shared_rule IS NULL
