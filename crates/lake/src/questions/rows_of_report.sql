-- How many rows of a DMARC aggregate report are in the lake: whoever reads it again begins after them. $1 the report.
SELECT count(DISTINCT "row") AS "rows" FROM aggregate WHERE report = $1
