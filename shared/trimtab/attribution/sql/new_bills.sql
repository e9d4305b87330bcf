-- Accounts and tags that no earlier step had (seen_bills): each pair is looked at once.
SELECT c.account, c.tags
FROM seen_bills AS c
LEFT JOIN bills AS b ON b.account = c.account AND b.tags = c.tags
WHERE b.bill_id IS NULL
ORDER BY c.account, c.tags
