-- The bill as a variance report sorts it: what nodes' hours cost at list, at contract and in effect, and everything else by its cause.
-- A row without a contracted (or list) cost cannot say which discount it had: all of its difference counts as commitments and spot.
-- Hours are what the rows say they bill; two rows of one node-hour (on demand, covered by a plan) have their parts of it.
SELECT
  currency, cluster, node, cause,
  max(provider) AS provider, max(region) AS region,
  sum(CASE WHEN cause = 'node-hours' THEN hours END) AS hours,
  sum(list) AS list, sum(contracted) AS contracted, sum(effective) AS effective
FROM (
  SELECT
    "BillingCurrency" AS currency, "x_Cluster" AS cluster, "ProviderName" AS provider, "RegionId" AS region,
    CASE WHEN "x_Cluster" IS NOT NULL THEN "x_Node" END AS node,
    CASE
      WHEN "ChargeClass" = 'Correction' THEN 'corrections of earlier periods'
      WHEN "ChargeCategory" = 'Credit' THEN 'credits and refunds'
      WHEN "ChargeCategory" = 'Tax' THEN 'tax'
      WHEN "ChargeCategory" = 'Adjustment' THEN 'adjustments'
      WHEN "CommitmentDiscountStatus" = 'Unused' THEN 'unused commitments'
      WHEN "ChargeCategory" = 'Purchase' THEN 'purchases'
      WHEN "x_Cluster" IS NULL AND lower("ServiceName") LIKE '%support%' THEN 'support'
      WHEN "x_Cluster" IS NULL THEN 'cost outside clusters'
      WHEN
        "x_Node" IS NOT NULL AND "ServiceCategory" = 'Compute' AND lower("ConsumedUnit") IN ('hour', 'hours', 'hrs')
        AND "ConsumedQuantity" IS NOT NULL
        THEN 'node-hours'
      WHEN "x_Node" IS NOT NULL THEN 'disks and other charges of nodes'
      ELSE 'control planes, load balancers and other charges of clusters'
    END AS cause,
    "ConsumedQuantity" AS hours, "EffectiveCost" AS effective,
    coalesce("ContractedCost", "ListCost", "EffectiveCost") AS contracted,
    coalesce("ListCost", "ContractedCost", "EffectiveCost") AS list
  FROM allocated
)
GROUP BY currency, cluster, node, cause
ORDER BY currency, cluster, node, cause
