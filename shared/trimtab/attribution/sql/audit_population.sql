-- All rows with money of one currency, in groups of alike size: by the number of digits of their cost in whole units, credits as they
-- would be without their sign. Rows of `$threshold` units and more stand alone (is_certain): each of them is in the sample.
SELECT is_certain, digits, count(*) AS amount_of_rows, CAST(sum(units) AS DECIMAL(38, 0)) AS units
FROM (
  SELECT units, units >= $threshold AS is_certain, length(CAST(units AS VARCHAR)) AS digits
  FROM (SELECT abs(money_units("EffectiveCost")) AS units FROM allocated WHERE "BillingCurrency" = $currency AND "EffectiveCost" <> 0)
)
GROUP BY is_certain, digits
ORDER BY is_certain DESC, digits DESC
