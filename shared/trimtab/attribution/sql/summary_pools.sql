-- Node-hours and what they cost, per pool and day. A node's charge period counts once, however many bill rows it has;
-- where the bill consumed fewer hours than the period is long, the node ran only those.
-- `machine` is what its machines cost, without disks, traffic and credits; `covered` the part of it that a commitment or a capacity
-- reservation stands for: that part is paid with or without the node.
SELECT
  currency, cluster, pool, strftime(starts, '%Y-%m-%d') AS day,
  sum(CASE WHEN consumed > 0 AND consumed < hours THEN consumed WHEN is_used THEN hours ELSE 0 END) AS node_hours,
  sum(effective) AS effective, sum(list) AS list,
  sum(machine_effective) AS machine_effective, sum(machine_list) AS machine_list,
  sum(covered_effective) AS covered_effective, sum(covered_list) AS covered_list
FROM (
  SELECT
    "BillingCurrency" AS currency, "x_Cluster" AS cluster, "x_Pool" AS pool, "x_Node" AS node,
    "ChargePeriodStart" AS starts,
    CAST(date_diff('second', "ChargePeriodStart", "ChargePeriodEnd") AS DECIMAL(18, 6)) * CAST('0.000277777777777778' AS DECIMAL(18, 18)) AS hours,
    bool_or("ChargeCategory" = 'Usage') AS is_used,
    sum("ConsumedQuantity") FILTER (WHERE "ChargeCategory" = 'Usage' AND lower("ConsumedUnit") IN ('hour', 'hours', 'hrs')) AS consumed,
    sum("EffectiveCost") AS effective, sum("ListCost") AS list,
    sum("EffectiveCost") FILTER (WHERE is_machine) AS machine_effective, sum("ListCost") FILTER (WHERE is_machine) AS machine_list,
    sum("EffectiveCost") FILTER (WHERE is_machine AND is_covered) AS covered_effective,
    sum("ListCost") FILTER (WHERE is_machine AND is_covered) AS covered_list
  FROM (
    SELECT
      *,
      "ChargeCategory" = 'Usage' AND coalesce("ServiceCategory" = 'Compute', true) AS is_machine,
      coalesce("PricingCategory" = 'Committed', false)
        OR ("CommitmentDiscountId" IS NOT NULL AND coalesce("CommitmentDiscountStatus" <> 'Unused', true))
        OR ("CapacityReservationId" IS NOT NULL AND coalesce("CapacityReservationStatus" <> 'Unused', true)) AS is_covered
    FROM allocated
    WHERE "x_Pool" IS NOT NULL AND "x_Node" IS NOT NULL
  )
  GROUP BY 1, 2, 3, 4, 5, 6
)
GROUP BY ALL
ORDER BY ALL
