-- Accounts and tags of the step's bill rows.
SELECT DISTINCT coalesce("SubAccountId", "BillingAccountId", '') AS account, coalesce("Tags", '') AS tags
FROM step_cost
