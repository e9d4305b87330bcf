-- Hourly usage rows (tables.USAGE without its partitions) from the samples: one row per node, one per pod, one per volume and load balancer.
-- A slice's activity counts as that part of a GPU's.
SELECT
  TIMESTAMP '2026-06-19' + to_hours(hours.hour) AS "hour", cluster_uid, cluster, pool, node, provider_id, instance_type,
  NULL::VARCHAR AS namespace, NULL::VARCHAR AS workload, NULL::VARCHAR AS workload_kind, NULL::VARCHAR AS pod, '{}' AS labels,
  '{}' AS annotations, project, 3600 AS seconds,
  cpu_capacity, memory_capacity, gpu_capacity,
  NULL::BIGINT AS cpu_request, NULL::BIGINT AS cpu_used, NULL::BIGINT AS cpu_used_max,
  NULL::BIGINT AS memory_request, NULL::BIGINT AS memory_used, NULL::BIGINT AS memory_used_max,
  NULL::BIGINT AS gpu_request, NULL::VARCHAR AS gpu_sharing, NULL::BIGINT AS gpu_shares, NULL::BIGINT AS gpu_shares_of,
  NULL::BIGINT AS gpu_compute_used, NULL::BIGINT AS gpu_compute_used_max, NULL::BIGINT AS gpu_memory_used_max,
  NULL::BIGINT AS network_sent, NULL::VARCHAR AS asset, NULL::BIGINT AS asset_bytes,
  false AS pending, NULL::BIGINT AS disruptions_allowed, NULL::BOOLEAN AS local_volume,
  zone, '' AS managed_by, NULL::BIGINT AS cpu_limit, NULL::BIGINT AS memory_limit, NULL::BIGINT AS out_of_memory,
  NULL::VARCHAR AS scaled_by, NULL::BOOLEAN AS own_node, NULL::VARCHAR AS pinned, NULL::BIGINT AS grace_seconds, gpu_model,
  NULL::BIGINT AS gpu_tensor_used_max, NULL::BIGINT AS gpu_dram_used_max, NULL::BIGINT AS gpu_power_max,
  NULL::BIGINT AS gpu_fp64_used_max, NULL::BIGINT AS gpu_link_used_max,
  NULL::VARCHAR AS storage_class, NULL::BIGINT AS asset_used
FROM node
CROSS JOIN (SELECT unnest(range(getvariable('first_step') // 12, getvariable('last_step') // 12)) AS "hour") AS hours
WHERE is_measured AND 12 * hours.hour >= first_step
UNION ALL
SELECT
  TIMESTAMP '2026-06-19' + to_hours(hourly.hour), pod.cluster_uid, pod.cluster, pod.pool, pod.node, pod.provider_id, pod.instance_type,
  pod.namespace, pod.workload, pod.workload_kind, pod.pod, pod.labels,
  pod.annotations, pod.project, hourly.seconds,
  NULL, NULL, NULL,
  pod.cpu_request, hourly.cpu, hourly.cpu_max,
  pod.memory_request, hourly.memory, hourly.memory_max,
  pod.gpu_request, pod.gpu_sharing, pod.gpu_shares, pod.gpu_shares_of,
  hourly.gpu * coalesce(pod.gpu_shares, 1) // coalesce(pod.gpu_shares_of, 1),
  hourly.gpu_max * coalesce(pod.gpu_shares, 1) // coalesce(pod.gpu_shares_of, 1), hourly.gpu_memory_max,
  nullif(pod.sent * hourly.seconds, 0), NULL, NULL,
  pod.node IS NULL, pod.disruptions_allowed, pod.local_volume,
  NULL, NULL, 0, 0, 0, '', false, '{}', 30, NULL,
  round(hourly.gpu_max / 3.0)::BIGINT, round(hourly.gpu_max * 0.4)::BIGINT,
  node.gpu_rest + (node.gpu_full - node.gpu_rest) * hourly.gpu_max // 1000, NULL, NULL,
  NULL, NULL
FROM pod
LEFT JOIN node ON node.node = pod.node
JOIN (
  SELECT
    pod, step // 12 AS "hour", sum(seconds)::INTEGER AS seconds,
    (sum(cpu * seconds) // sum(seconds) FILTER (cpu IS NOT NULL))::BIGINT AS cpu, max(cpu) AS cpu_max,
    (sum(memory * seconds) // sum(seconds) FILTER (memory IS NOT NULL))::BIGINT AS memory, max(memory) AS memory_max,
    (sum(gpu * seconds) // sum(seconds) FILTER (gpu IS NOT NULL))::BIGINT AS gpu, max(gpu) AS gpu_max, max(gpu_memory) AS gpu_memory_max
  FROM sample GROUP BY ALL
) AS hourly ON hourly.pod = pod.id
UNION ALL
SELECT
  TIMESTAMP '2026-06-19' + to_hours(hours.hour), cluster_uid, cluster, NULL, NULL, provider_id, NULL,
  namespace, workload, workload_kind, NULL, labels, annotations, project, 3600,
  NULL, NULL, NULL,
  NULL, NULL, NULL,
  NULL, NULL, NULL,
  NULL, NULL, NULL, NULL,
  NULL, NULL, NULL,
  NULL, asset, asset_bytes,
  false, NULL, NULL,
  NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
  NULL, NULL, NULL, NULL, NULL, CASE WHEN asset = 'volume' THEN 'standard' END, NULL
FROM asset
CROSS JOIN (SELECT unnest(range(getvariable('first_step') // 12, getvariable('last_step') // 12)) AS "hour") AS hours
