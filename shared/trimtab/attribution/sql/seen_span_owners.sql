-- Those who used something in a span meet the accounts of the pots of that span.
SELECT DISTINCT g.group_id, b.bill_id
FROM span_usage AS u
JOIN groups AS g ON g.cluster = u.cluster AND g.namespace = u.namespace AND g.labels = u.labels AND g.annotations = u.annotations
JOIN spans AS s ON s.span_id = u.span_id
JOIN pots AS p ON p.cluster = s.scope AND p.starts = s.starts AND p.ends = s.ends
JOIN bills AS b ON b.account = p.account AND b.tags = ''
WHERE g.shared_rule IS NULL
