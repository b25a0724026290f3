-- A mail by the verdict's id. $1 the first day, $2 the last, $3 the id, $4 the domains of which every recipient is, or null.
SELECT * EXCLUDE (day, at), CAST(at AS BIGINT) AS at
FROM mail
WHERE day BETWEEN $1 AND $2 AND id = $3 AND ($4 IS NULL OR all_within(recipient_domains, $4))
LIMIT 1
