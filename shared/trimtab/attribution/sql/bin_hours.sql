-- The hours that each bin covers, so that usage joins by equality.
SELECT bin_id, provider_id, unnest(generate_series(date_trunc('hour', starts), ends - INTERVAL 1 SECOND, INTERVAL 1 HOUR)) AS hour
FROM bins
