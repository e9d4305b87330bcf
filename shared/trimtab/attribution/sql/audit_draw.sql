-- As many rows of each stratum as its quota says, in the order of a hash over the seed and the row's id: the same seed over the same
-- rows draws the same sample, on any machine.
SELECT
  id, stratum, units, team, owner_rule, shared_rule, confidence, part, cluster, node, namespace, workload, pod, service, reason
FROM (
  SELECT
    r.*, q.stratum, q.quota,
    row_number() OVER (PARTITION BY q.stratum ORDER BY sha256($seed || '/' || r.id), r.id) AS place
  FROM (
    SELECT
      "x_AllocatedRowId" AS id, abs(money_units("EffectiveCost")) AS units,
      abs(money_units("EffectiveCost")) >= $threshold AS is_certain,
      length(CAST(abs(money_units("EffectiveCost")) AS VARCHAR)) AS digits,
      "x_Team" AS team, "x_OwnerRule" AS owner_rule, "x_SharedRule" AS shared_rule, "x_Confidence" AS confidence, "x_Part" AS part,
      "x_Cluster" AS cluster, "x_Node" AS node, "x_Namespace" AS namespace, "x_Workload" AS workload, "x_Pod" AS pod,
      "ServiceName" AS service, "x_Reason" AS reason
    FROM allocated
    WHERE "BillingCurrency" = $currency AND "EffectiveCost" <> 0
  ) AS r
  JOIN audit_quotas AS q ON q.is_certain = r.is_certain AND q.digits = r.digits
)
WHERE place <= quota
ORDER BY units DESC, id
