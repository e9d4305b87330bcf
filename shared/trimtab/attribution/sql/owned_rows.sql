-- A bill row of a resource that one namespace owns: matched by its ResourceId as a node's is (node_rows.sql).
SELECT row_id, asset_id
FROM (
  SELECT o.row_id, a.asset_id, row_number() OVER (PARTITION BY o.row_id ORDER BY length(a.provider_id) DESC, a.provider_id) AS place
  FROM origins AS o
  JOIN known_assets AS a ON a.tail = o.tail
  LEFT JOIN node_rows AS n ON n.row_id = o.row_id
  WHERE n.row_id IS NULL
    AND (
      o.resource_id = lower(a.provider_id)
      OR right(o.resource_id, length(a.provider_id) + 1) IN ('/' || lower(a.provider_id), ':' || lower(a.provider_id))
    )
)
WHERE place = 1
