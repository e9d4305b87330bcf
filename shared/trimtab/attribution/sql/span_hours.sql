-- The hours of each span, so that usage joins by equality.
SELECT span_id, cluster, unnest(generate_series(date_trunc('hour', starts), ends - INTERVAL 1 SECOND, INTERVAL 1 HOUR)) AS hour
FROM spans
