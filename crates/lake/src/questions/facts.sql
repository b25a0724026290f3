-- Facts by their names. $1 the first day, $2 the last, then the names.
SELECT DISTINCT ON (hash) hash, kind, name, outcome, records, CAST(at AS BIGINT) AS at
FROM fact
WHERE day BETWEEN $1 AND $2 AND hash IN (…)
ORDER BY hash, at
