-- What each pod took of its node: the larger of request and mean use, times the seconds it ran (thousandths of a CPU, MiB, 63,000ths of a GPU).
-- Use that was not measured leaves the request alone (is_measured is false); where there is no request either, the pod cannot be weighed.
-- A GPU is held by request: whole, in thousandths, or by its slices or shares of one GPU.
SELECT
  h.bin_id, u.cluster, u.namespace, u.pod,
  max(u.workload) AS workload, max(u.workload_kind) AS workload_kind,
  coalesce(max(u.labels), '{}') AS labels, coalesce(max(u.annotations), '{}') AS annotations,
  CAST(sum(greatest(coalesce(u.cpu_request, 0), coalesce(u.cpu_used, 0)) * u.seconds) AS BIGINT) AS cpu,
  CAST(sum(exact_div64(greatest(coalesce(u.memory_request, 0), coalesce(u.memory_used, 0)) * u.seconds, 1048576)) AS BIGINT) AS memory,
  CAST(sum(gpu_units(u.gpu_request, u.gpu_shares, u.gpu_shares_of) * u.seconds) AS BIGINT) AS gpu,
  -- What it computed with, never more than it held. NULL = an hour with a GPU was not measured, or it shared one in time: then the
  -- device's activity is everybody's.
  CASE
    WHEN bool_and(coalesce(u.gpu_request, 0) = 0 OR (u.gpu_compute_used IS NOT NULL AND coalesce(u.gpu_sharing, 'mig') = 'mig'))
      THEN CAST(sum(least(gpu_units(u.gpu_request, u.gpu_shares, u.gpu_shares_of), coalesce(u.gpu_compute_used, 0) * 63) * u.seconds) AS BIGINT)
  END AS gpu_busy,
  bool_and(u.cpu_used IS NOT NULL AND u.memory_used IS NOT NULL) AS is_measured,
  bool_or(CASE WHEN u.gpu_sharing IS NULL THEN coalesce(u.gpu_request, 0) % 1000 <> 0 ELSE u.gpu_sharing <> 'mig' END) AS is_shared_gpu,
  bool_or(
    (u.cpu_used IS NULL AND coalesce(u.cpu_request, 0) = 0) OR (u.memory_used IS NULL AND coalesce(u.memory_request, 0) = 0)
  ) AS is_unweighed
FROM node_hours AS h
JOIN step_usage AS u ON u.provider_id = h.provider_id AND u.hour = h.hour
WHERE u.asset IS NULL AND u.pod IS NOT NULL AND NOT coalesce(u.pending, false) AND u.seconds > 0
GROUP BY h.bin_id, u.cluster, u.namespace, u.pod
