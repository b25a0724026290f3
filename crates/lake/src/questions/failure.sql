-- What a failure report tells. $1 the report.
SELECT * EXCLUDE (day, at), CAST(at AS BIGINT) AS at
FROM failure
WHERE report = $1
LIMIT 1
