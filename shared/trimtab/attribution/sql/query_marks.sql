-- Each line's stretch of what is spread: evenly, every line as wide as the next, or by its own effective cost (before idle).
-- All lines count, those that the filter leaves out too: a filter never makes the rest dearer. A line of several cells (places, or kept
-- and not kept) divides its even stretch by cost, or alike where it has none.
SELECT
  cell, currency,
  CASE WHEN is_even THEN even_low ELSE weight_end - weight END AS low,
  CASE WHEN is_even THEN even_high ELSE weight_end END AS high,
  CASE WHEN is_even THEN CAST(lines AS DECIMAL(38, 0)) * 1000000000000 ELSE weight_total END AS total
FROM (
  SELECT
    *,
    max(line_number) OVER (PARTITION BY currency) AS lines,
    CAST(line_number - 1 AS DECIMAL(38, 0)) * 1000000000000 + portion(1000000000000, line_end - line_weight, line_total) AS even_low,
    CAST(line_number - 1 AS DECIMAL(38, 0)) * 1000000000000 + portion(1000000000000, line_end, line_total) AS even_high
  FROM (
    SELECT
      *,
      sum(line_weight) OVER (PARTITION BY currency, line ORDER BY cell) AS line_end,
      sum(line_weight) OVER (PARTITION BY currency, line) AS line_total
    FROM (
      SELECT
        *,
        dense_rank() OVER (PARTITION BY currency ORDER BY line) AS line_number,
        sum(weight) OVER (PARTITION BY currency ORDER BY cell) AS weight_end,
        sum(weight) OVER (PARTITION BY currency) AS weight_total,
        CASE WHEN sum(weight) OVER (PARTITION BY currency, line) = 0 THEN CAST(1 AS DECIMAL(38, 0)) ELSE weight END AS line_weight
      FROM (
        SELECT c.cell, c.currency, c.line, o.is_even, greatest(c.effective, 0) AS weight
        FROM query_cells AS c CROSS JOIN query_options AS o
        WHERE c.kind = 'own'
      )
    )
  )
)
