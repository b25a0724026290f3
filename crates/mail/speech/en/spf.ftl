### SPF: what each rule says. The arguments are those of the step.

spf-asked-mail-from = may { $client } send mail as { $domain }?
spf-asked-null-path = MAIL FROM is empty, so the HELO name counts: may { $client } send mail as { $domain }?
spf-asked-helo = may { $client } call itself { $domain }?
spf-domain-empty = there is no domain to ask about
spf-domain-literal = `{ $domain }` is an address, not a domain, and has no SPF record
spf-domain-single-label = `{ $domain }` is a single word, not a full domain name, and has no SPF record
spf-domain-malformed = `{ $domain }` is not a valid domain name

spf-record = { $name } publishes `{ $record }`
spf-record-absent = { $name } publishes no SPF record
spf-record-several = { $name } publishes { $count } SPF records, but only one is allowed
spf-record-unavailable = the SPF record of { $name } cannot be looked up for now ({ $outcome })

spf-odd-octet = `{ $term }` in the record of { $name } holds a character that is not visible ASCII
spf-unknown-mechanism = `{ $term }` in the record of { $name } is not an SPF mechanism
spf-modifier-name = `{ $term }` in the record of { $name } has no valid modifier name before the `=`
spf-unexpected-argument = `{ $term }` in the record of { $name } has an argument that this mechanism does not take
spf-domain-missing = `{ $term }` in the record of { $name } lacks its domain
spf-domain-spec = `{ $term }` in the record of { $name } does not end in a full domain name
spf-address-as-domain = `{ $term }` in the record of { $name } has an address where a domain belongs; write `ip4:` instead
spf-macro-syntax = `{ $term }` in the record of { $name } has a broken macro: a `%` that begins no macro
spf-macro-exp-only = `{ $term }` in the record of { $name } uses a macro letter (c, r or t) that is allowed in explanations only
spf-ip4-network = `{ $term }` in the record of { $name } does not name an IPv4 network
spf-ip6-network = `{ $term }` in the record of { $name } does not name an IPv6 network
spf-prefix-length = `{ $term }` in the record of { $name } has an invalid prefix length
spf-modifier-twice = `{ $term }` in the record of { $name } comes a second time, but this modifier may appear only once

spf-networks-other = { $count ->
    [one] `{ $first }` does not contain { $client }
   *[other] none of { $count } networks, `{ $first }` to `{ $last }`, contains { $client }
}
spf-network-match = `{ $term }` contains { $client }
spf-all-match = `{ $term }` matches every host
spf-a-match = `{ $term }` matches: { $name } has the address { $address }
spf-a-other = `{ $term }` does not match: { $count ->
    [one] the only address of { $name } is another one
   *[other] none of the { $count } addresses of { $name } is the client's
}
spf-mx-match = `{ $term }` matches: the mail exchanger { $exchange } has the address { $address }
spf-mx-other = `{ $term }` does not match: { $count ->
    [one] the only mail exchanger of { $name } has other addresses or none
   *[other] the { $count } mail exchangers of { $name } have other addresses or none
}
spf-mx-limit = `{ $term }` cannot be followed: { $name } has { $count } mail exchangers, and at most 10 may be looked up
spf-ptr-match = `{ $term }` matches: { $client } is called { $host }, and that name leads back to it
spf-ptr-other = `{ $term }` does not match: { $client } has no confirmed name at or below { $name }
spf-ptr-unavailable = `{ $term }` does not match: the name of { $client } cannot be looked up for now ({ $outcome })
spf-exists-match = `{ $term }` matches: { $name } has an address
spf-void-lookup = `{ $term }` does not match: { $name } has no { $kind } record (lookup { $count } without an answer, of at most { $limit })
spf-void-lookups = `{ $term }` finds nothing once too often: { $name } has no { $kind } record, and only { $limit } lookups may find nothing
spf-lookups = `{ $term }` is not judged: the { $limit } terms with DNS lookups that are allowed are used up
spf-unaskable = `{ $term }` stands for `{ $name }`, which is not a valid domain name
spf-lookup-failed = `{ $term }` cannot be judged for now: the { $kind } lookup at { $name } gave { $outcome }
spf-include = `{ $term }` brings in the record of { $name }
spf-include-match = `{ $term }` matches: { $name } gives pass
spf-include-other = `{ $term }` does not match: { $name } gives { $result }
spf-include-none = `{ $term }` cannot be followed: there is no SPF record to include
spf-include-error = `{ $term }` cannot be followed: { $name } ends in { $result }
spf-redirect = `{ $term }` hands over to the record of { $name }
spf-redirect-none = `{ $term }` cannot be followed: there is no SPF record to hand over to

spf-pass = { $domain } allows { $client } (`{ $term }` in the record of { $name })
spf-fail = { $domain } does not allow { $client } (`{ $term }` in the record of { $name })
spf-softfail = { $domain } probably does not allow { $client } (`{ $term }` in the record of { $name })
spf-neutral = { $domain } takes no position on { $client } (`{ $term }` in the record of { $name })
spf-default = nothing in the record of { $name } matches, so the result is neutral
spf-explanation = the domain explains (`{ $term }`): { $text }
spf-explanation-absent = `{ $term }` gives no explanation: { $name } needs exactly one TXT record with text ({ $count ->
    [0] { $outcome }
   *[other] found { $count }
})
spf-explanation-syntax = `{ $term }` gives no explanation: the text at { $name } is not ASCII or has a broken macro
spf-broken-off = SPF could not be judged to its end, by a fault in Sekisho
