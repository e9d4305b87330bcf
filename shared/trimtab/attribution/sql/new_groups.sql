-- Who may own something, as owner rules see it, and no earlier step had (seen_groups).
SELECT s.cluster, s.namespace, s.labels, s.annotations
FROM seen_groups AS s
LEFT JOIN groups AS g
  ON g.cluster = s.cluster AND g.namespace = s.namespace AND g.labels = s.labels AND g.annotations = s.annotations
WHERE g.group_id IS NULL
ORDER BY s.cluster, s.namespace, s.labels, s.annotations
