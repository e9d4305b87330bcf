-- Kinds of bill rows that no earlier step had: whether a rule shares them is decided once for each.
SELECT o.bill_id, b.cluster, b.tags, o.service, o.resource_type, o.category
FROM (SELECT DISTINCT bill_id, service, resource_type, category FROM origins) AS o
JOIN bills AS b ON b.bill_id = o.bill_id
LEFT JOIN kinds AS k
  ON k.bill_id = o.bill_id AND k.service = o.service AND k.resource_type = o.resource_type AND k.category = o.category
WHERE k.bill_id IS NULL
ORDER BY o.bill_id, o.service, o.resource_type, o.category
