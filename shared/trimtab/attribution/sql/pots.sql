-- Pieces that are shared alike: of one rule, cluster ('' = none), account, currency and charge period.
SELECT
  row_number() OVER (ORDER BY rule, cluster, account, currency, starts, ends) AS pot_id,
  rule, cluster, account, currency, starts, ends
FROM (
  SELECT DISTINCT
    p.rule, coalesce(p.cluster, '') AS cluster, coalesce(c."SubAccountId", c."BillingAccountId", '') AS account,
    c."BillingCurrency" AS currency, c."ChargePeriodStart" AS starts, c."ChargePeriodEnd" AS ends
  FROM pieces AS p
  JOIN step_cost AS c ON c."x_RowId" = p.row_id
)
