-- Accounts and tags of the step's bill rows that no earlier step had: each pair is looked at once.
SELECT c.account, c.tags
FROM (
  SELECT DISTINCT coalesce("SubAccountId", "BillingAccountId", '') AS account, coalesce("Tags", '') AS tags
  FROM step_cost
) AS c
LEFT JOIN bills AS b ON b.account = c.account AND b.tags = c.tags
WHERE b.bill_id IS NULL
ORDER BY c.account, c.tags
