-- The bill rows of the step, only what decides where they belong. `account` and `tags` find their owner and cluster (table bills).
SELECT
  c."x_RowId" AS row_id,
  lower(c."ResourceId") AS resource_id,
  lower(regexp_extract(coalesce(c."ResourceId", ''), '([^/:]+)$', 1)) AS tail,
  c."ChargePeriodStart" AS starts,
  c."ChargePeriodEnd" AS ends,
  c."RegionId" AS region,
  CASE
    WHEN c."ChargeCategory" = 'Usage' AND lower(c."ConsumedUnit") IN ('hour', 'hours', 'hrs') THEN c."ConsumedQuantity"
  END AS hours,
  coalesce(lower(c."ResourceType") LIKE '%instance%' OR lower(c."ResourceType") LIKE '%virtual machine%', false) AS is_instance,
  CASE
    WHEN c."CommitmentDiscountStatus" = 'Unused'
      THEN 'unused commitment ' || coalesce(c."CommitmentDiscountName", c."CommitmentDiscountId", 'without an id') || ': no cluster owns it'
    WHEN c."ChargeCategory" = 'Purchase' AND c."CommitmentDiscountId" IS NOT NULL
      THEN 'purchase of commitment ' || coalesce(c."CommitmentDiscountName", c."CommitmentDiscountId") || ': no cluster owns it'
    WHEN c."ChargeCategory" = 'Tax' THEN 'tax: the bill ties it to no cluster'
    ELSE 'neither its resource nor its tags name a cluster'
  END AS outside_reason,
  coalesce(c."ServiceName", 'a service without a name') AS service,
  coalesce(c."ResourceType", '') AS resource_type,
  coalesce(c."ChargeCategory", '') AS category,
  coalesce(c."ServiceCategory" = 'Compute', true) AS is_compute,
  b.bill_id
FROM step_cost AS c
JOIN bills AS b ON b.account = coalesce(c."SubAccountId", c."BillingAccountId", '') AND b.tags = coalesce(c."Tags", '')
