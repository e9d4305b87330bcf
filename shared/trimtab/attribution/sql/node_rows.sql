-- A bill row is node cost when its ResourceId is, or ends with, the provider id of a node that usage knows:
-- .../instance/i-0abc ends with i-0abc. Where two known ids fit, the longer one is meant.
SELECT row_id, provider_id, starts, ends, hours
FROM (
  SELECT
    o.row_id, o.starts, o.ends, o.hours, n.provider_id,
    row_number() OVER (PARTITION BY o.row_id ORDER BY length(n.provider_id) DESC, n.provider_id) AS place
  FROM origins AS o
  JOIN known_nodes AS n ON n.tail = o.tail
  WHERE o.resource_id = lower(n.provider_id)
    OR right(o.resource_id, length(n.provider_id) + 1) IN ('/' || lower(n.provider_id), ':' || lower(n.provider_id))
)
WHERE place = 1
