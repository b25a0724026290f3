-- The mails that somebody looks for, newest first. $1 the first day, $2 the last, $3 the first moment, $4 the moment before which,
-- $5 how many; then what has to fit, null where it does not matter: $6 id, $7 queue id, $8 author domain, $9 MAIL FROM domain,
-- $10 recipient domain, $11 signer, $12 result of a signature, $13 client, $14 a part of the HELO, $15 SPF, $16 ARC, $17 DMARC,
-- $18 verdict, $19 decision, $20 the domains of which every recipient is, $21 and $22 the moment and the id of the last that was shown.
SELECT CAST(at AS BIGINT) AS at,
       id,
       client_ip,
       helo,
       mail_from_domain,
       author_domain,
       recipient_domains,
       size,
       spf_result,
       dkim,
       arc_result,
       dmarc_result,
       policy,
       verdict,
       decision,
       unjudged
FROM mail
WHERE day BETWEEN $1 AND $2
  AND mail.at >= $3
  AND mail.at < $4
  AND ($6 IS NULL OR id = $6)
  AND ($7 IS NULL OR queue_id = $7)
  AND ($8 IS NULL OR is_within(author_domain, $8))
  AND ($9 IS NULL OR is_within(mail_from_domain, $9))
  AND ($10 IS NULL OR any_within(recipient_domains, $10))
  AND (($11 IS NULL AND $12 IS NULL) OR has_signature(dkim, $11, $12))
  AND ($13 IS NULL OR ip_in(client_ip, $13))
  AND ($14 IS NULL OR strpos(lower(helo), lower($14)) > 0)
  AND ($15 IS NULL OR spf_result = $15)
  AND ($16 IS NULL OR arc_result = $16)
  AND ($17 IS NULL OR dmarc_result = $17)
  AND ($18 IS NULL OR verdict = $18)
  AND ($19 IS NULL OR decision = $19)
  AND ($20 IS NULL OR all_within(recipient_domains, $20))
  AND ($21 IS NULL OR mail.at < $21 OR (mail.at = $21 AND id < $22))
ORDER BY 1 DESC, id DESC
LIMIT $5
