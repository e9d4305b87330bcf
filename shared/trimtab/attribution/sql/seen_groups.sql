-- Cluster, namespace, labels and annotations of the step's pods, and of the resources that its bill rows name.
SELECT DISTINCT cluster, namespace, labels, annotations
FROM pods
UNION
SELECT a.cluster, a.namespace, a.labels, a.annotations
FROM known_assets AS a
JOIN owned_rows AS o ON o.asset_id = a.asset_id
