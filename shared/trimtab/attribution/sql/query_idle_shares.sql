-- Idle capacity over those who hold the rest of the same resource in the same place (OpenCost's idle coefficients). `cell` is the holder.
-- Where nobody holds any of it, it stays where it is: no coefficient is ever made up, and none is NaN.
SELECT
  i.cell AS idle_cell, m.cell, i.cluster, i.node, i.measure,
  portion(i.amount, m.high, m.total) - portion(i.amount, m.low, m.total) AS amount
FROM query_idle AS i
JOIN query_idle_marks AS m
  ON m.currency = i.currency AND m.cluster IS NOT DISTINCT FROM i.cluster AND m.node IS NOT DISTINCT FROM i.node AND m.resource = i.resource
WHERE m.high > m.low
