-- What our own gate saw of a domain and those below it, as author or as MAIL FROM, told as receivers tell it. $1 the domain,
-- $2 the first day, $3 the last, $4 whether it counts as MAIL FROM. What was deferred comes again, and what nobody judged tells nothing:
-- that is looked at when the few mails of the domain are found, since whatever stands under WHERE is read of all mails.
SELECT CAST(NULL AS VARCHAR) AS submitter,
       CAST(day AS VARCHAR) AS day,
       client_ip AS source_ip,
       author_domain AS header_from,
       mail_from_domain AS envelope_from,
       spf_domain,
       spf_result,
       spf_aligned,
       dkim,
       dkim_aligned,
       CASE WHEN decision = 'refuse' THEN 'reject'
            WHEN decision IN ('quarantine-header', 'quarantine-hold') THEN 'quarantine'
            ELSE 'none' END AS disposition,
       count(*) FILTER (WHERE told) AS mails
FROM (
  SELECT *, author_domain IS NOT NULL AND client_ip IS NOT NULL AND unjudged IS NULL AND decision <> 'tempfail' AS told
  FROM mail
  WHERE day BETWEEN $2 AND $3
    AND (author_domain = $1 OR ends_with(author_domain, concat('.', $1))
      OR ($4 AND (spf_domain = $1 OR ends_with(spf_domain, concat('.', $1)))))
)
GROUP BY 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
HAVING count(*) FILTER (WHERE told) > 0
ORDER BY mails DESC, day, source_ip
