-- GPU time held, per pool, part and team, from the shares themselves; a pod's charge period counts once, however many bill rows it was cut from.
SELECT cluster, pool, part, team, CAST(sum(held) AS BIGINT) AS held
FROM (
  SELECT "x_Cluster" AS cluster, "x_Pool" AS pool, "x_Part" AS part, max("x_Team") AS team, max("x_GpuSeconds") AS held
  FROM allocated
  WHERE "x_GpuSeconds" > 0
  GROUP BY "x_Cluster", "x_Pool", "x_Part", "x_Node", "ChargePeriodStart", "ChargePeriodEnd", "AllocatedResourceId"
)
GROUP BY cluster, pool, part, team
ORDER BY cluster, pool, part, team
