-- Each consumer's stretch of its pot, edge to edge from 0 to 1,000,000,000. The order is total within a pot.
-- A pot without consumers, or whose consumers count nothing in all, has none.
SELECT
  pot_id, cluster, namespace, team, cost_center, business_unit, owner_rule, weight, is_read,
  CAST(exact_div(1000000000 * (until - weight), total) AS BIGINT) AS low,
  CAST(exact_div(1000000000 * until, total) AS BIGINT) AS high
FROM (
  SELECT
    pot_id, cluster, namespace, team, cost_center, business_unit, owner_rule, weight,
    max(unread) OVER (PARTITION BY pot_id) = 0 AS is_read,
    sum(weight) OVER (PARTITION BY pot_id) AS total,
    sum(weight) OVER (
      PARTITION BY pot_id ORDER BY coalesce(cluster, ''), coalesce(namespace, ''), coalesce(team, '')
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS until
  FROM consumers
)
WHERE weight > 0
