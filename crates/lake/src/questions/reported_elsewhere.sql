-- What receivers told of a MAIL FROM domain in reports about other domains, told as theirs. $1 the domain, $2 the first day, $3 the last,
-- $4 whether reports count whose sender proves nothing. Reports about the domain and those above it are another question's.
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
WHERE day BETWEEN $2 AND $3 AND ($4 OR submitter IS NOT NULL)
  AND coalesce(nullif(spf_domain, ''), envelope_from) = $1
  AND policy_domain <> $1 AND NOT ends_with($1, concat('.', policy_domain))
GROUP BY submitter, day, source_ip, header_from, envelope_from, spf_domain, spf_result, spf_aligned, dkim, dkim_aligned, disposition
ORDER BY mails DESC, day, source_ip, submitter
