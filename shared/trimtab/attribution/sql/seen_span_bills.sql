-- The accounts of the pots. A shared row's own tags say nothing of those that it is shared over.
SELECT DISTINCT account, '' AS tags
FROM pots
