### DMARC: what each rule says. The arguments are those of the step.

dmarc-author = the author domain is { $domain }
dmarc-no-author = without exactly one author domain there is nothing to validate ({ $reason })
dmarc-record = _dmarc.{ $name } says: { $record }
dmarc-record-absent = _dmarc.{ $name } has no policy record
dmarc-record-several = _dmarc.{ $name } has { $count } policy records, so all of them are discarded
dmarc-record-unavailable = _dmarc.{ $name } could not be asked for now
dmarc-record-as-none = its tag { $tag } is missing or wrong, but reports are wanted: taken as p=none
dmarc-record-unusable = its tag { $tag } is missing or wrong, and no reports are wanted: DMARC does not apply
dmarc-walk = walking up from { $name } to find its organization
dmarc-walk-found = _dmarc.{ $name } says: { $record }
dmarc-walk-absent = _dmarc.{ $name } has no policy record
dmarc-walk-several = _dmarc.{ $name } has { $count } policy records, so all of them are discarded
dmarc-walk-unavailable = _dmarc.{ $name } could not be asked for now, so the walk ends without an answer
dmarc-organization-psd-n = the organization of { $name } is { $organization }: its record says psd=n
dmarc-organization-below-psd = the organization of { $name } is { $organization }: one label below a public suffix (psd=y)
dmarc-organization-fewest-labels = the organization of { $name } is { $organization }: of the records found, the shortest name
dmarc-organization-itself = the organization of { $name } is { $organization } itself: no record was found on the way up
dmarc-organization-by-suffix-list = under the old rule (public suffix list) the organization of { $domain } would have been { $listed }, not { $organization }
dmarc-no-record-anywhere = nobody publishes a policy for { $domain }: DMARC does not apply
dmarc-policy = the policy is { $policy }, by tag { $tag } of { $domain }
dmarc-existence-unknown = whether { $domain } exists could not be asked for now, and np= differs from the other policy
dmarc-author-does-not-exist = { $domain } does not exist in the DNS
dmarc-aligned-same = { $mechanism } speaks for { $domain }, the author domain itself: aligned
dmarc-aligned-organization = { $mechanism } speaks for { $domain }, of the same organization { $organization } as { $author }: aligned
dmarc-unaligned-strict = { $mechanism } speaks for { $domain }, but strict alignment wants { $author }: not aligned
dmarc-unaligned-organization = { $mechanism } speaks for { $domain }, another organization than { $author }: not aligned
dmarc-alignment-unknown = whether { $domain } ({ $mechanism }) belongs to the organization of { $author } could not be asked for now
dmarc-identifier-temperror = { $mechanism } for { $domain } would be aligned but could not be judged for now
dmarc-no-identifier = neither SPF nor DKIM passed for any domain
dmarc-pass = { $domain } vouches for this mail
dmarc-fail = nothing that passed belongs to { $domain }
dmarc-temperror = { $domain } cannot be judged until the DNS answers
dmarc-testing = the domain is only testing (t=y): { $policy } is lowered to { $disposition }
