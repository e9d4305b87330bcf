-- The pods and assets of a bin meet the bill rows of that bin.
SELECT DISTINCT s.group_id, p.bill_id
FROM (SELECT DISTINCT bin_id, group_id FROM shares WHERE group_id IS NOT NULL AND shared_rule IS NULL) AS s
JOIN (SELECT DISTINCT bin_id, bill_id FROM placed WHERE bin_id IS NOT NULL) AS p ON p.bin_id = s.bin_id
