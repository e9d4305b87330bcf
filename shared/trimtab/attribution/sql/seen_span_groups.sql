-- Who used something in the spans.
SELECT DISTINCT cluster, namespace, labels, annotations
FROM span_usage
