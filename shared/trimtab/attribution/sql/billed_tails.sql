-- The last parts of the ResourceIds that clouds billed in the period.
SELECT DISTINCT lower(regexp_extract("ResourceId", '([^/:]+)$', 1)) AS tail
FROM cost
WHERE "ResourceId" IS NOT NULL AND "BillingAccountId" <> 'private'
