-- What each namespace and team was attributed so far, per charge period: what `even` and `proportional` go by. A team's cost outside
-- clusters counts for rules over teams. Only periods that a pot of such a rule touches are read.
SELECT
  a."x_Cluster" AS cluster, a."x_Namespace" AS namespace, a."x_Team" AS team,
  min(a."x_CostCenter") AS cost_center, min(a."x_BusinessUnit") AS business_unit, min(a."x_OwnerRule") AS owner_rule,
  a."BillingCurrency" AS currency, a."ChargePeriodStart" AS starts, a."ChargePeriodEnd" AS ends,
  sum(money_units(a."EffectiveCost")) AS spent
FROM attributed AS a
CROSS JOIN (
  SELECT min(p.starts) AS first, max(p.ends) AS last
  FROM pots AS p
  JOIN sharing AS r ON r.rule = p.rule
  WHERE r.split IN ('even', 'proportional')
) AS t
WHERE a."ChargePeriodStart" < t.last AND a."ChargePeriodEnd" > t.first AND (a."x_Namespace" IS NOT NULL OR a."x_Team" IS NOT NULL)
GROUP BY
  a."x_Cluster", a."x_Namespace", a."x_Team", a."BillingCurrency", a."ChargePeriodStart", a."ChargePeriodEnd"
