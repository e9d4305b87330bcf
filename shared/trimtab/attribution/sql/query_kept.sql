-- How much of what is spread falls to lines that the filter keeps: the sum of their stretches.
SELECT
  m.currency, max(m.total) AS total,
  CAST(sum(CASE WHEN c.is_kept THEN m.high - m.low ELSE CAST(0 AS DECIMAL(38, 0)) END) AS DECIMAL(38, 0)) AS kept
FROM query_marks AS m
JOIN query_cells AS c ON c.cell = m.cell
GROUP BY m.currency
