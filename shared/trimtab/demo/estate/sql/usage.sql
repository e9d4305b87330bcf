-- Hourly usage rows (tables.USAGE without its partitions) from the samples: one row per node, one per pod.
SELECT
  TIMESTAMP '2026-06-19' + to_hours(hours.hour) AS "hour", cluster_uid, cluster, pool, node, provider_id, instance_type,
  NULL::VARCHAR AS namespace, NULL::VARCHAR AS workload, NULL::VARCHAR AS workload_kind, NULL::VARCHAR AS pod, '{}' AS labels, 3600 AS seconds,
  cpu_capacity, memory_capacity, gpu_capacity,
  NULL::BIGINT AS cpu_request, NULL::BIGINT AS cpu_used, NULL::BIGINT AS cpu_used_max,
  NULL::BIGINT AS memory_request, NULL::BIGINT AS memory_used, NULL::BIGINT AS memory_used_max,
  NULL::BIGINT AS gpu_request, NULL::BIGINT AS gpu_compute_used, NULL::BIGINT AS gpu_compute_used_max, NULL::BIGINT AS gpu_memory_used_max,
  false AS pending, NULL::BIGINT AS disruptions_allowed, NULL::BOOLEAN AS local_volume
FROM node
CROSS JOIN (SELECT unnest(range(getvariable('first_step') // 12, getvariable('last_step') // 12)) AS "hour") AS hours
WHERE is_measured AND 12 * hours.hour >= first_step
UNION ALL
SELECT
  TIMESTAMP '2026-06-19' + to_hours(hourly.hour), pod.cluster_uid, pod.cluster, pod.pool, pod.node, pod.provider_id, pod.instance_type,
  pod.namespace, pod.workload, pod.workload_kind, pod.pod, pod.labels, hourly.seconds,
  NULL, NULL, NULL,
  pod.cpu_request, hourly.cpu, hourly.cpu_max,
  pod.memory_request, hourly.memory, hourly.memory_max,
  pod.gpu_request, hourly.gpu, hourly.gpu_max, hourly.gpu_memory_max,
  pod.node IS NULL, pod.disruptions_allowed, pod.local_volume
FROM pod
JOIN (
  SELECT
    pod, step // 12 AS "hour", sum(seconds)::INTEGER AS seconds,
    (sum(cpu * seconds) // sum(seconds) FILTER (cpu IS NOT NULL))::BIGINT AS cpu, max(cpu) AS cpu_max,
    (sum(memory * seconds) // sum(seconds) FILTER (memory IS NOT NULL))::BIGINT AS memory, max(memory) AS memory_max,
    (sum(gpu * seconds) // sum(seconds) FILTER (gpu IS NOT NULL))::BIGINT AS gpu, max(gpu) AS gpu_max, max(gpu_memory) AS gpu_memory_max
  FROM sample GROUP BY ALL
) AS hourly ON hourly.pod = pod.id
