-- Which groups meet which bill's account and tags (seen_owners): who owns that is decided once for each pair.
SELECT s.group_id, s.bill_id
FROM seen_owners AS s
LEFT JOIN owners AS w ON w.group_id = s.group_id AND w.bill_id = s.bill_id
WHERE w.group_id IS NULL
ORDER BY s.group_id, s.bill_id
