-- The rows that lines make of bill rows: a row keeps its origin's dimensions and unit prices and takes its stretch of every amount
-- (FOCUS, split cost allocation). The parts of EffectiveCost by resource are stretches of the line's own, so they add up to it.
SELECT
  c."AvailabilityZone", c."BillingAccountId", c."BillingAccountName", c."BillingAccountType", c."BillingCurrency",
  c."CapacityReservationId", c."CapacityReservationStatus", c."ChargeCategory", c."ChargeClass", c."ChargeDescription",
  c."ChargeFrequency", c."CommitmentDiscountCategory", c."CommitmentDiscountId", c."CommitmentDiscountName",
  c."CommitmentDiscountStatus", c."CommitmentDiscountType", c."CommitmentDiscountUnit", c."ConsumedUnit", c."InvoiceId",
  c."InvoiceIssuerName", c."PricingCategory", c."PricingCurrency", c."PricingUnit", c."ProviderName", c."PublisherName",
  c."RegionId", c."RegionName", c."ResourceId", c."ResourceName", c."ResourceType", c."ServiceCategory", c."ServiceName",
  c."ServiceSubcategory", c."SkuId", c."SkuMeter", c."SkuPriceDetails", c."SkuPriceId", c."SubAccountId", c."SubAccountName",
  c."SubAccountType", c."Tags",
  money(stretch(a.billed_whole, a.billed_rest, l.low, l.high)) AS "BilledCost",
  money(stretch(a.effective_whole, a.effective_rest, l.low, l.high)) AS "EffectiveCost",
  money(stretch(a.contracted_whole, a.contracted_rest, l.low, l.high)) AS "ContractedCost",
  money(stretch(a.list_whole, a.list_rest, l.low, l.high)) AS "ListCost",
  quantity(stretch(a.commitment_whole, a.commitment_rest, l.low, l.high)) AS "CommitmentDiscountQuantity",
  quantity(stretch(a.consumed_whole, a.consumed_rest, l.low, l.high)) AS "ConsumedQuantity",
  c."ContractedUnitPrice",
  c."ListUnitPrice",
  quantity(stretch(a.pricing_whole, a.pricing_rest, l.low, l.high)) AS "PricingQuantity",
  c."PricingCurrencyContractedUnitPrice",
  quantity(stretch(a.pricing_cost_whole, a.pricing_cost_rest, l.low, l.high)) AS "PricingCurrencyEffectiveCost",
  c."PricingCurrencyListUnitPrice",
  c."BillingPeriodStart", c."BillingPeriodEnd", c."ChargePeriodStart", c."ChargePeriodEnd",
  c."x_RowId", c."x_SourceFile", c."x_SourceRow", c."x_Export", c."x_Period",
  l.method AS "AllocatedMethodId",
  CASE
    WHEN l.cpu_ratio IS NOT NULL THEN concat(
      '{"Elements":[', element(l.cpu_ratio, 'mCPU-Seconds', l.cpu), ',', element(l.memory_ratio, 'MiB-Seconds', l.memory),
      CASE WHEN l.gpu_ratio IS NULL THEN '' ELSE ',' || element(l.gpu_ratio, 'mGPU-Seconds', l.gpu) END, ']}'
    )
    WHEN l.unit IS NOT NULL THEN concat('{"Elements":[', element(l.high - l.low, l.unit, l.quantity), ']}')
    ELSE concat('{"Elements":[{"AllocatedRatio":', ratio_text(l.high - l.low), '}]}')
  END AS "AllocatedMethodDetails",
  l.resource_id AS "AllocatedResourceId",
  l.resource_name AS "AllocatedResourceName",
  coalesce(l.tags, c."Tags") AS "AllocatedTags",
  'alloc-' || substr(sha256(l.row_id || '/' || coalesce(l.resource_id, l.kind)), 1, 20) AS "x_AllocatedRowId",
  l.part AS "x_Part", l.team AS "x_Team", l.cost_center AS "x_CostCenter", l.business_unit AS "x_BusinessUnit",
  l.owner_rule AS "x_OwnerRule", l.shared_rule AS "x_SharedRule", l.confidence AS "x_Confidence", l.reason AS "x_Reason",
  l.cluster AS "x_Cluster", l.pool AS "x_Pool", l.node AS "x_Node",
  l.namespace AS "x_Namespace", l.workload_kind AS "x_WorkloadKind", l.workload AS "x_Workload", l.pod AS "x_Pod",
  CASE WHEN l.cpu_ratio IS NOT NULL THEN money(
    stretch(a.effective_whole, a.effective_rest, l.low, l.low + l.cpu_ratio)
  ) END AS "x_CpuCost",
  CASE WHEN l.cpu_ratio IS NOT NULL THEN money(
    stretch(a.effective_whole, a.effective_rest, l.low + l.cpu_ratio, l.low + l.cpu_ratio + l.memory_ratio)
  ) END AS "x_MemoryCost",
  CASE WHEN l.cpu_ratio IS NOT NULL THEN money(
    stretch(a.effective_whole, a.effective_rest, l.low + l.cpu_ratio + l.memory_ratio, l.high)
  ) END AS "x_GpuCost",
  CASE WHEN l.busy_ratio IS NOT NULL THEN money(
    stretch(a.effective_whole, a.effective_rest, l.low + l.cpu_ratio + l.memory_ratio + l.busy_ratio, l.high)
  ) END AS "x_GpuIdleCost",
  l.cpu AS "x_CpuSeconds", l.memory AS "x_MemorySeconds", l.gpu AS "x_GpuSeconds",
  l.gpu_model AS "x_GpuModel"
FROM lines AS l
JOIN amounts AS a ON a.row_id = l.row_id
JOIN step_cost AS c ON c."x_RowId" = l.row_id
