-- Over whom each pot is shared, and what each counts. A consumer is a namespace with its team, or a team.
-- even: 1 for each that was attributed anything in the time. proportional: its cost in the pot's currency, of a longer charge period the
-- part that lies in the pot's. driver: what it used. weighted: the weights given, by the seconds that they hold.
-- A namespace without a team counts like any other: its share stays unallocated, by name. No team at all is no team to share evenly with.
SELECT pot_id, cluster, namespace, team, min(cost_center) AS cost_center, min(business_unit) AS business_unit,
  min(owner_rule) AS owner_rule, CASE WHEN max(split) = 'even' THEN 1 ELSE greatest(sum(weight), 0) END AS weight,
  max(unread) AS unread
FROM (
  SELECT
    p.pot_id, r.split,
    CASE WHEN r.recipients = 'namespaces' THEN s.cluster END AS cluster, CASE WHEN r.recipients = 'namespaces' THEN s.namespace END AS namespace,
    s.team, s.cost_center, s.business_unit, s.owner_rule, 0 AS unread,
    CASE
      WHEN s.currency <> p.currency THEN 0
      WHEN s.starts >= p.starts AND s.ends <= p.ends THEN s.spent
      ELSE exact_div(
        s.spent * date_diff('second', greatest(s.starts, p.starts), least(s.ends, p.ends)), date_diff('second', s.starts, s.ends)
      )
    END AS weight
  FROM pots AS p
  JOIN sharing AS r ON r.rule = p.rule
  JOIN (
    SELECT cluster AS scope, * FROM spent
    UNION ALL
    SELECT '' AS scope, * FROM spent
  ) AS s ON s.scope = p.cluster AND s.starts < p.ends AND s.ends > p.starts
  WHERE r.split IN ('even', 'proportional') AND (
    (r.recipients = 'namespaces' AND s.namespace IS NOT NULL) OR (r.recipients = 'teams' AND (s.team IS NOT NULL OR r.split = 'proportional'))
  )

  UNION ALL
  SELECT
    p.pot_id, r.split,
    CASE WHEN r.recipients = 'namespaces' THEN u.cluster END, CASE WHEN r.recipients = 'namespaces' THEN u.namespace END,
    w.team, w.cost_center, w.business_unit, w.rule,
    CASE r.driver WHEN 'network-bytes' THEN u.network_unread WHEN 'volume-bytes' THEN u.volume_unread ELSE 0 END,
    CASE r.driver
      WHEN 'cpu-seconds' THEN u.cpu WHEN 'memory-seconds' THEN u.memory WHEN 'gpu-seconds' THEN u.gpu
      WHEN 'network-bytes' THEN u.network WHEN 'volume-bytes' THEN u.volume
    END
  FROM pots AS p
  JOIN sharing AS r ON r.rule = p.rule
  JOIN spans AS s ON s.scope = p.cluster AND s.starts = p.starts AND s.ends = p.ends
  JOIN span_usage AS u ON u.span_id = s.span_id
  JOIN groups AS g ON g.cluster = u.cluster AND g.namespace = u.namespace AND g.labels = u.labels AND g.annotations = u.annotations
  JOIN bills AS b ON b.account = p.account AND b.tags = ''
  LEFT JOIN owners AS w ON w.group_id = g.group_id AND w.bill_id = b.bill_id
  WHERE r.split = 'driver' AND g.shared_rule IS NULL

  UNION ALL
  SELECT
    p.pot_id, r.split,
    CASE WHEN r.recipients = 'namespaces' THEN w.cluster END, w.namespace,
    w.team, w.cost_center, w.business_unit, w.owner_rule, 0,
    CAST(w.value AS DECIMAL(38, 0)) * date_diff('second', greatest(w.starts, p.starts), least(w.ends, p.ends))
  FROM pots AS p
  JOIN sharing AS r ON r.rule = p.rule
  JOIN weights AS w ON w.rule = p.rule AND w.scope = p.cluster AND w.starts < p.ends AND w.ends > p.starts
  WHERE r.split = 'weighted'
)
GROUP BY pot_id, cluster, namespace, team
