-- Every charge repeated over its time, as the text of the CSV; '' is what FOCUS calls null.
WITH repeats AS (
  SELECT 'hour' AS every, TIMESTAMP '2026-06-19' + to_hours(n) AS start, TIMESTAMP '2026-06-19' + to_hours(n + 1) AS stop FROM range(1080) AS hours(n)
  UNION ALL
  SELECT 'day', TIMESTAMP '2026-06-19' + to_days(n::INTEGER), TIMESTAMP '2026-06-19' + to_days(n::INTEGER + 1) FROM range(45) AS days(n)
),
lines AS (
  SELECT charge.*, coalesce(repeats.start, charge.since) AS start, coalesce(repeats.stop, charge.until) AS stop
  FROM charge LEFT JOIN repeats ON repeats.every = charge.every AND repeats.start >= charge.since AND repeats.start < charge.until
)
SELECT
  lines.*,
  date_trunc('month', start) AS period,
  strftime(date_trunc('month', start), '%Y-%m-%dT%H:%M:%SZ') AS "BillingPeriodStart",
  strftime(date_trunc('month', start) + INTERVAL 1 MONTH, '%Y-%m-%dT%H:%M:%SZ') AS "BillingPeriodEnd",
  strftime(start, '%Y-%m-%dT%H:%M:%SZ') AS "ChargePeriodStart",
  strftime(stop, '%Y-%m-%dT%H:%M:%SZ') AS "ChargePeriodEnd",
  CASE WHEN start < TIMESTAMP '2026-07-01' THEN 'EST-2026-06-' || "SubAccountId" ELSE '' END AS "InvoiceId"
FROM lines
