-- Promise 1 as a query: per currency, the bill and the four parts that must equal it, for what is billed and what it really costs.
SELECT
  currency,
  sum(billed) FILTER (WHERE part = 'bill'),
  sum(billed) FILTER (WHERE part = 'allocated'), sum(billed) FILTER (WHERE part = 'idle'),
  sum(billed) FILTER (WHERE part = 'unallocated'), sum(billed) FILTER (WHERE part = 'not-kubernetes'),
  sum(effective) FILTER (WHERE part = 'bill'),
  sum(effective) FILTER (WHERE part = 'allocated'), sum(effective) FILTER (WHERE part = 'idle'),
  sum(effective) FILTER (WHERE part = 'unallocated'), sum(effective) FILTER (WHERE part = 'not-kubernetes')
FROM (
  SELECT "BillingCurrency" AS currency, 'bill' AS part, "BilledCost" AS billed, "EffectiveCost" AS effective FROM cost
  UNION ALL
  SELECT "BillingCurrency", "x_Part", "BilledCost", "EffectiveCost" FROM allocated
)
GROUP BY currency
ORDER BY currency
