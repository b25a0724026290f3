-- Who sends, by author domain, the busiest first. $1 the first day, $2 the last, $3 the first moment, $4 the moment before which,
-- $5 how many, $6 only these domains and what is below them, or null, $7 the domains of which every recipient is, or null.
-- Clients are told apart in a grouping of their own: count(DISTINCT …) of a domain keeps a set for each, and takes ten times as long.
-- Of two mails at the same microsecond either one's policy may be the last.
WITH busy AS (
  SELECT author_domain,
         count(*) AS mails,
         count(*) FILTER (WHERE dmarc_result = 'pass') AS pass,
         count(*) FILTER (WHERE dmarc_result = 'fail') AS fail,
         last_value(policy ORDER BY mail.at) AS policy,
         CAST(max(mail.at) AS BIGINT) AS last_at
  FROM mail
  WHERE day BETWEEN $1 AND $2
    AND mail.at >= $3
    AND mail.at < $4
    AND author_domain IS NOT NULL
    AND ($6 IS NULL OR is_within(author_domain, $6))
    AND ($7 IS NULL OR all_within(recipient_domains, $7))
  GROUP BY author_domain
  ORDER BY mails DESC, author_domain
  LIMIT $5
), sources AS (
  SELECT author_domain, count(client_ip) AS clients
  FROM (
    SELECT author_domain, client_ip
    FROM mail
    WHERE day BETWEEN $1 AND $2
      AND mail.at >= $3
      AND mail.at < $4
      AND author_domain IS NOT NULL
      AND ($6 IS NULL OR is_within(author_domain, $6))
      AND ($7 IS NULL OR all_within(recipient_domains, $7))
    GROUP BY author_domain, client_ip
  )
  GROUP BY author_domain
)
SELECT busy.author_domain AS domain, mails, pass, fail, clients, policy, last_at
FROM busy
JOIN sources ON sources.author_domain = busy.author_domain
ORDER BY mails DESC, domain
