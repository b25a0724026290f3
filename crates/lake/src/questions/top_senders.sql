-- Who sent most as an author domain on a day. $1 the domain, $2 the day, $3 how many rows.
SELECT client_ip,
       count(*) AS mails,
       count(*) FILTER (WHERE dmarc_result = 'pass') AS pass,
       count(*) FILTER (WHERE dmarc_result = 'fail') AS fail,
       count(*) FILTER (WHERE spf_aligned) AS spf_aligned,
       count(*) FILTER (WHERE dkim_aligned) AS dkim_aligned
FROM mail
WHERE day = $2 AND author_domain = $1
GROUP BY client_ip
ORDER BY mails DESC, client_ip
LIMIT $3
