-- What each pod took of its node: the larger of request and mean use, times the seconds it ran (thousandths of a CPU or GPU, MiB).
-- Use that was not measured leaves the request alone (is_measured is false); where there is no request either, the pod cannot be weighed.
-- A GPU is held by request, whole or in thousandths.
SELECT
  h.bin_id, u.cluster, u.namespace, u.pod,
  max(u.workload) AS workload,
  coalesce(max(u.labels), '{}') AS labels,
  CAST(sum(greatest(coalesce(u.cpu_request, 0), coalesce(u.cpu_used, 0)) * u.seconds) AS BIGINT) AS cpu,
  CAST(sum(exact_div64(greatest(coalesce(u.memory_request, 0), coalesce(u.memory_used, 0)) * u.seconds, 1048576)) AS BIGINT) AS memory,
  CAST(sum(coalesce(u.gpu_request, 0) * u.seconds) AS BIGINT) AS gpu,
  bool_and(u.cpu_used IS NOT NULL AND u.memory_used IS NOT NULL) AS is_measured,
  bool_or(coalesce(u.gpu_request, 0) % 1000 <> 0) AS is_shared_gpu,
  bool_or(
    (u.cpu_used IS NULL AND coalesce(u.cpu_request, 0) = 0) OR (u.memory_used IS NULL AND coalesce(u.memory_request, 0) = 0)
  ) AS is_unweighed
FROM node_hours AS h
JOIN step_usage AS u ON u.provider_id = h.provider_id AND u.hour = h.hour
WHERE u.pod IS NOT NULL AND NOT coalesce(u.pending, false) AND u.seconds > 0
GROUP BY h.bin_id, u.cluster, u.namespace, u.pod
