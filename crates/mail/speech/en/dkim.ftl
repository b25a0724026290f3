### DKIM: what the judge of signatures says

dkim-signature = { $domain } signed this mail (selector { $selector }, { $algorithm })
dkim-key = the key is at { $name }: { $kind }, { $bits } bits
dkim-testing = { $name } says that the domain is only testing DKIM
dkim-header-fits = the signature fits the header ({ $count ->
    [one] one field name
   *[other] { $count } field names
 } in h=, { $way })
dkim-body-fits = the body is as it was signed ({ $count ->
    [one] one octet
   *[other] { $count } octets
 }, { $way })
dkim-body-differs-too = the body was changed too: bh= says { $signed }…, but its hash is now { $found }…
dkim-length = l= signs only the first { $length ->
    [one] octet
   *[other] { $length } octets
 } of a body of { $total }
dkim-valid = the signature is valid
dkim-signed-fields = h= signs these fields: { $fields }
dkim-absent-fields = in h= but not in this mail, so removed on the way or only kept from being added: { $fields }
dkim-repeated-fields = more than once in this mail, so perhaps added on the way: { $fields }
dkim-simple-header = the header was signed with c=simple, which breaks when a line is merely folded anew
dkim-simple-body = the body was signed with c=simple, which breaks when a space at the end of a line is cut off
dkim-unexamined = { $count ->
    [one] one more signature was
   *[other] { $count } more signatures were
 } not examined: the limit is { $limit } a mail

dkim-malformed = the field is not a list of tag=value pairs
dkim-duplicate-tag = the tag { $tag }= appears twice
dkim-missing-tag = the tag { $tag }= is missing
dkim-bad-octets = the value of { $tag }= holds control characters or a broken line
dkim-bad-value = the value of { $tag }= cannot be read: “{ $value }”
dkim-version = v={ $value } is not a version of DKIM; only 1 is
dkim-algorithm = a={ $value } is not a known algorithm
dkim-canonicalization = c={ $value } is not a known canonicalization
dkim-query = q={ $value } names no known way to the key; only dns/txt is
dkim-from-not-signed = h= does not list From, so the author is not signed
dkim-identity-outside = i= names { $identity }, which is not within d={ $domain }
dkim-expiry-order = the signature expires (x={ $expiry }) no later than it was made (t={ $signed })
dkim-expired = the signature expired at { $expiry }
dkim-future = the signature says it was made at { $signed }, which is in the future
dkim-key-unavailable = the key at { $name } cannot be looked up for now
dkim-key-absent = there is no key at { $name }
dkim-key-revoked = the key at { $name } was revoked: its p= is empty
dkim-key-malformed = the key at { $name } cannot be read
dkim-key-type = the key at { $name } is not of the kind that { $algorithm } needs
dkim-key-hash = the key at { $name } does not allow SHA-256 (h=)
dkim-key-service = the key at { $name } is not meant for mail (s=)
dkim-key-strict = the key at { $name } allows no subdomain in i= (t=s)
dkim-key-short = the RSA key at { $name } has { $bits } bits; fewer than 1024 are not accepted
dkim-key-long = the RSA key at { $name } has { $bits } bits; more than 4096 are not accepted
dkim-sha1 = the signature uses SHA-1, which no longer proves anything
dkim-header-differs = the key fits, but the header was changed after signing
dkim-key-differs = the key does not fit the signature: it was made with another key, or is damaged
dkim-signature-differs = the signature does not fit: the header was changed, or it was made with another key
dkim-body-differs = the body was changed after signing: bh= says { $signed }…, but its hash is now { $found }…
dkim-length-beyond = l= signs { $length } octets, but the body has only { $total }
dkim-uncovered = { $rest ->
    [one] one octet of the body follows
   *[other] { $rest } octets of the body follow
 } what l= covers, and anyone may have added that
dkim-body-not-hashed = the body was not hashed as planned, which is a fault in Sekisho
