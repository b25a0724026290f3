### What an audit finds, and what to do about it (`-advice`).

audit-spf-absent = { $domain } publishes no SPF record
audit-spf-absent-advice = Name the hosts that send with this domain in MAIL FROM; where none does, publish "v=spf1 -all".
audit-spf-several = { $domain } publishes { $count } SPF records, which is an error: none of them counts
audit-spf-several-advice = Join them into one record and remove the others.
audit-spf-broken = the SPF record of { $domain } cannot be followed: { $term } is wrong ({ $rule })
audit-spf-broken-advice = Mend this term: until then every mail gets permerror, whoever sends it.
audit-spf-unavailable = the SPF record of { $domain } cannot be had just now ({ $outcome })
audit-spf-unavailable-advice = Look whether the name servers of { $domain } answer.
audit-spf-loop = the SPF record of { $domain } leads back to itself
audit-spf-loop-advice = Remove the include or redirect that leads there.
audit-spf-lookups = the SPF record of { $domain } costs { $count } lookups, and { $limit } are allowed: what stands behind the limit gets permerror
audit-spf-lookups-advice = Remove includes of services that no longer send, or give a service a subdomain of its own for MAIL FROM.
audit-spf-lookups-near = the SPF record of { $domain } costs { $count } of { $limit } lookups
audit-spf-lookups-near-advice = The next include, or a change of a record that is included, may be one too many.
audit-spf-voids = { $count } lookups of the SPF record of { $domain } find nothing, and { $limit } are allowed
audit-spf-voids-advice = Remove the terms whose names no longer exist.
audit-spf-no-record = { $term } of { $domain } leads to a name without an SPF record, which is an error
audit-spf-no-record-advice = Remove the term, or correct its name.
audit-spf-exchanges = { $term } of { $domain } has { $count } mail exchangers, and ten are looked at
audit-spf-exchanges-advice = Name the networks of these hosts instead (ip4, ip6).
audit-spf-everybody = the SPF record of { $domain } lets everybody pass
audit-spf-everybody-advice = Let it end in "-all" or "~all": now anybody can send in its name.
audit-spf-open-end = the SPF record of { $domain } says nothing of hosts that it does not name
audit-spf-open-end-advice = Let it end in "-all" or "~all".
audit-spf-ptr = { $term } of { $domain } should no longer be used: it is slow, and many receivers ignore it
audit-spf-ptr-advice = Name the networks instead (ip4, ip6).
audit-spf-many-addresses = the SPF record of { $domain } lets { $count } IPv4 addresses pass
audit-spf-many-addresses-advice = Strangers rent some of them. Name only what sends for you, and let a large service sign with DKIM instead.
audit-dmarc-absent = no DMARC policy holds for { $domain }
audit-dmarc-absent-advice = Publish _dmarc.{ $domain } TXT "v=DMARC1; p=none; rua=mailto:…" and read the reports before asking for more.
audit-dmarc-several = _dmarc.{ $domain } has { $count } policy records, and so none counts
audit-dmarc-several-advice = Keep one of them.
audit-dmarc-unavailable = the DMARC policy of { $domain } cannot be had just now
audit-dmarc-unavailable-advice = Look whether the name servers answer for _dmarc.{ $domain } and the names above it.
audit-dmarc-as-none = the tag { $tag } of _dmarc.{ $domain } is wrong or missing, and so the record counts as p=none
audit-dmarc-as-none-advice = Write one of none, quarantine, reject.
audit-dmarc-unusable = the tag { $tag } of _dmarc.{ $domain } is wrong or missing, and so the record counts for nothing
audit-dmarc-unusable-advice = Write one of none, quarantine, reject.
audit-dmarc-watches = the policy at _dmarc.{ $domain } asks for nothing ({ $tag }=none)
audit-dmarc-watches-advice = Let the simulator show what quarantine would break; then publish it.
audit-dmarc-subdomains = below { $domain } a weaker policy holds than at it
audit-dmarc-subdomains-advice = Remove sp= unless subdomains still send unaligned mail: forgers take the weakest name.
audit-dmarc-testing = t=y lowers the policy of { $domain } by one step
audit-dmarc-testing-advice = Remove t=y once the reports show that nothing breaks.
audit-dmarc-no-reports = nobody hears how the policy of { $domain } fares: there is no rua=
audit-dmarc-no-reports-advice = Add rua=mailto:… to the record.
