-- The policy domains whose mail was judged on a day. $1 the day.
SELECT policy_domain, count(*) AS mails
FROM mail
WHERE day = $1 AND policy_domain IS NOT NULL AND unjudged IS NULL
GROUP BY policy_domain
ORDER BY policy_domain
