-- The answer: every unit of the allocated rows and of overhead, once, with the line it stands in, where it came from and what became of
-- it: shown in a line, shown as idle or shared capacity of its own, or left out by the filter. Hiding idle is the reader's last step.
SELECT
  shown, is_kept, line, currency, cluster, node, source, measure, CAST(sum(amount) AS DECIMAL(38, 0)) AS amount
FROM (
  SELECT 'line' AS shown, is_kept, line, currency, NULL AS cluster, NULL AS node, 'own' AS source, measure, amount
  FROM query_amounts WHERE kind IN ('own', 'outside')

  -- idle capacity of the lines' own cells
  UNION ALL
  SELECT
    CASE WHEN o.is_idle_shared THEN 'line' ELSE 'idle' END, c.is_kept, CASE WHEN o.is_idle_shared THEN c.line END, c.currency,
    CASE WHEN NOT o.is_idle_shared THEN s.cluster END, CASE WHEN NOT o.is_idle_shared THEN s.node END, 'idle', s.measure, s.amount
  FROM query_idle_shares AS s JOIN query_cells AS c ON c.cell = s.cell CROSS JOIN query_options AS o
  WHERE c.kind = 'own'

  -- idle capacity that nobody could take
  UNION ALL
  SELECT 'idle', c.is_kept, NULL, c.currency, c.cluster, c.node, 'idle', i.measure, i.amount - coalesce(t.amount, 0)
  FROM (SELECT cell, measure, sum(amount) AS amount FROM query_idle GROUP BY cell, measure) AS i
  JOIN query_cells AS c ON c.cell = i.cell
  LEFT JOIN (
    SELECT idle_cell, measure, sum(amount) AS amount FROM query_idle_shares GROUP BY idle_cell, measure
  ) AS t ON t.idle_cell = i.cell AND t.measure = i.measure

  -- what is spread over the lines
  UNION ALL
  SELECT
    'line', c.is_kept, c.line, c.currency, NULL, NULL, p.source, p.measure,
    portion(p.amount, m.high, m.total) - portion(p.amount, m.low, m.total)
  FROM query_pools AS p
  JOIN query_marks AS m ON m.currency = p.currency
  JOIN query_cells AS c ON c.cell = m.cell
  WHERE p.source <> 'idle'

  -- the idle capacity of shared rows, where idle stands apart: the part of the lines that are kept, and the rest
  UNION ALL
  SELECT 'idle', true, NULL, p.currency, p.cluster, p.node, 'idle', p.measure, portion(p.amount, k.kept, k.total)
  FROM query_pools AS p JOIN query_kept AS k ON k.currency = p.currency
  WHERE p.source = 'idle' AND k.total > 0
  UNION ALL
  SELECT 'idle', false, NULL, p.currency, p.cluster, p.node, 'idle', p.measure, p.amount - portion(p.amount, k.kept, k.total)
  FROM query_pools AS p JOIN query_kept AS k ON k.currency = p.currency
  WHERE p.source = 'idle' AND k.total > 0

  -- what there is nobody to spread over
  UNION ALL
  SELECT 'shared', true, NULL, p.currency, NULL, NULL, p.source, p.measure, p.amount
  FROM query_pools AS p
  LEFT JOIN query_kept AS k ON k.currency = p.currency
  WHERE coalesce(k.total, 0) = 0
)
WHERE amount <> 0 OR source = 'own'
GROUP BY shown, is_kept, line, currency, cluster, node, source, measure
ORDER BY shown, is_kept, currency, line, cluster, node, source, measure
