-- What each group used over a span, whatever node it ran on: CPU, memory and GPU as in pods.sql, bytes sent, and byte-seconds of volumes.
-- `unread`: hours in which what is asked for was not measured.
SELECT
  h.span_id, u.cluster, u.namespace, coalesce(u.labels, '{}') AS labels, coalesce(u.annotations, '{}') AS annotations,
  sum(CAST(CASE WHEN u.asset IS NULL THEN greatest(coalesce(u.cpu_request, 0), coalesce(u.cpu_used, 0)) * u.seconds ELSE 0 END AS DECIMAL(38, 0))) AS cpu,
  sum(CAST(
    CASE WHEN u.asset IS NULL THEN exact_div64(greatest(coalesce(u.memory_request, 0), coalesce(u.memory_used, 0)) * u.seconds, 1048576) ELSE 0 END
    AS DECIMAL(38, 0))) AS memory,
  sum(CAST(CASE WHEN u.asset IS NULL THEN gpu_units(u.gpu_request, u.gpu_shares, u.gpu_shares_of) * u.seconds ELSE 0 END AS DECIMAL(38, 0))) AS gpu,
  sum(CAST(CASE WHEN u.asset IS NULL THEN coalesce(u.network_sent, 0) ELSE 0 END AS DECIMAL(38, 0))) AS network,
  sum(CAST(coalesce(u.asset_bytes, 0) AS DECIMAL(38, 0)) * u.seconds) AS volume,
  sum(CASE WHEN u.asset IS NULL AND u.network_sent IS NULL THEN 1 ELSE 0 END) AS network_unread,
  sum(CASE WHEN u.asset = 'volume' AND u.asset_bytes IS NULL THEN 1 ELSE 0 END) AS volume_unread
FROM span_hours AS h
JOIN step_usage AS u ON u.cluster = h.cluster AND u.hour = h.hour
WHERE u.namespace IS NOT NULL AND (u.pod IS NOT NULL OR u.asset IS NOT NULL) AND NOT coalesce(u.pending, false) AND u.seconds > 0
GROUP BY h.span_id, u.cluster, u.namespace, coalesce(u.labels, '{}'), coalesce(u.annotations, '{}')
