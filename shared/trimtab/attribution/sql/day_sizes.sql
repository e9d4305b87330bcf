-- How much work each day of the bill is: its bill rows and its usage rows. Small days are then taken together.
SELECT c.day, c.bill_rows + coalesce(u.usage_rows, 0) AS size
FROM (
  SELECT CAST("ChargePeriodStart" AS DATE) AS day, count(*) AS bill_rows
  FROM cost
  GROUP BY CAST("ChargePeriodStart" AS DATE)
) AS c
LEFT JOIN (
  SELECT CAST(hour AS DATE) AS day, count(*) AS usage_rows
  FROM usage
  GROUP BY CAST(hour AS DATE)
) AS u ON u.day = c.day
ORDER BY c.day
