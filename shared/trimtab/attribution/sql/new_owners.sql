-- Which pods' groups meet which bill's account and tags: who owns that is decided once for each pair.
SELECT DISTINCT s.group_id, p.bill_id
FROM (SELECT DISTINCT bin_id, group_id FROM shares WHERE kind = 'pod') AS s
JOIN (SELECT DISTINCT bin_id, bill_id FROM placed WHERE bin_id IS NOT NULL) AS p ON p.bin_id = s.bin_id
LEFT JOIN owners AS w ON w.group_id = s.group_id AND w.bill_id = p.bill_id
WHERE w.group_id IS NULL
ORDER BY s.group_id, p.bill_id
