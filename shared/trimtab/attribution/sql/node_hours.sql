-- What a node had to give in each hour: capacity times the seconds it ran (thousandths of a CPU, MiB, 63,000ths of a GPU). An hour without a node row, or without its capacity,
-- is not here: it was not measured, and what is not measured is never idle.
SELECT
  h.bin_id, h.provider_id, h.hour,
  max(u.cluster) AS cluster, max(u.pool) AS pool, max(u.node) AS node, max(u.instance_type) AS instance_type,
  max(u.cpu_capacity * u.seconds) AS cpu,
  max(exact_div64(u.memory_capacity * u.seconds, 1048576)) AS memory,
  max(gpu_units(u.gpu_capacity, NULL, NULL) * u.seconds) AS gpu
FROM bin_hours AS h
JOIN step_usage AS u ON u.provider_id = h.provider_id AND u.hour = h.hour
WHERE u.asset IS NULL AND u.pod IS NULL AND u.cpu_capacity > 0 AND u.memory_capacity > 0 AND u.seconds > 0
GROUP BY h.bin_id, h.provider_id, h.hour
