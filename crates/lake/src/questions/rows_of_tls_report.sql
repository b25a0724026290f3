-- How many rows of a TLS report are in the lake: whoever reads it again begins after them. $1 the report.
SELECT count(DISTINCT "row") AS "rows" FROM tls WHERE report = $1
