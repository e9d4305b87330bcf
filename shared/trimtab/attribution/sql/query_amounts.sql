-- Every cell in each of the three costs, and in the reporting currency where one is asked for, one below the other: what follows
-- treats them alike. Effective cost alone is ever a weight.
SELECT cell, kind, line, currency, cluster, node, is_kept, 'billed' AS measure, billed AS amount FROM query_cells
UNION ALL SELECT cell, kind, line, currency, cluster, node, is_kept, 'effective', effective FROM query_cells
UNION ALL SELECT cell, kind, line, currency, cluster, node, is_kept, 'list', list FROM query_cells
UNION ALL SELECT cell, kind, line, currency, cluster, node, is_kept, 'reporting', reporting FROM query_cells
