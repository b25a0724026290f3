### What the commands say to people.

## Labels of an account

label-author = Author
label-spf = SPF
label-spf_helo = SPF HELO
label-dkim = DKIM
label-arc = ARC
label-dmarc = DMARC
label-verdict = Verdict
label-from = From
label-envelope = Envelope
comma = , { "" }

## Grounds of a verdict

ground-author-missing = the mail names no author
ground-author-multiple = there is more than one From field or author domain
ground-author-unusable = mail programs could disagree on who the author is
ground-dmarc-fail = DMARC fails, and the domain owner asks to act on that
ground-dmarc-temperror = DMARC cannot be judged for now, and it could matter
ground-arc-override = DMARC fails, but a trusted sealer saw it pass

## Who speaks

from-none = (no From field)
envelope-client = client { $address }
envelope-helo = HELO { $helo }
envelope-mail-from = MAIL FROM <{ $path }>
envelope-return-path = MAIL FROM <{ $path }> (Return-Path)

## Details of a check

detail-not-asked = not asked
detail-flags = odd: { $flags }
detail-explanation = the domain explains: “{ $text }”
detail-unsigned = not signed
detail-gap = does not count: a second { $field } is not signed
detail-gap-spaced = does not count: { $field } with a space before its colon is not signed
detail-key-testing = key for testing only
detail-arc = { $count ->
    [one] 1 set
   *[other] { $count } sets
}, sealed by { $sealers }
detail-overrides = overrides DMARC
detail-policy = p={ $policy } at { $domain }
detail-policy-testing = policy for testing only
detail-aligned = aligned: { $by }

## What if

what-if = If { $question } were { $answer }:
what-if-nothing = nothing would change
note-stuck = `{ $path }`: a judge asked again for what it was told, so its mail is not judged to the end; this is a fault in Sekisho, please report it
note-unasked = { $path }: no judge asked `{ $question }`, so --what-if changes nothing there

note-key-open = warning: the key `{ $path }` is no secret
note-unaligned = the mail is from `{ $author }`, so DMARC will not count a signature of `{ $domain }`; sign with --domain { $author } too
note-offline = the answers come from `{ $path }`, and nobody else is asked

## Many mails

progress = judging
summary = { $count ->
    [one] 1 mail judged
   *[other] { $count } mails judged
}
summary-unjudged = { $count ->
    [one] 1 mail could not be judged
   *[other] { $count } mails could not be judged
}
summary-failing = Author domains that fail DMARC most often
summary-signatures = DKIM counts signatures, of which a mail may have several

## Configuration

config-fine = { $path } is in order
config-none = there is no configuration file, so the defaults hold
origin-default = default
origin-file = { $path }, line { $line }

## New keys

key-written = The private key is in { $path }, readable by you alone. Publish this record:

## What could not be done

fault-read = cannot read `{ $path }`
fault-write = cannot write `{ $path }`
fault-empty = `{ $path }` is empty, so there is no mail in it
fault-binary = `{ $path }` is a binary file, not a mail
fault-no-mail = `{ $path }` is not a mail: it has no header field
fault-large = `{ $path }` is larger than { $size } MiB, the most that is read
fault-no-maildir = `{ $path }` is a folder but not a Maildir: it has neither `cur` nor `new`
fault-mbox-empty = the mbox `{ $path }` has a postmark line, but no mail behind it
fault-maildir-empty = the Maildir `{ $path }` holds no mail
fault-stdin-twice = standard input can be read only once
fault-line = { $path }:{ $line }
fault-config = { $path }
fault-mail = { $path }
fault-received-count = there is no Received field number { $number }: the mail has { $count ->
    [0] none
    [one] only one
   *[other] only { $count }
}
fault-received-host = no Received field was written by `{ $host }`
fault-received-client = Received field number { $number } names no client address: `{ $field }`
fault-received-unsure = Received field number { $number } does not name the client in a way that only a server could have written, so its address is not taken; say which client it was (`--client-ip`): `{ $field }`
fault-what-if = the what-if `{ $text }` cannot be read
fault-facts = cannot use `{ $path }` for --facts
fault-not-kept = `{ $facts }` holds no facts of this mail
fault-dns = `{ $server }` does not name a DNS server
fault-resolver = the DNS cannot be asked
fault-option = no option is called `{ $name }`{ $known ->
    [yes] ; did you mean `{ $nearest }`?
   *[no] { "" }
}
fault-section = no section is called `{ $name }`{ $known ->
    [yes] ; did you mean `{ $nearest }`?
   *[no] { "" }
}
fault-bounds = `{ $name }` must be from { $low } to { $high }, not { $value }
fault-listen = `{ $value }` is not an address to listen on; write `ADDR:PORT`
fault-bind = cannot listen on `{ $address }`
fault-runtime = the program cannot be started
fault-data-folder = cannot keep books in { $path } as user `{ $user }`
fault-no-data = there are no books in { $path } yet: start `sekisho serve`, or `sekisho report import` something
fault-make-folder = cannot make the folder { $path }
fault-no-data-folder = no data folder can be had: set `store.folder`
fault-no-lake = this program was built without a lake
fault-lake = the lake cannot do that
fault-sample = the sample day cannot be made in { $path }
fault-sample-remove = the sample day in { $path } cannot be removed
fault-no-cluster = this program was built without a cluster; `cargo build --release --package sekisho --features cluster` builds one with it
fault-cluster = the cluster cannot do that
fault-runtime-folder = cannot keep the list of mails in work in { $path }
fault-word = `{ $value }` is not known here; write { $words }
fault-help = `{ $value }` cannot stand in an answer; write at most 100 ASCII characters without spaces
fault-authserv = `{ $value }` cannot name us in Authentication-Results; write letters, digits, dots and hyphens
fault-required = `{ $name }` is missing here
fault-network = `{ $value }` is not a network; write `192.0.2.0/24`, `2001:db8::/32` or one address, without bits behind the prefix
fault-user = `{ $value }` is not a login; write a login, `@example.org` for all logins of a domain, or `*` for all
fault-sender-nobody = a sender needs `networks` or `users`, or both; where both are given, both must fit
fault-sign-check = `{ $value }` is not known here; write `error` or `warn`
fault-sign-unsigned = `{ $value }` is not known here; write `pass` or `refuse`
fault-seal-when = `{ $value }` is not known here; write `arrival` or `departure`
fault-field-name = `{ $value }` is not the name of a header field
serve-first-account = nobody has an account at the web desk yet; open this to create the first one (it works once):
serve-ready = ready; Ctrl-C or SIGTERM stops it in order
fault-key-twice = the selector `{ $selector }` has two keys for `{ $domain }`
fault-key-record = `{ $name }` does not let this key sign
serve-listening = listening for MTAs (milter) on { $address }
serve-signing = listening for MTAs (milter) to sign what goes out, on { $address }
note-privacy-days = a rule of `store.privacy` omits `recipients` and has `days`: mails whose recipients are not kept cannot be found again, and stay as long as all others (`lake.mail_days`)
note-serve-user = `serve.user` names nobody on this machine: started as root, the daemon will not start
note-certificate-early = the certificate of `http.certificate` is not good yet: browsers refuse it; does this machine know the time?
note-certificate-late = the certificate of `http.certificate` has expired: browsers refuse it; renew it, then reload (SIGHUP)
http-speaks-tls = Here HTTPS is spoken, and nothing else: the address begins with https://
note-sign-no-listener = [sign] has no `listen`, so nothing is signed
note-sign-no-key = [sign] has no [[sign.keys]], so nothing is signed
note-sign-no-sender = [sign] has no [[sign.senders]], so nothing is signed: name the networks and logins whose mail is to be signed, those on this host (127.0.0.0/8, ::1) too
fault-become = cannot become the user `{ $user }`
fault-no-user = there is no user `{ $user }`
fault-choice = `{ $name }` must be one of { $choices }, not `{ $value }`
serve-http = listening for those who watch (HTTP) on { $address }
serve-https = listening for those who watch (HTTPS) on { $address }
serve-intake = listening for senders of reports (SMTP) on { $address }
serve-lmtp = listening for MTAs that deliver reports (LMTP) on { $address }
fault-intake-address = `{ $value }` names no mailboxes; write `local@example.org`, `local@` or `@example.org`
fault-intake-twice = `{ $value }` stands here twice: a mailbox is for one kind of report
fault-imap-place = `{ $value }` is no mailbox: write imaps://USER@HOST[:PORT]/FOLDER, the password elsewhere
fault-imap-password = the password of the mailbox is missing: name a file with `--password-file`, or set SEKISHO_IMAP_PASSWORD
fault-place = secrets do not travel to `{ $value }`: write `https://…` without name, password and `#`, and without a path for a desk; `http://` is for this machine (127.0.0.1, [::1], localhost)
fault-oidc-scope = `{ $value }` is no scope: words like `email`, without spaces
fault-oidc-client = the provider of identities cannot be asked
fault-secret = there is no secret in `{ $path }`
fault-webhook-twice = `{ $value }` stands in another `[[webhooks]]` already
fault-webhook-private = `{ $value }` leads to this machine or a private network; where that is meant write `private = true`
fault-webhook-event = `{ $value }` means no event; there are { $choices }, and `report.*` for all behind a dot
fault-webhook-secret = there is no secret of a webhook in `{ $path }`: write `whsec_` and the base64 of 24 to 64 octets
fault-webhook-client = webhooks cannot be called
fault-certificate = the certificate `{ $path }` cannot be used
fault-store-ledger = a shared ledger is written `postgres://USER@HOST/DATABASE`
fault-store-bucket = `{ $value }` is not a bucket; write `s3://BUCKET` or `s3://BUCKET/PREFIX`
fault-store-endpoint = `{ $value }` is not where a bucket is asked for; write `https://HOST`
fault-own = `{ $value }` is not a source; write an address, a network, the name of a host, or of a sender as `sekisho report show` has it
fault-privacy-field = `{ $value }` is nothing that can be left out; there are: { $known }
fault-privacy-consent = `store.privacy.local_parts = "keep"` needs `store.privacy.consent`: who agreed that names before the at sign are kept, and when
fault-names-database = the database `{ $path }` cannot be used
fault-no-postfix = there is no Postfix configuration in `{ $path }`: --postfix names its folder
fault-postfix-command = Postfix's `{ $command }` did not do its work
fault-queue-id = `{ $value }` is not a queue id; write one as `sekisho held list` shows it
fault-not-held = no mail `{ $value }` is held, so none was released
fault-lang = `{ $value }` is not a language spoken here; write `ja` or `en`
fault-domain = `{ $value }` is not a domain name
fault-scope-word = `{ $value }` is no domain of a scope: write names such as `example.org`, or `*` alone for every domain
fault-scope-many = a scope has { $most } domains at most
fault-selector = `{ $value }` is not a selector
fault-pairs = every --selector needs its --key: there are { $selectors } and { $keys }
fault-one-selector = a new key has exactly one --selector
fault-key = the key in `{ $path }` cannot be used
fault-key-made = no key could be made
fault-canonicalization = `{ $value }` is not a canonicalization; write relaxed/relaxed, relaxed/simple, simple/relaxed or simple/simple
fault-sign = `{ $path }` cannot be signed
fault-ours = judging ended in an internal error; this is a fault in Sekisho, please report it

## Command lines that cannot be read

refusal-usage = Usage: { $usage }
refusal-unknown = the argument `{ $argument }` is not known here{ $known ->
    [yes] ; did you mean `{ $nearest }`?
   *[no] { "" }
}
refusal-command = there is no command `{ $command }`{ $known ->
    [yes] ; did you mean `{ $nearest }`?
   *[no] { "" }
}
refusal-no-command = one of these has to follow: { $commands }
refusal-no-value = `{ $argument }` needs a value{ $open ->
    [yes] { "" }
   *[no] : one of { $choices }
}
refusal-choice = `{ $value }` is no choice for `{ $argument }`{ $known ->
    [yes] ; did you mean `{ $nearest }`? The choices are { $choices }
   *[no] ; write one of { $choices }
}
refusal-value = `{ $value }` cannot be used for `{ $argument }`
refusal-no-more = `{ $argument }` takes no value, and `{ $value }` was given
refusal-missing = this is missing: { $arguments }
refusal-twice = `{ $argument }` can be given only once
refusal-conflict = `{ $argument }` cannot be combined with `{ $other }`
refusal-utf8 = an argument that must be text is not UTF-8

## Why

why-wrong-type = { $expected ->
    [number] a whole number is expected
    [text] text in quotation marks is expected
    [truth] true or false is expected
    [list] a list in square brackets is expected
   *[table] a section is expected
}
why-not-found = there is no such file
why-denied = no permission
why-directory = it is a folder
why-exists = it exists already
why-in-use = something else listens there already
why-not-here = this host has no such address
why-not-role = the roles are viewer, analyst and admin
why-not-desk = write the address of the desk, such as https://desk.example.org
why-held = another process holds it, probably another `sekisho serve`; stop that one first
why-not-ours = its content is not what belongs there; move it away
why-full = no space is left on the device; make room
why-read-only = the file system is read-only
why-no-directory = a part of the path is no folder
why-system = the system refuses ({ $text })
why-key-denied = user { $user }, whom the daemon runs as, may not read it; hand it over by systemd's `LoadCredential=`, or let a group of that user read it (docs/signing.md)
fault-syntax = this is not TOML from here on; mend the line or put a `#` before it
fault-type = this value is of the wrong kind; `sekisho config show` shows how the option is written
why-other = { $text }
why-not-host-port = write HOST:PORT, such as 127.0.0.1:50050
why-not-address = write an IP address, such as 192.0.2.1 or 2001:db8::1
why-not-path = write one address, such as bounce@example.org, or '' for the null path
why-not-seconds = write a number of seconds from 0.001 to 600
why-not-time = write a time as RFC 3339 has it, such as 2026-05-01T12:00:00Z
why-not-within = write a whole number from { $low } to { $high }
why-not-days = write a number of days from 1 to 36500
why-not-lang = write `ja` or `en`
why-not-state = write `received`, `read`, `unreadable`, `ignored` or `duplicate`
why-not-domain = write a domain name, such as example.org
why-not-hop = write the number of a Received field, counted from 1 at the top, or the name of the host that wrote it
why-not-utf8 = it is not UTF-8
why-name-empty = the name is empty
why-name-characters = only letters, digits, hyphens, underscores and dots may stand in it
why-label-empty = two dots meet, or the name begins with one
why-label-long = a label has more than 63 octets
why-name-long = the name has more than 255 octets
why-name-escape = the name has a broken escape
why-name-unicode = the name cannot be written in A-labels
why-address = the address cannot be read
why-preference = an MX record is a preference from 0 to 65535 and a host name
why-quotes = the quotes of the TXT strings do not match
why-string-long = a TXT string has more than 255 octets; split it
why-line-short = a record is `name TYPE data`
why-kind = the type must be one of { $kinds }
why-zone-kind = the type must be one of { $kinds } and CNAME, or `*` for all types before a failure such as `!timeout`; a TTL and `IN` may stand before it
why-parenthesis = a parenthesis is not closed, or something other than a comment follows where it is
why-failure = a failure is `!servfail`, `!timeout`, `!refused` or `!truncated`
why-proposal = write `TYPE NAME=DATA`, such as `TXT _dmarc.example.org=v=DMARC1; p=reject`
why-proposal-name = `{ $name }` is no name, since names have no spaces; write `TYPE NAME=DATA`, such as `TXT _dmarc.example.org=v=DMARC1; p=reject`
why-proposal-twice = a failure stands alone: that name has another answer already
why-outcome = the outcomes are `!nxdomain`, `!nodata`, `!servfail`, `!timeout`, `!refused` and `!truncated`
why-no-facts = this is not a facts file of Sekisho; such a file is written by --save-facts
why-facts-json = this line is not whole; the file may have been cut off
why-facts-exist = it exists already, and facts that were kept are never overwritten; name a new file
why-no-folder = its folder does not exist; make it first
why-facts-version = it has the format version { $version }, and this program reads version 1
why-facts-field = `{ $field }` is missing or cannot be read
why-dns-scheme = write ADDR:PORT, tls://ADDR:PORT or https://HOST/PATH
why-dns-address = there is no address
why-dns-port = the port is not a number from 1 to 65535
why-dns-name = no name follows the `#`
why-dns-needs-name = add the name in its certificate after a `#`
why-no-system-dns = the system names no DNS server; use --dns
why-key-pem = it is not PEM, which begins with `-----BEGIN PRIVATE KEY-----`
why-key-encrypted = it is locked with a passphrase
why-key-unreadable = it is neither RSA nor Ed25519 in PKCS #8 or PKCS #1
why-key-small = the RSA key has fewer than 2048 bits
why-key-large = the RSA key has more than 4096 bits, which receivers do not verify
why-key-of-another = it was made for another key than that in `{ $path }`; both files have to be renewed together
why-key-open = others can read or change it (its mode is { $mode }); `chmod 640` takes that away
why-record-absent = there is no key record
why-record-several = there are several records, and receivers do not agree on which to take
why-record-revoked = the record takes the key back
why-record-malformed = the record cannot be read
why-record-other-key = the record has another key
why-record-not-for-mail = the record does not allow this key for mail
why-record-strict = the record says by `t=s` that the key is for its own domain alone, and `subdomains` is on
why-record-testing = the record says by `t=y` that the domain is only testing
why-record-unavailable = the DNS does not answer
why-record-publish = publish
why-sign-from = it has no From field
why-sign-several = it has more than one From field
why-sign-mbox = it begins as an mbox does; sign its mails one by one, without the `From ` line
why-sign-long = selector and domain are too long together
why-sign-name = `{ $name }` cannot stand in a signature
why-sign-field = `{ $name }` is not a field name

## What the doctor finds

doctor-error = error
doctor-warning = warning
doctor-note = note
doctor-default = nobody sets it: the default
doctor-change = write in { $place }:
doctor-summary = { $errors ->
    [one] 1 error
   *[other] { $errors } errors
}, { $warnings ->
    [one] 1 warning
   *[other] { $warnings } warnings
}, { $notes ->
    [one] 1 note
   *[other] { $notes } notes
}
doctor-no-postfix = There is no Postfix configuration in { $path }, so only our own was examined. Name its folder with --postfix.
doctor-gate-nowhere = `gate.listen` is empty: no mail is judged.
doctor-gate-monitor = Sekisho only watches (`gate.mode` is `monitor`): every mail is judged and annotated, and none is refused.
doctor-listener-open = The milter listener { $address } can be reached from other machines, and the protocol knows no login: whoever connects may say any client address. Listen on loopback, or let a firewall see to it.
doctor-no-door = No port of this Postfix takes mail from the world.
doctor-door-unjudged = Mail that comes in at `{ $door }` is not shown to Sekisho: it is delivered unjudged, and forged Authentication-Results fields stay in it.
doctor-door-signs = Mail from the world that comes in at `{ $door }` is shown to the listener that signs. Only mail of our own users belongs there.
doctor-door-no-milters = `no_milters` switches every milter off at `{ $door }`, so mail from the world is delivered unjudged there.
doctor-milter-maps = A table chooses the milters at `{ $door }` by client, and was not read: clients that it names may pass unjudged.
doctor-users-judged = Mail of our own users at `{ $door }` is judged as if it came from the world: SPF fails for their addresses, and with `mode = "enforce"` their mail is refused.
doctor-users-unsigned = Mail of our own users at `{ $door }` is not shown to the listener that signs.
doctor-daemon-name = `{ $door }` is not called ORIGINATING. Sekisho does not need it, since its listeners differ; other milters tell outgoing mail by this name.
doctor-filter-judged = Mail that comes back from the content filter at `{ $door }` is judged a second time, now with the filter as its client: SPF fails, and the first verdict is deleted as a forgery.
doctor-milter-protocol = With a protocol older than 6 Postfix does not show header fields as they were sent, and signatures over exact white space fail; older than 2 it cannot speak with Sekisho at all.
doctor-default-accept = While Sekisho cannot be asked, mails pass unjudged, and forged Authentication-Results fields stay in them. With `tempfail` their senders try again later, and nothing is lost.
doctor-default-reject = While Sekisho cannot be asked, every mail is refused for good. With `tempfail` their senders try again later, and nothing is lost.
doctor-default-quarantine = While Sekisho cannot be asked, every mail goes to the hold queue unjudged and stays there until somebody releases it. With `tempfail` senders try again later.
doctor-content-timeout = Postfix gives a verdict up too early: it may take the DNS deadline of { $deadline } s, and Sekisho says every 10 s that it is at work, so no less than { $needed } s are needed.
doctor-short-timeout = On a busy machine an answer may take longer; less than { $needed } s make Postfix take Sekisho for dead.
doctor-macro-login = Rules or senders ask who has logged in, and Postfix does not tell: its macros lack `auth_authen`.
doctor-macro-name = Sekisho speaks in the name of the MTA, since `gate.authserv_id` is not set, and Postfix does not tell that name: its macros lack `j`.
doctor-macro-queue = The log line of a verdict cannot name the mail's queue id: Postfix's macros lack `i`.
doctor-local-judged = Mail of local programs is judged as if it came from the world, though it has no client.
doctor-local-unsigned = Mail of local programs, such as cron or a web application, is not shown to the listener that signs.
doctor-internal-judged = Postfix's own notices go through the milters too, and would be judged as if they came from the world.
doctor-milter-silent = Nobody listens at `{ $milter }`, which should be Sekisho: while that is so, every mail meets `milter_default_action`. Start `sekisho serve`.
doctor-milter-unknown = Nobody listens at `{ $milter }`, and no listener of Sekisho is meant to: every mail meets `milter_default_action`.
doctor-header-size = Postfix takes larger header fields than the { $most } octets of header that Sekisho judges (`check.max_header_bytes`): such mails are annotated as not judged.
doctor-message-size = Without a limit one mail may fill the queue's disk, and keep a session as long as it likes.
doctor-bare-newline = Postfix takes a lone LF for the end of a line, so that one mail can hide a second one in it (SMTP smuggling, CVE-2023-51764). The hidden mail comes from a server that the victim's SPF names, so it passes SPF and DMARC: no milter can tell it from an honest one.
doctor-bare-newline-exclusions = The protection against SMTP smuggling is set, and everybody is excluded from it.
doctor-bare-newline-old = This Postfix is too old for `smtpd_forbid_bare_newline`, and lacks the workaround against SMTP smuggling (CVE-2023-51764), which has two halves. Better: upgrade.
doctor-bare-newline-workaround = This Postfix is too old for `smtpd_forbid_bare_newline`. The workaround stops the SMTP smuggling that is known; only an upgrade stops all of it.
doctor-bare-newline-unknown = No `postconf` is installed here, so nobody can tell whether this Postfix stops SMTP smuggling (CVE-2023-51764). The line is right from 3.5.24, 3.6.14, 3.7.10, 3.8.5 and 3.9 on.
doctor-stray-cr = A lone CR is delivered as it came, and servers behind may take it for the end of a line.

## Mails that are held

held-facts = { $age }, { $size } octets, { $recipients ->
    [one] 1 recipient
   *[other] { $recipients } recipients
}
held-seconds = held for { $count } s
held-minutes = held for { $count } min
held-hours = held for { $count } h
held-days = held for { $count } d
held-unread = its header cannot be read; only root may
held-no-reason = its header does not say why it is held
held-summary = { $count ->
    [one] 1 mail is held
   *[other] { $count } mails are held
}
held-released = { $id } is released

## sekisho jobs

jobs-none = nothing waits, and nothing was given up
jobs-none-in-queue = nothing in queue `{ $queue }` waits or was given up
jobs-retried = { $count ->
    [one] 1 job is tried again
   *[other] { $count } jobs are tried again
}
jobs-tries = { $count } of { $most } tries
job-waiting = waits
job-leased = under way
job-done = done
job-dead = given up
jobs-queue-none = nothing was given up in queue `{ $queue }`, so nothing was changed
why-not-job-state = a job is `waiting`, `leased`, `done` or `dead`
why-not-job = this is not the id of a job; write one as `sekisho jobs list` shows it
fault-job-not-dead = no job `{ $id }` was given up, so nothing was changed

## sekisho people

people-nobody = nobody has an account yet; the first one is made by the link that `sekisho serve` prints
people-invited = Give this link to whom you invite. It works once, for three days; whoever has it gets the account.
people-reset = Give this link to its owner. It works once, for three days; whoever has it gets the account.
people-disabled = { $login } is locked out; their sessions have ended
people-enabled = { $login } may come in again
people-everything = everything
people-nothing = nothing
people-is-disabled = locked out
people-has-second-factor = second factor
role-viewer = viewer
role-analyst = analyst
role-admin = admin
role-unknown = unknown role
fault-no-login = nobody signs in as `{ $login }`; `sekisho people list` shows who does

## sekisho cluster

cluster-scheduler-listening = scheduler: listening for executors and questions on { $address }; Ctrl-C or SIGTERM stops it
cluster-scheduler-next = start executors: sekisho cluster executor --scheduler { $address }
    and ask: sekisho lake query 'SELECT count(*) FROM mail' --cluster df://{ $address }
cluster-executor-listening = executor: { $slots ->
    [one] 1 task
   *[other] { $slots } tasks
} at once, results are fetched on { $address }; Ctrl-C or SIGTERM stops it in order
cluster-executor-next = working for the scheduler at { $scheduler }
cluster-open = warning: whoever reaches { $address } can ask this cluster for everything in the lake and keep it busy: there is no password and no encryption. Let a firewall keep all others out
cluster-stopped = stopped

## sekisho lake, sekisho report

lake-unsettled = { $count ->
    [one] 1 Event is not yet settled, and is
   *[other] { $count } Events are not yet settled, and are
} left out; the daemon settles within two minutes, `sekisho lake compact` without one
lake-tables = {"table           days   files          rows          MB"}
lake-compacted = { $files ->
    [one] 1 file holds all that is kept
   *[other] { $files } files hold all that is kept
}
lake-let-go = { $files ->
    [0] nothing was older than it is kept
    [one] let go of 1 file ({ $megabytes } MB)
   *[other] let go of { $files } files ({ $megabytes } MB)
}
report-progress = { $read } reports read
report-waiting = waiting for { $number } that another process has in hand; where it was broken off, that takes up to { $seconds } seconds
report-taken = { $new ->
    [one] 1 new report
   *[other] { $new } new reports
}, { $known } known already, { $passed ->
    [one] 1 file
   *[other] { $passed } files
} taken in before
report-ordinary = { $number ->
    [one] 1 mail is no report, and was
   *[other] { $number } mails are no reports, and were
} left alone
list-nothing = no reports were taken in yet: `sekisho report import` takes them in, and so does `sekisho serve`
list-received = received (UTC)
list-id = id
list-kind = kind
list-domain = domain
list-state = state
list-from = from
list-reason = reason
report-read = read: { $reports ->
    [one] 1 report
   *[other] { $reports } reports
} with { $rows ->
    [one] 1 row
   *[other] { $rows } rows
}, about { $messages ->
    [one] 1 mail
   *[other] { $messages } mails
}
report-unproven = { $number } of them without a proven sender: left out of the sums unless --unproven is given
report-duplicates = { $number ->
    [one] 1 was counted before
   *[other] { $number } were counted before
}
report-returned = { $number ->
    [one] 1 says
   *[other] { $number } say
} that a report of ours could not be delivered (sekisho report out --list)
report-ignored = { $number ->
    [one] 1 was left out, as its standard demands
   *[other] { $number } were left out, as their standard demands
} (sekisho report list --state ignored)
report-unreadable = { $number } cannot be read (sekisho report list --state unreadable)
report-later = { $number ->
    [one] 1 could not be read now; it is tried again
   *[other] { $number } could not be read now; they are tried again
}
report-by-daemon = the daemon is running, and reads them
show-nothing = no reports about { $domain } from { $first } to { $last }
show-head = { $domain }, { $first } to { $last }: { $mails ->
    [one] 1 mail
   *[other] { $mails } mails
} of { $sources ->
    [one] 1 source
   *[other] { $sources } sources
}, { $share } pass DMARC
show-source = source
show-domains = domains
show-address = address
show-addresses = { $number } addresses
show-days = by day
note-no-names = the sources keep their addresses, since nobody can be asked: { $why }
show-mails = mails
show-pass = pass
show-more = … and { $number } more sources (--json shows all)
show-failed = Failure reports of { $reporters ->
    [0] reporters that prove nothing
    [one] 1 reporter
   *[other] { $reporters } reporters
} tell of { $mails ->
    [one] 1 mail
   *[other] { $mails } mails
} that failed (not added to the sums above)
show-what-failed = what failed
show-became = became of it
show-reporters = mails by reporter: { $who }
show-nobody = unproven
show-more-reporters = and { $number } more
show-told-by = told by
show-last = last

## sekisho report out

why-not-day = not a day: write it as `2026-11-21`
fault-relay = `{ $value }` is no SMTP server; write `HOST:PORT`
fault-address = `{ $value }` is no mail address in ASCII
fault-out-day = { $day } (UTC) is not over yet: its report would leave out what is still to come
note-out-from = `reports.from` is not set: what follows is shown as if reports came from this host
show-distrusted = { $mails ->
    [one] One mail is
   *[other] { $mails } mails are
} told of by reporters that `intake.distrusted_reporters` names, and left out
show-unproven = { $mails ->
    [one] One mail is
   *[other] { $mails } mails are
} told of by reports that prove no sender: `--unproven` shows them
fault-out-unset = nothing can be sent: set `reports.relay` and `reports.from`
fault-out-books = the reports cannot be prepared
fault-out-no-key = reports would fail DMARC: there is no key for { $domain } in [[sign.keys]] (`sekisho sign --new-key` makes one)
fault-out-no-policy = reports have to pass DMARC, and { $domain } has no DMARC record
fault-out-fails = reports from { $domain } would fail DMARC
fault-out-dns = the DNS does not tell whether reports from { $domain } would pass DMARC
out-nobody-asks = its record asks nobody for reports
out-no-record = there is no single policy record any more
out-no-mail = no mail of that day can be reported on
out-only-reports = its mails were reports to us, and reports about reports would never end
out-odd-name = the name cannot stand in a report
out-dns = the DNS does not answer
out-scheme = this is no `mailto:`
out-address = this is no address that can be written to
out-no-consent = does not agree: there is no record at { $name }
out-elsewhere = wants it at another host, which is not allowed
out-too-many = only { $most } recipients get a report (`reports.max_recipients`)
out-too-large = too large: { $size } KB, and { $most } KB are allowed
out-public-suffix = is a public suffix, and not the owner of the mail
out-turned-off = failure reports are turned off (`reports.failures`)
out-head = { $day }: { $reports ->
    [one] 1 report
   *[other] { $reports } reports
} would be sent, { $others } would not
out-unset = nothing is sent: `reports.relay` is not set
out-passes = they would pass DMARC: signed by { $domain }, aligned
out-passes-spf = they would pass DMARC: signed by { $domain }, aligned; SPF of the relay: { $spf }
out-report = { $domain }: { $rows ->
    [one] 1 row
   *[other] { $rows } rows
}, { $messages ->
    [one] 1 mail
   *[other] { $messages } mails
}, { $size } KB, { $file }
out-not = { $domain }: not sent: { $why }
out-to = to { $to }
out-not-to = not to { $to }: { $why }
out-sent = { $sent ->
    [one] 1 mail with a report was sent
   *[other] { $sent } mails with reports were sent
}
out-skipped = { $number } are not sent (sekisho report out --list says why)
out-failed = { $number } are refused for good (sekisho report out --list says why)
out-later = { $number } could not be sent now; they are tried again, by the daemon or by the next call

## sekisho simulate

fault-record = the record `{ $text }` cannot be read
why-record-long = it is longer than 16 KiB
why-record-kind = the type must be A, AAAA, MX, TXT or PTR
why-record-selector = a key needs its name; write `SELECTOR._domainkey.{ $domain } TXT "v=DKIM1; …"`
fault-simulate-nothing = for these days there are neither reports about { $domain } nor mails that our own gate saw, so nothing can be judged again
note-simulate-faulty = receivers will not act upon the proposed `{ $name }` as it is written: look at its tag `{ $tag }`
note-simulate-broken = SPF of `{ $domain }` would come to a permerror: look at the terms of the proposed record, at what it includes, and at its number of lookups (`sekisho check --what-if` says which)
simulate-head = { $domain }, { $first } to { $last }, judged again as if this were published:
simulate-seen = { $others ->
    [yes] { $mails ->
        [one] One of the mails is
       *[other] { $mails } of the mails are
    } from our own gate; the others are from reports.
   *[no] All mails are from our own gate; there are no reports.
}
simulate-breaks = Would start to fail: { $streams ->
    [one] 1 stream
   *[other] { $streams } streams
}, { $mails } mails
simulate-harsher = Do not pass now either, and would be treated more severely: { $streams ->
    [one] 1 stream
   *[other] { $streams } streams
}, { $mails } mails
simulate-unknown = Cannot be told: { $streams ->
    [one] 1 stream
   *[other] { $streams } streams
}, { $mails } mails
simulate-milder = Fail, and would be treated less severely: { $streams ->
    [one] 1 stream
   *[other] { $streams } streams
}, { $mails } mails
simulate-mended = Would pass from then on: { $streams ->
    [one] 1 stream
   *[other] { $streams } streams
}, { $mails } mails
simulate-same = Nothing would change: { $streams ->
    [one] 1 stream
   *[other] { $streams } streams
}, { $mails } mails
simulate-volume = { $mails ->
    [one] 1 mail
   *[other] { $mails } mails
} on { $days ->
    [one] 1 day
   *[other] { $days } days
}
simulate-more = … and { $number } more streams (--json shows all)
simulate-left-out = The { $number } smallest streams were not judged.
simulate-forwarder = It looks as if this source handed on what others sent: nobody names such a host in SPF.
doubt-spf-domain = The report does not say for which domain SPF passed.
doubt-signer = The report does not say which domain signed.
doubt-selector = The report does not say with which key the domain signed.
doubt-signed-for = The report does not say whether the signature is for the domain itself, which `t=s` demands.
doubt-key = No key is published any more to compare the proposed one with.
doubt-spf-macros = The proposed SPF decides by the local part or the HELO name, which reports do not tell.
doubt-address = The report does not name the source by its address.
doubt-author = The report does not name an author domain.
doubt-dns = The DNS does not answer now.
advice-relax = → publish { $tag }=r:
advice-keep-key = → leave the key { $name } as it is until nothing is signed with it any more
advice-spf = → name the source in the SPF record of { $domain } ({ $lookups } of 10 lookups):
advice-sign = → let the source sign with DKIM, d={ $domain }
advice-unconfirmed = → nothing proves that this source is yours, so nothing is proposed; if it is, confirm it in [[names.own]] (`report spf-omissions` shows how)
advice-none = → no change of these records saves it

## sekisho report spf-omissions

fault-omissions-nothing = for these days there are neither reports about mails with MAIL FROM { $domain } nor such mails that our own gate saw
omissions-head = { $domain } in MAIL FROM, { $first } to { $last }: { $sources ->
    [one] 1 source
   *[other] { $sources } sources
}, of which SPF misses { $missed }
omissions-own = Own sources that SPF misses
omissions-unconfirmed = SPF misses these, and nobody has confirmed that they are yours (--own confirms a source)
omissions-relayed = These hand on what others sent: never name them in SPF
omissions-volume = { $mails ->
    [one] 1 mail
   *[other] { $mails } mails
}, SPF { $spf }
omissions-more = … and { $number } more (--json shows all)
omissions-unseen = { $source } was confirmed, but no source that was seen in these days fits it
omissions-publish = Publish this record ({ $lookups } of 10 lookups):
omissions-keep = To keep what you confirmed, write in sekisho.toml:
omissions-hopeless-dns = No record can be proposed: the DNS does not answer now.
omissions-hopeless-several-records = No record can be proposed: there are several SPF records, which is an error. Keep one.
omissions-hopeless-unusable = No record can be proposed: it would need more than 10 lookups, or the present one has an error. Take terms out of it first.
signal-signatures-alone = signatures are valid where SPF fails
signal-many-signers = it hands on the signatures of unrelated domains
signal-mailbox-provider = it gives mailboxes to people, who forward mail
signal-low-volume = few mails

## Why a report cannot be read, or does not count

unreadable-empty = There is nothing in it.
unreadable-not-a-report = It is no report of a kind that is read here.
unreadable-missing = Something is missing without which the report means nothing.
unreadable-truncated = It ends too early.
unreadable-ill-formed = It is not well-formed.
unreadable-doctype = It declares a document type, which no report needs and attacks do.
unreadable-depth = Its elements lie too deep in each other.
unreadable-attributes = An element has too many attributes.
unreadable-long = A name, tag or comment is too long.
unreadable-size = It is larger than it may be, or unpacks to more than it may.
unreadable-ratio = It unpacks to more than a hundred times its size, as no report does.
unreadable-entries = The archive has too many entries.
unreadable-layers = Too many archives lie in each other.
unreadable-overlap = Entries of the archive overlap, or lie where none can be.
unreadable-encrypted = The archive is encrypted.
unreadable-method = The archive is compressed in a way that no report is.
unreadable-corrupt = What is packed is damaged.
unreadable-mail-structure = The mail has too many parts, or they lie too deep in each other.
unreadable-plain-text = The mail tells it in prose: no part of it is a report.
reason-place = { $reason } Line { $line }, octet { $octet }.
reason-feedback = Feedback is kept, and not counted.
reason-unsigned = Its sender has not signed it validly (RFC 8460 §3).
reason-no-failure = The mail that it is about did not fail.
reason-stranger = It names no mail of ours.
reason-has-sender = It has a sender, and a notice has none (RFC 5321 §4.5.5).
reason-came-back = Our report { $report } came back: { $why }
reason-untold = no reason is told
reason-counted = It was counted with { $report }.
mended-place = { $mended } Line { $line }; { $times ->
    [one] once
   *[other] { $times } times
}.
mended-truncated = What it was packed in is cut off behind it; the report is whole.
mended-invalid-text = Octets that are no text were replaced.
mended-other-encoding = The text is in another encoding than it says.
mended-unknown-word = A result or policy has a word that nobody defined.
mended-upper-case = A result or policy is in upper case.
mended-old-word = A word of an old draft was taken for the one in its place.
mended-unknown-element = An element was passed over that reports do not have.
mended-unknown-entity = An entity that XML does not define was left as it is.
mended-missing = Something is missing that a report must have.
mended-no-domain = It does not say which domain it is about: nobody who asks about one finds its rows.
mended-bad-count = A count is missing or no number that can be: 1 was taken, or the largest there is.
mended-bad-address = An address is none.
mended-bad-date = A date is missing, none, or in another unit.
mended-swapped-dates = The period ended before it began: both were exchanged.
mended-bad-number = A number is none.
mended-long-value = A long value was cut.
mended-long-list = A long list was cut.
mended-no-rows = Nothing is reported.
mended-trailing = Something stands behind the end.
mended-second-row = A record has more than one row: the last one counts.
mended-second-report = Another report stands behind the end and is not read.
