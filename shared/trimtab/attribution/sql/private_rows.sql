-- What private capacity cost, hour by hour, where no cloud billed it: a node by its CPUs, memory and GPUs, a volume by its size, at the
-- first rate that holds on that day (private_rates). Rates are whole units of money per CPU, GiB or GPU and hour.
-- A node whose id stands on a cloud's bill (billed_tails) is not priced a second time.
SELECT
  'private' AS "BillingAccountId", 'Private capacity' AS "BillingAccountType",
  'Private capacity, by our own rates: no cloud sends this bill' AS "BillingAccountName",
  currency AS "BillingCurrency",
  'Usage' AS "ChargeCategory",
  description || ' for ' || CAST(seconds AS VARCHAR) || ' s, rate ' || rate AS "ChargeDescription",
  'Usage-Based' AS "ChargeFrequency",
  'Private cloud' AS "InvoiceIssuerName", 'Private cloud' AS "ProviderName", 'Private cloud' AS "PublisherName",
  'Standard' AS "PricingCategory",
  resource_id AS "ResourceId", name AS "ResourceName", resource_type AS "ResourceType",
  category AS "ServiceCategory", service AS "ServiceName", subcategory AS "ServiceSubcategory",
  project AS "SubAccountId", project AS "SubAccountName", CASE WHEN project IS NOT NULL THEN 'Palette project' END AS "SubAccountType",
  rate AS "SkuId", rate AS "SkuPriceId", quantity(price * 1000) AS "ListUnitPrice", quantity(price * 1000) AS "ContractedUnitPrice",
  tags AS "Tags",
  money(cost) AS "BilledCost", money(cost) AS "EffectiveCost", money(cost) AS "ContractedCost", money(cost) AS "ListCost",
  unit AS "ConsumedUnit", unit AS "PricingUnit", quantity(consumed) AS "ConsumedQuantity", quantity(consumed) AS "PricingQuantity",
  hour AS "ChargePeriodStart", hour + INTERVAL 1 HOUR AS "ChargePeriodEnd",
  'row-' || substr(sha256(resource_type || '/' || cluster || '/' || resource_id || '/' || CAST(hour AS VARCHAR)), 1, 20) AS "x_RowId",
  'rate ' || rate AS "x_SourceFile",
  row_number() OVER (ORDER BY hour, resource_type, resource_id) AS "x_SourceRow"
FROM (
  SELECT
    'Instance' AS resource_type, 'Compute' AS category, 'Private nodes' AS service, 'Virtual Machines' AS subcategory, 'Hours' AS unit,
    cluster, project, tags, coalesce(nullif(provider_id, ''), cluster || '/' || node) AS resource_id, node AS name, hour, seconds, rate, currency,
    CAST(cpu_capacity AS VARCHAR) || ' mCPU, ' || CAST(exact_div64(memory_capacity, 1048576) AS VARCHAR) || ' MiB, '
      || CAST(coalesce(gpu_capacity, 0) AS VARCHAR) || ' mGPU' AS description,
    exact_div(CAST(cpu AS DECIMAL(38, 0)) * cpu_capacity * seconds, 3600000)
      + exact_div(CAST(memory AS DECIMAL(38, 0)) * memory_capacity * seconds, 3865470566400)
      + exact_div(CAST(gpu AS DECIMAL(38, 0)) * coalesce(gpu_capacity, 0) * seconds, 3600000) AS cost,
    exact_div(CAST(seconds AS DECIMAL(38, 0)) * 1000000000000000, 3600) AS consumed,
    exact_div(CAST(cpu AS DECIMAL(38, 0)) * cpu_capacity, 1000) + exact_div(CAST(memory AS DECIMAL(38, 0)) * memory_capacity, 1073741824)
      + exact_div(CAST(gpu AS DECIMAL(38, 0)) * coalesce(gpu_capacity, 0), 1000) AS price
  FROM private_hours
  WHERE asset IS NULL AND pod IS NULL AND cpu_capacity > 0 AND memory_capacity > 0

  UNION ALL
  SELECT
    'Volume', 'Storage', 'Private volumes', 'Block Storage', 'GiB-Hours',
    cluster, project, tags, provider_id, NULL, hour, seconds, rate, currency,
    CAST(asset_bytes AS VARCHAR) || ' bytes',
    exact_div(CAST(storage AS DECIMAL(38, 0)) * asset_bytes * seconds, 3865470566400),
    exact_div(CAST(asset_bytes AS DECIMAL(38, 0)) * seconds * 1000000000000000, 3865470566400),
    CAST(storage AS DECIMAL(38, 0))
  FROM private_hours
  WHERE asset = 'volume' AND asset_bytes > 0 AND storage > 0
)
