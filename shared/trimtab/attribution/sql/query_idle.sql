-- Idle capacity by resource: each cost of an idle cell is cut as its effective cost is (CPU, memory, GPU, and a rest that is of none).
SELECT a.cell, a.currency, a.cluster, a.node, a.measure, 'cpu' AS resource, portion(a.amount, c.cpu, c.effective) AS amount
FROM query_amounts AS a JOIN query_cells AS c ON c.cell = a.cell WHERE a.kind = 'idle'
UNION ALL
SELECT
  a.cell, a.currency, a.cluster, a.node, a.measure, 'memory',
  portion(a.amount, c.cpu + c.memory, c.effective) - portion(a.amount, c.cpu, c.effective)
FROM query_amounts AS a JOIN query_cells AS c ON c.cell = a.cell WHERE a.kind = 'idle'
UNION ALL
SELECT
  a.cell, a.currency, a.cluster, a.node, a.measure, 'gpu',
  portion(a.amount, c.cpu + c.memory + c.gpu, c.effective) - portion(a.amount, c.cpu + c.memory, c.effective)
FROM query_amounts AS a JOIN query_cells AS c ON c.cell = a.cell WHERE a.kind = 'idle'
UNION ALL
SELECT
  a.cell, a.currency, a.cluster, a.node, a.measure, 'rest',
  a.amount - portion(a.amount, c.cpu + c.memory + c.gpu, c.effective)
FROM query_amounts AS a JOIN query_cells AS c ON c.cell = a.cell WHERE a.kind = 'idle'
