-- What the DNS said to a question on a day, each outcome once. $1 the day, $2 the record type, $3 the name.
SELECT DISTINCT ON (hash) hash, kind, name, outcome, records, CAST(at AS BIGINT) AS at
FROM fact
WHERE day = $1 AND kind = $2 AND name = $3
ORDER BY hash, at
