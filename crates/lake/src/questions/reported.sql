-- What receivers told about a policy domain, by source and day. $1 the domain, $2 the first day, $3 the last,
-- $4 whether reports count whose sender proves nothing.
SELECT submitter,
       CAST(day AS VARCHAR) AS day,
       source_ip,
       header_from,
       envelope_from,
       spf_domain,
       spf_result,
       spf_aligned,
       dkim,
       dkim_aligned,
       disposition,
       sum("count") AS mails
FROM aggregate
WHERE day BETWEEN $2 AND $3 AND policy_domain = $1 AND ($4 OR submitter IS NOT NULL)
GROUP BY submitter, day, source_ip, header_from, envelope_from, spf_domain, spf_result, spf_aligned, dkim, dkim_aligned, disposition
ORDER BY mails DESC, day, source_ip, submitter
