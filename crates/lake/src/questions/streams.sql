-- The streams of an author domain: what mails of one kind have in common. $1 the domain, $2 the first day, $3 the last.
SELECT client_ip,
       mail_from_domain,
       spf_domain,
       spf_result,
       spf_aligned,
       dkim,
       dkim_aligned,
       dmarc_result,
       count(*) AS mails,
       CAST(min(at) AS BIGINT) AS first_at,
       CAST(max(at) AS BIGINT) AS last_at
FROM mail
WHERE day BETWEEN $2 AND $3 AND author_domain = $1
GROUP BY client_ip, mail_from_domain, spf_domain, spf_result, spf_aligned, dkim, dkim_aligned, dmarc_result
ORDER BY mails DESC, client_ip, mail_from_domain
