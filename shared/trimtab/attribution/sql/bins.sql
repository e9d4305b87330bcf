-- A bin is one node in one charge period: all bill rows of it (on-demand, savings plan covered, a credit) are split alike.
-- `billed_hours`: how many hours of usage there should be. A daily row of a node that ran 5 hours says so by its consumed hours.
SELECT
  row_number() OVER (ORDER BY provider_id, starts, ends) AS bin_id,
  provider_id, starts, ends,
  CASE
    WHEN consumed > 0 AND consumed < window_hours THEN CAST(ceil(consumed) AS BIGINT)
    ELSE window_hours
  END AS billed_hours
FROM (
  SELECT
    provider_id, starts, ends,
    sum(hours) AS consumed,
    greatest(1, date_diff('hour', date_trunc('hour', starts), ends)) AS window_hours
  FROM node_rows
  WHERE ends > starts
  GROUP BY provider_id, starts, ends
)
