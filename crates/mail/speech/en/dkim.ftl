### DKIM: what the judge of signatures says

dkim-signature = { $domain } signed this mail (selector { $selector }, { $algorithm })
dkim-key = the key is at { $name }: { $kind }, { $bits } bits
dkim-testing = { $name } says that the domain is only testing DKIM
dkim-header-fits = the signature fits the header: { $count ->
    [one] one field name
   *[other] { $count } field names
 } in h=, { $way }
dkim-body-fits = the body has the hash that was signed: { $count ->
    [one] one octet
   *[other] { $count } octets
 }, { $way }
dkim-body-differs-too = the body differs too: { $signed }… was signed, { $found }… is here
dkim-length = l= signs only the first { $length ->
    [one] octet
   *[other] { $length } octets
 } of a body of { $total }
dkim-valid = the signature is valid
dkim-signed-fields = h= signs these fields: { $fields }
dkim-absent-fields = not in this mail, so removed on the way or only reserved by the signer: { $fields }
dkim-repeated-fields = more than once in this mail, so one may have been added on the way: { $fields }
dkim-simple-header = the header was signed with c=simple: even a line folded anew breaks it
dkim-simple-body = the body was signed with c=simple: even a space cut off a line's end breaks it
dkim-unexamined = { $count ->
    [one] one more signature was
   *[other] { $count } more signatures were
 } not examined: { $limit } a mail is the limit

dkim-malformed = the field is no list of tag=value pairs
dkim-duplicate-tag = the tag { $tag }= is there twice
dkim-missing-tag = the tag { $tag }= is missing
dkim-bad-octets = the value of { $tag }= has control characters or a broken line
dkim-bad-value = the value of { $tag }= cannot be read: “{ $value }”
dkim-version = v={ $value } is not a version of DKIM; only 1 is
dkim-algorithm = a={ $value } is no known algorithm
dkim-canonicalization = c={ $value } is no known canonicalization
dkim-query = q={ $value } names no known way to the key; only dns/txt is
dkim-from-not-signed = h= does not list From, so the author is not signed
dkim-identity-outside = i= names { $identity }, which is not within d={ $domain }
dkim-expiry-order = the signature expires (x={ $expiry }) before it was made (t={ $signed })
dkim-expired = the signature expired at { $expiry }
dkim-future = the signature says it was made at { $signed }, which is still to come
dkim-key-unavailable = the key at { $name } was not to be had for now
dkim-key-absent = there is no key at { $name }
dkim-key-revoked = the key at { $name } was revoked: its p= is empty
dkim-key-malformed = the key at { $name } cannot be read
dkim-key-type = the key at { $name } is not of the kind that { $algorithm } needs
dkim-key-hash = the key at { $name } does not allow SHA-256 (h=)
dkim-key-service = the key at { $name } is not meant for mail (s=)
dkim-key-strict = the key at { $name } allows no subdomain in i= (t=s)
dkim-key-short = the RSA key at { $name } has { $bits } bits; fewer than 1024 are not accepted
dkim-key-long = the RSA key at { $name } has { $bits } bits; more than 4096 are not accepted
dkim-sha1 = the signature uses SHA-1, which proves nothing any more
dkim-header-differs = the key fits, but the header is not what was signed
dkim-key-differs = the key does not open the signature: it was made with another key, or damaged
dkim-signature-differs = the signature does not fit: the header was changed, or it was made with another key
dkim-body-differs = the body is not what was signed: { $signed }… was signed, { $found }… is here
dkim-length-beyond = l= signs { $length } octets, but the body has only { $total }
dkim-uncovered = { $rest ->
    [one] one octet of the body follows
   *[other] { $rest } octets of the body follow
 } what l= covers, so anyone may have written them
dkim-body-not-hashed = the body was not hashed as planned: a fault of Sekisho's
