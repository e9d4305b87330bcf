-- The bill rows that pieces are of.
SELECT DISTINCT row_id FROM pieces
