-- Cluster, namespace and labels of the step's pods that no earlier step had.
SELECT p.cluster, p.namespace, p.labels
FROM (SELECT DISTINCT cluster, namespace, labels FROM pods) AS p
LEFT JOIN groups AS g ON g.cluster = p.cluster AND g.namespace = p.namespace AND g.labels = p.labels
WHERE g.group_id IS NULL
ORDER BY p.cluster, p.namespace, p.labels
