-- What failure reports told of mails that failed in the name of a domain or one below it, the newest of each reporter first, so
-- that none of them crowds out another. $1 the domain, $2 the first day, $3 the last, $4 whether reports count whose sender
-- proves nothing.
SELECT submitter,
       source_ip,
       reported_domain,
       auth_failure,
       delivery_result,
       dkim_domain,
       envelope_from,
       CAST(max(at) AS BIGINT) AS last_at,
       sum("count") AS mails
FROM failure
WHERE day BETWEEN $2 AND $3 AND is_within(reported_domain, $1) AND ($4 OR submitter IS NOT NULL)
GROUP BY submitter, source_ip, reported_domain, auth_failure, delivery_result, dkim_domain, envelope_from
ORDER BY row_number() OVER (PARTITION BY submitter ORDER BY max(at) DESC, sum("count") DESC, source_ip), last_at DESC, source_ip, submitter
LIMIT 5000
