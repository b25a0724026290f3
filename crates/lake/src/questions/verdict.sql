-- A mail by the verdict's id. $1 the first day, $2 the last, $3 the id.
SELECT * EXCLUDE (day, at), CAST(at AS BIGINT) AS at FROM mail WHERE day BETWEEN $1 AND $2 AND id = $3 LIMIT 1
