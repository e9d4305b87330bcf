-- Five-minute samples of every measured pod between two steps (step 0 = the estate's first five minutes).
-- Whole numbers throughout: no thread count, and no order of addition, can change a digit.

-- The CPU traces are 28 days from a Wednesday; the estate starts on a Friday, 576 steps into that week. They repeat.
CREATE OR REPLACE TEMP TABLE cpu_step AS
WITH wanted AS MATERIALIZED (
  SELECT pod.id AS pod, pod.vm, pod.at_full, step.step, (step.step + 576 + 12 * pod.shift) % 8064 AS replayed
  FROM pod CROSS JOIN (SELECT unnest(range(getvariable('first_step'), getvariable('last_step'))) AS step) AS step
)
SELECT wanted.pod, wanted.step, trace.share * wanted.at_full // 10000 AS cpu
FROM wanted JOIN read_parquet(getvariable('traces')) AS trace ON trace.vm = wanted.vm AND trace.step = wanted.replayed;

-- The queues are 21 days from a Monday: the estate starts 5760 minutes into that week. Demand = running + pending, scaled from the
-- team's quota to the pool's GPUs and rounded to whole ones; slot k is taken while demand is above k.
CREATE OR REPLACE TEMP TABLE queue_step AS
WITH minutes AS (SELECT unnest(range(5 * getvariable('first_step'), 5 * getvariable('last_step'))) AS at),
demand AS (
  SELECT minutes.at // 5 AS step, queue.queue, scale.capacity,
         (2 * (queue.running + queue.pending) * scale.capacity + queue.quota) // (2 * queue.quota) AS gpus
  FROM minutes
  JOIN read_parquet(getvariable('queues')) AS queue ON queue.minute = (minutes.at + 5760) % 30240
  JOIN (SELECT DISTINCT queue, capacity FROM pod WHERE queue IS NOT NULL) AS scale ON scale.queue = queue.queue
)
SELECT pod.id AS pod, demand.step, 60 * count(*) FILTER (demand.gpus > pod.number) AS seconds
FROM pod JOIN demand ON demand.queue = pod.queue
GROUP BY ALL HAVING seconds > 0;

-- Made, not measured: a repeatable wobble from 0 to 999 for memory and GPU activity.
CREATE OR REPLACE TEMP MACRO wobble(pod, step) AS ((pod * 7919 + step * 104729) % 10007) * ((pod * 7919 + step * 104729) % 10007) % 10007 % 1000;

CREATE OR REPLACE TEMP TABLE sample AS
SELECT
  pod.id AS pod,
  cpu_step.step,
  coalesce(queue_step.seconds, 300) AS seconds,
  CASE WHEN pod.node IS NOT NULL THEN cpu_step.cpu END AS cpu,
  CASE WHEN pod.node IS NOT NULL THEN pod.memory_used // 10000 * (9500 + wobble(pod.id, cpu_step.step) // 2) END AS memory,
  CASE WHEN pod.node IS NOT NULL AND pod.activity IS NOT NULL THEN greatest(0, pod.activity + wobble(pod.id + 17, cpu_step.step) * pod.swing // 500 - pod.swing) END AS gpu,
  CASE WHEN pod.node IS NOT NULL THEN pod.gpu_memory // 1000 * (990 + wobble(pod.id + 31, cpu_step.step) // 100) END AS gpu_memory
FROM cpu_step
JOIN pod ON pod.id = cpu_step.pod
LEFT JOIN queue_step ON queue_step.pod = pod.id AND queue_step.step = cpu_step.step
WHERE (pod.queue IS NULL OR queue_step.pod IS NOT NULL) AND cpu_step.step >= pod.first_step;
