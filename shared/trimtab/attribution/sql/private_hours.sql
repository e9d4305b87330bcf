-- Hours of nodes and volumes of private clusters, each with its rate: of those that hold on the day, the first in the file.
SELECT *
FROM (
  SELECT
    u.cluster, u.project, u.provider_id, u.node, u.pod, u.asset, u.hour, u.seconds, u.cpu_capacity, u.memory_capacity, u.gpu_capacity, u.asset_bytes,
    r.rate, r.currency, r.tags, r.cpu, r.memory, r.gpu, r.storage,
    row_number() OVER (
      PARTITION BY u.cluster, u.hour, u.asset, u.provider_id, u.node ORDER BY r.place
    ) AS place
  FROM usage AS u
  JOIN private_rates AS r ON r.cluster = u.cluster AND u.hour >= r.starts AND u.hour < r.ends
  LEFT JOIN billed_tails AS b ON b.tail = lower(regexp_extract(u.provider_id, '([^/:]+)$', 1)) AND u.provider_id <> ''
  WHERE u.pod IS NULL AND u.seconds > 0 AND b.tail IS NULL
)
WHERE place = 1
