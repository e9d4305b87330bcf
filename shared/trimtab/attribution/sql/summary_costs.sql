-- The period as people look at it: sums by everything a summary is cut by. Reasons matter where nobody pays by name.
SELECT
  "BillingCurrency" AS currency, "x_Export" AS export, "x_Part" AS part, "x_Team" AS team, "x_CostCenter" AS cost_center, "x_BusinessUnit" AS business_unit,
  coalesce("SubAccountId", "BillingAccountId") AS account,
  "x_Cluster" AS cluster, "x_Pool" AS pool, "x_Namespace" AS namespace,
  CASE WHEN "x_Part" IN ('unallocated', 'not-kubernetes') THEN "x_Reason" END AS reason,
  strftime("ChargePeriodStart", '%Y-%m-%d') AS day,
  sum("BilledCost") AS billed, sum("EffectiveCost") AS effective, sum("ListCost") AS list
FROM allocated
GROUP BY ALL
ORDER BY ALL
