-- What is spread over the lines: the rows that the query calls shared together with the idle capacity that falls to them, and overhead.
-- Where idle capacity stands apart, the part that falls to shared rows keeps its place ('idle'): it is only sorted into what the filter
-- keeps and what it leaves out.
SELECT currency, 'shared' AS source, NULL AS cluster, NULL AS node, measure, CAST(sum(amount) AS DECIMAL(38, 0)) AS amount
FROM (
  SELECT currency, measure, amount FROM query_amounts WHERE kind = 'shared'
  UNION ALL
  SELECT c.currency, s.measure, s.amount
  FROM query_idle_shares AS s JOIN query_cells AS c ON c.cell = s.cell CROSS JOIN query_options AS o
  WHERE c.kind = 'shared' AND o.is_idle_shared
)
GROUP BY currency, measure

UNION ALL
SELECT c.currency, 'idle', s.cluster, s.node, s.measure, CAST(sum(s.amount) AS DECIMAL(38, 0))
FROM query_idle_shares AS s JOIN query_cells AS c ON c.cell = s.cell CROSS JOIN query_options AS o
WHERE c.kind = 'shared' AND NOT o.is_idle_shared
GROUP BY c.currency, s.cluster, s.node, s.measure

UNION ALL
SELECT currency, 'overhead', NULL, NULL, measure, amount FROM query_overhead
