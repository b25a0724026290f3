-- The rows of our aggregate report on a policy domain and a day (RFC 9990 §3.1.1.7). $1 the domain, $2 the day.
-- What was deferred comes again, and what nobody judged tells nothing. One row more than a report has says that it was cut.
SELECT client_ip AS source_ip,
       CASE WHEN decision = 'refuse' THEN 'reject'
            WHEN decision IN ('quarantine-header', 'quarantine-hold') THEN 'quarantine'
            WHEN dmarc_result = 'pass' THEN 'pass'
            ELSE 'none' END AS disposition,
       override_type,
       override_comment,
       dkim_aligned,
       spf_aligned,
       author_domain AS header_from,
       mail_from_domain AS envelope_from,
       CASE WHEN cardinality(recipient_domains) = 1 THEN recipient_domains[1] END AS envelope_to,
       spf_domain,
       spf_result,
       dkim,
       count(*) AS mails
FROM mail
WHERE day = $2 AND policy_domain = $1 AND unjudged IS NULL AND decision <> 'tempfail' AND client_ip IS NOT NULL
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
ORDER BY mails DESC, source_ip, header_from, envelope_from, envelope_to
LIMIT 25001
