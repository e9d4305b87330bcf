-- The allocated rows, summed to what a query tells apart: the line they will stand in, what kind of cost they are (own, idle, shared,
-- outside), whose idle capacity they touch (cluster, and node where idle is told by node), and whether the filter keeps them.
-- Whole units. The weights of idle are what pods hold; what no pod holds takes no idle.
SELECT
  row_number() OVER (ORDER BY kind, currency, cluster, node, line, is_kept) AS cell,
  kind, line, currency, cluster, node, is_kept,
  money_units(sum(billed)) AS billed, money_units(sum(effective)) AS effective, money_units(sum(list)) AS list,
  money_units(coalesce(sum(reporting), 0)) AS reporting,
  money_units(coalesce(sum(cpu), 0)) AS cpu, money_units(coalesce(sum(memory), 0)) AS memory, money_units(coalesce(sum(gpu), 0)) AS gpu
FROM query_rows
GROUP BY kind, line, currency, cluster, node, is_kept
