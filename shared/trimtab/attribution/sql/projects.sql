-- The Palette project of each cluster in the period's usage; a cluster of two at once has none that a rule could trust.
SELECT cluster, max(project) AS project
FROM usage
WHERE cluster IS NOT NULL
GROUP BY cluster
HAVING max(project) = min(project)
