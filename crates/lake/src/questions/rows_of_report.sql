-- How many rows of a report are in each table of reports: whoever reads it again begins after them. $1 the report.
SELECT count(DISTINCT "row") AS "rows" FROM aggregate WHERE report = $1
UNION ALL
SELECT count(DISTINCT "row") AS "rows" FROM tls WHERE report = $1
UNION ALL
SELECT count(DISTINCT "row") AS "rows" FROM failure WHERE report = $1
