-- The bill rows that are cut into the lines of a node or asset.
SELECT row_id FROM placed WHERE bin_id IS NOT NULL
