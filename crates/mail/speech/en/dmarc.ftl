### DMARC: what each rule says. The arguments are those of the step.

## What passed: SPF or DKIM

dmarc-mechanism = { $mechanism ->
    [spf] SPF
    [dkim] DKIM
   *[other] { $mechanism }
}

## Steps

dmarc-author = the author domain is { $domain }
dmarc-no-author = without exactly one author domain there is nothing to judge ({ $reason })
dmarc-record = _dmarc.{ $name } says: { $record }
dmarc-record-absent = _dmarc.{ $name } has no policy record
dmarc-record-several = _dmarc.{ $name } has { $count } policy records, so all of them are discarded
dmarc-record-unavailable = _dmarc.{ $name } cannot be looked up for now
dmarc-record-as-none = its tag { $tag } is missing or wrong, but rua= asks for reports, so p=none holds
dmarc-record-unusable = its tag { $tag } is missing or wrong, and no rua= asks for reports, so DMARC does not apply
dmarc-walk = looking upwards from { $name } for its organization
dmarc-walk-found = _dmarc.{ $name } says: { $record }
dmarc-walk-absent = _dmarc.{ $name } has no policy record
dmarc-walk-several = _dmarc.{ $name } has { $count } policy records, so all of them are discarded
dmarc-walk-unavailable = _dmarc.{ $name } cannot be looked up for now, so the walk ends without an answer
dmarc-organization-psd-n = the organization of { $name } is { $organization } (its record says psd=n)
dmarc-organization-below-psd = the organization of { $name } is { $organization } (one label below a public suffix, psd=y)
dmarc-organization-fewest-labels = the organization of { $name } is { $organization } (the shortest name with a record)
dmarc-organization-itself = the organization of { $name } is { $organization } itself (no record was found on the way up)
dmarc-organization-by-suffix-list = under the old rule (public suffix list) the organization of { $domain } would have been { $listed }, not { $organization }
dmarc-no-record-anywhere = nobody publishes a policy for { $domain }, so DMARC does not apply
dmarc-policy = the policy that applies is { $policy } (tag { $tag } at { $domain })
dmarc-existence-unknown = whether { $domain } exists cannot be looked up for now, and the policy depends on it (np=)
dmarc-author-does-not-exist = { $domain } does not exist in the DNS
dmarc-aligned-same = { dmarc-mechanism } passed for { $domain }, the author domain itself: aligned
dmarc-aligned-organization = { dmarc-mechanism } passed for { $domain }, of the same organization { $organization } as { $author }: aligned
dmarc-unaligned-strict = { dmarc-mechanism } passed for { $domain }, but strict alignment wants { $author }: not aligned
dmarc-unaligned-organization = { dmarc-mechanism } passed for { $domain }, of another organization than { $author }: not aligned
dmarc-alignment-unknown = whether { $domain } ({ dmarc-mechanism }) belongs to the organization of { $author } cannot be looked up for now
dmarc-identifier-temperror = { dmarc-mechanism } for { $domain } would be aligned, but cannot be judged for now
dmarc-signatures-uncounted = DKIM passed, but does not count: some mail programs see other fields than were signed, or an earlier end of the header
dmarc-signature-leaves-second = DKIM passed for { $domain }, but does not count: a mail may have one { $field } field, this one has { $there }, and { $signed ->
    [0] none of them is signed
    [one] only one of them is signed
   *[other] only { $signed } of them are signed
 }
dmarc-signature-leaves-spaced = DKIM passed for { $domain }, but does not count: some mail programs end the header at { $field }, which has white space before its colon and is not signed
dmarc-no-identifier = neither SPF nor DKIM passed for any domain
dmarc-no-signature = DKIM passed for no domain
dmarc-spf-unasked = SPF was not asked, and could still decide: if it passes for { $domain } or its organization, DMARC passes
dmarc-pass = { $domain } vouches for this mail
dmarc-fail = nothing proves that the mail comes from { $domain }
dmarc-temperror = { $domain } cannot be judged until the DNS answers
dmarc-testing = the domain is only testing (t=y), so { $policy } is lowered to { $disposition }
dmarc-broken-off = DMARC could not be judged to its end, by a fault in Sekisho
