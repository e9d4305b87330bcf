-- What covers a pool's machines over the period, kind by kind. A commitment to spend follows what runs to another kind of machine;
-- one to use certain machines, and a capacity reservation, do not.
SELECT
  "BillingCurrency" AS currency, "x_Cluster" AS cluster, "x_Pool" AS pool,
  CASE
    WHEN "CommitmentDiscountId" IS NOT NULL THEN coalesce("CommitmentDiscountType", 'commitment')
    WHEN "CapacityReservationId" IS NOT NULL THEN 'capacity reservation'
    ELSE 'commitment'
  END AS kind,
  coalesce("CommitmentDiscountCategory" = 'Spend', false) AND "CapacityReservationId" IS NULL AS is_spend,
  sum("EffectiveCost") AS effective, sum("ListCost") AS list
FROM allocated
WHERE "x_Pool" IS NOT NULL AND "x_Node" IS NOT NULL
  AND "ChargeCategory" = 'Usage' AND coalesce("ServiceCategory" = 'Compute', true)
  AND (
    coalesce("PricingCategory" = 'Committed', false)
    OR ("CommitmentDiscountId" IS NOT NULL AND coalesce("CommitmentDiscountStatus" <> 'Unused', true))
    OR ("CapacityReservationId" IS NOT NULL AND coalesce("CapacityReservationStatus" <> 'Unused', true))
  )
GROUP BY ALL
ORDER BY ALL
