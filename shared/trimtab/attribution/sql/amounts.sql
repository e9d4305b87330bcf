-- The amounts of the rows that are cut into lines (cut_rows), as whole units: units = whole * 1,000,000,000 + rest (see `stretch` in macros.sql).
-- All four costs and every quantity that sums; unit prices are copied, not split (FOCUS, split cost allocation).
SELECT
  row_id,
  exact_div(billed, 1000000000) AS billed_whole, CAST(billed % 1000000000 AS BIGINT) AS billed_rest,
  exact_div(effective, 1000000000) AS effective_whole, CAST(effective % 1000000000 AS BIGINT) AS effective_rest,
  exact_div(contracted, 1000000000) AS contracted_whole, CAST(contracted % 1000000000 AS BIGINT) AS contracted_rest,
  exact_div(list, 1000000000) AS list_whole, CAST(list % 1000000000 AS BIGINT) AS list_rest,
  exact_div(commitment, 1000000000) AS commitment_whole, CAST(commitment % 1000000000 AS BIGINT) AS commitment_rest,
  exact_div(consumed, 1000000000) AS consumed_whole, CAST(consumed % 1000000000 AS BIGINT) AS consumed_rest,
  exact_div(pricing, 1000000000) AS pricing_whole, CAST(pricing % 1000000000 AS BIGINT) AS pricing_rest,
  exact_div(pricing_cost, 1000000000) AS pricing_cost_whole, CAST(pricing_cost % 1000000000 AS BIGINT) AS pricing_cost_rest
FROM (
  SELECT
    p.row_id,
    money_units(c."BilledCost") AS billed,
    money_units(c."EffectiveCost") AS effective,
    money_units(c."ContractedCost") AS contracted,
    money_units(c."ListCost") AS list,
    quantity_units(c."CommitmentDiscountQuantity") AS commitment,
    quantity_units(c."ConsumedQuantity") AS consumed,
    quantity_units(c."PricingQuantity") AS pricing,
    quantity_units(c."PricingCurrencyEffectiveCost") AS pricing_cost
  FROM cut_rows AS p
  JOIN step_cost AS c ON c."x_RowId" = p.row_id
)
