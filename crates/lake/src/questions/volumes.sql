-- How many mails of each span of time had each result. $1 the first day, $2 the last, $3 the first moment, $4 the moment before
-- which, $5 how long a span is in microseconds, $6 the domains of which every recipient is, or null.
SELECT span * $5 AS at, dmarc_result, decision, count(*) AS mails
FROM (
  SELECT CAST(at AS BIGINT) / $5 AS span, dmarc_result, decision
  FROM mail
  WHERE day BETWEEN $1 AND $2 AND mail.at >= $3 AND mail.at < $4 AND ($6 IS NULL OR all_within(recipient_domains, $6))
)
GROUP BY span, dmarc_result, decision
ORDER BY span, dmarc_result, decision
