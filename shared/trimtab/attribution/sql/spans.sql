-- The clusters and times whose usage is asked for, each once: of a pot's own cluster, or of all where it has none.
SELECT row_number() OVER (ORDER BY scope, cluster, starts, ends) AS span_id, scope, cluster, starts, ends
FROM (
  SELECT DISTINCT p.cluster AS scope, g.cluster, p.starts, p.ends
  FROM pots AS p
  JOIN sharing AS r ON r.rule = p.rule AND r.split = 'driver'
  JOIN (SELECT DISTINCT cluster FROM groups) AS g ON p.cluster IN ('', g.cluster)
  WHERE p.ends > p.starts
)
