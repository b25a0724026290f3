### The words of the web desk

## The bar, the foot

desk-skip = Skip to the page
desk-rooms = Rooms
desk-today = Today
desk-messages = Messages
desk-message = Message
desk-simulator = Simulator
desk-drop = Drop
desk-start = Connections
desk-sign-out = Sign out
desk-look = Look
desk-look-auto = as the system
desk-look-light = light
desk-look-dark = dark
desk-lang = Language
desk-look-set = Apply
desk-times-utc = All times are UTC.

## Refusals

desk-back-today = To today
desk-nowhere = There is no such page
desk-nowhere-says = The address leads nowhere in this desk.
desk-too-many = Too much at a time
desk-too-many-says = Too many pages of this account are being made at a time, and others want to look, too. Try again in a moment.
desk-no-answer = The books do not answer just now
desk-no-answer-says = The question could not be answered; the log says why. Mail is not affected. Try again in a moment.
desk-unreadable = This cannot be read
desk-unreadable-says = What the browser sent is not something that this page takes.
desk-elsewhere = This form is not from here
desk-elsewhere-says = The browser says that another site sent it. Nothing was done.
desk-unknown-parameter = This page has no `{ $name }`, and passed over it{ $known ->
    [yes] ; did you mean `{ $nearest }`?
   *[no] .
}
desk-wrong-twice = This may stand there once.
desk-wrong-word = `{ $value }` is none of these: { $words }.
desk-wrong-moment = `{ $value }` is no moment. Write 2026-11-23 or 2026-11-23 09:00, in UTC.
desk-wrong-order = This is before the beginning of the span.
desk-wrong-network = `{ $value }` is neither an address nor a network.
desk-wrong-place = `{ $value }` is not where a page ended.
desk-wrong-many = At most { $most } sources can be confirmed at a time; the others were passed over.
desk-not-a-domain = `{ $value }` is not a domain name
desk-not-searched = Nothing was looked for: something of what was asked cannot be read.
desk-no-such-mail = There is no such message
desk-no-such-mail-says = Either it is older than messages are kept, or the address is not complete.
desk-not-taken = This could not be judged

## The sample

desk-sample = A sample day
desk-sample-title = Sample day.
desk-sample-says = Nothing here is real; your own books are untouched.
desk-sample-offer = A made-up day with some thousand mails of made-up domains, judged by the real judges, so that everything can be looked at. It is kept apart from your books and can be removed at any time.
desk-sample-load = Load the sample day
desk-sample-enter = Look at the sample day
desk-sample-leave = Back to my own books
desk-sample-remove = Remove the sample
desk-sample-failed = The sample day could not be made or removed

## Connections

desk-start-says = What reaches this house, and the lines that connect the rest.
desk-link-gate = Mail from the MTA (milter)
desk-link-reports = DMARC and TLS reports from receivers
desk-link-sign = Signing what goes out
desk-link-out = Reports of our own
desk-connected = connected
desk-not-connected = not yet
desk-how-to-connect = How to connect it
desk-seen-since-start = { $count ->
    [0] No conversation with an MTA since the start.
    [one] 1 conversation with an MTA since the start.
   *[other] { $count } conversations with an MTA since the start.
}
desk-reports-since-start = { $count ->
    [0] No report arrived since the start.
    [one] 1 report arrived since the start.
   *[other] { $count } reports arrived since the start.
}

## Today

desk-live = live
desk-today-yours = Mails to { $domains }: those of which every recipient is there.
desk-today-in-name = What is sent in the name of your domains
desk-nothing-yet = No mail in the last 24 hours
desk-nothing-yet-says = Either no MTA is connected, or it has nothing to do. “Connections” shows the lines for Postfix, and can load a sample day.
desk-mails = Mails
desk-last-day = in 24 hours
desk-dmarc-pass = DMARC pass
desk-dmarc-fail = DMARC fail
desk-no-policy = No policy or undecided
desk-quarantined = Quarantined
desk-turned-away = Refused or put off
desk-by-hour = Mails by hour and DMARC result
desk-as-table = The same numbers as a table
desk-hour = Hour
desk-other = other
desk-senders = Busiest author domains
desk-newest-failures = Newest DMARC failures
desk-no-failures = None in the last 24 hours.
desk-all-failures = All failures of the last day
desk-result-pass = pass
desk-result-fail = fail

## Lists of mails

desk-time = Time
desk-author = Author domain
desk-no-author = no author
desk-client = Client
desk-client-or-network = Client or network
desk-decision = Done
desk-decision-pass = passed on
desk-decision-quarantine-header = marked
desk-decision-quarantine-hold = held
desk-decision-tempfail = put off
desk-decision-refuse = refused
desk-policy = Policy
desk-no-record = no record
desk-none-found = none found
desk-any = any
desk-more-fields = Time and more fields
desk-from = From
desk-until = Until
desk-recipient = Recipient domain
desk-signer = Signer (d=)
desk-queue = Queue id
desk-id = Verdict id
desk-search = Search
desk-reset = Start over
desk-no-mails = No mail fits this search.
desk-older = Older
desk-last-week = in the last week
desk-last-month = in the last month

## Message

desk-path = Path
desk-hop-author = Author
desk-hop-sealer = Sealed by (ARC)
desk-hop-client = Handed over by
desk-hop-gate = Judged here
desk-hop-recipients = Recipients
desk-what-proved = What it proves
desk-aligned = aligned
desk-disposition = Asked for
desk-grounds = Grounds
desk-size = Size
desk-copies = Copies seen
desk-result = Result
desk-reason = Reason
desk-unjudged = Nobody judged this mail:
desk-what-if = What if
desk-what-if-says = Records as they could be, one a line: TYPE NAME=DATA
desk-what-if-stuck = the records lead in a circle, and no verdict is reached
desk-judge-again = Judge again
desk-worn = Some of the facts that this verdict rests on are no longer kept, so not every step can be shown again.
desk-facts = Facts
desk-facts-says = What the DNS said when the mail was judged.
desk-no-facts = None are kept.
desk-kind = Type
desk-name = Name
desk-answer = Answer
desk-outcome-nodata = no such record
desk-outcome-nxdomain = no such name
desk-outcome-servfail = the server failed
desk-outcome-timeout = no answer in time
desk-outcome-refused = refused
desk-outcome-truncated = too long
desk-change-breaks = It would fail.
desk-change-harsher = It fails, and would be treated more severely.
desk-change-unknown = Nobody can tell.
desk-change-milder = It fails, and would be treated less severely.
desk-change-mended = It would pass.
desk-change-same = Nothing changes.
desk-change-nothing = Nothing changes.

## Stable phrases of judges and gate

phrase-header-too-large = header too large
phrase-no-from-field = no From field
phrase-empty-from-field = empty From field
phrase-several-from-fields = several From fields
phrase-several-author-domains = several author domains
phrase-hidden-from-field = hidden From field
phrase-odd-from-field-name = odd From field name
phrase-a-line-that-is-no-field-before-from = a line that is no field before From
phrase-a-line-that-is-no-field = a line that is no field
phrase-a-line-of-white-space-before-from = a line of white space before From
phrase-bare-line-break-that-ends-the-header = bare line break that ends the header
phrase-nul-in-from = NUL in From
phrase-bare-line-break-in-from = bare line break in From
phrase-hidden-line-break-in-from = hidden line break in From
phrase-blank-line-in-from = blank line in From
phrase-control-character-in-from = control character in From
phrase-undeclared-character-set-in-from = undeclared character set in From
phrase-unclosed-quote = unclosed quote
phrase-unclosed-comment = unclosed comment
phrase-unclosed-angle-bracket = unclosed angle bracket
phrase-unclosed-domain-literal = unclosed domain literal
phrase-deeply-nested-comment = deeply nested comment
phrase-only-a-group = only a group
phrase-group-among-the-authors = group among the authors
phrase-no-address = no address
phrase-empty-address = empty address
phrase-empty-local-part = empty local part
phrase-empty-domain = empty domain
phrase-two-at-signs = two at signs
phrase-route-address = route address
phrase-domain-literal = domain literal
phrase-trailing-dot-in-the-domain = trailing dot in the domain
phrase-domain-that-is-no-valid-name = domain that is no valid name
phrase-invalid-internationalized-domain = invalid internationalized domain
phrase-domain-broken-by-white-space-or-a-comment = domain broken by white space or a comment
phrase-encoded-word-in-an-address = encoded-word in an address
phrase-quote-or-comment-across-an-encoded-word = quote or comment across an encoded-word
phrase-comment-that-looks-like-a-part-of-the-address = comment that looks like a part of the address
phrase-address-inside-a-quoted-local-part = address inside a quoted local part
phrase-text-before-an-address-without-angle-brackets = text before an address without angle brackets
phrase-text-after-an-address = text after an address
phrase-two-addresses-without-a-comma = two addresses without a comma
phrase-address-of-another-domain-before-the-address = address of another domain before the address
phrase-semicolon-outside-a-group = semicolon outside a group
phrase-unparseable-from = unparseable From
phrase-signature-malformed = signature malformed
phrase-tag-duplicated = tag duplicated
phrase-tag-missing = tag missing
phrase-tag-malformed = tag malformed
phrase-version-unknown = version unknown
phrase-algorithm-unknown = algorithm unknown
phrase-canonicalization-unknown = canonicalization unknown
phrase-query-method-unknown = query method unknown
phrase-from-not-signed = from not signed
phrase-identity-outside-domain = identity outside domain
phrase-expiry-not-after-signing = expiry not after signing
phrase-signature-expired = signature expired
phrase-signed-in-the-future = signed in the future
phrase-key-not-available = key not available
phrase-key-absent = key absent
phrase-key-revoked = key revoked
phrase-key-malformed = key malformed
phrase-key-type-differs = key type differs
phrase-hash-not-allowed-by-key = hash not allowed by key
phrase-key-not-for-email = key not for email
phrase-identity-not-allowed-by-key = identity not allowed by key
phrase-key-too-short = key too short
phrase-key-too-long = key too long
phrase-sha1-not-accepted = sha1 not accepted
phrase-beyond-the-signature-limit = beyond the signature limit
phrase-header-differs = header differs
phrase-key-differs = key differs
phrase-header-or-key-differs = header or key differs
phrase-body-hash-differs = body hash differs
phrase-length-beyond-body = length beyond body
phrase-content-not-covered = content not covered
phrase-body-not-hashed = body not hashed
phrase-instance-malformed = instance malformed
phrase-too-many-instances = too many instances
phrase-set-incomplete = set incomplete
phrase-instance-duplicated = instance duplicated
phrase-message-signature-malformed = message signature malformed
phrase-seal-malformed = seal malformed
phrase-sealed-as-failed = sealed as failed
phrase-chain-value-wrong = chain value wrong
phrase-not-judged-to-the-end = not judged to the end
phrase-the-filter-died-while-it-was-in-work = the filter died while it was in work
phrase-the-filter-failed = the filter failed
phrase-the-header-is-too-large = the header is too large
phrase-monitoring-only = monitoring only
phrase-no-second-ground-to-reject = no second ground to reject
phrase-mailing-list-fields = mailing list fields
phrase-arc-pass = arc=pass

## Drop

desk-drop-says = Drag a mail or a report here, choose its file, or paste it: a mail with its whole header. It is judged or read, and not kept.
desk-drop-file = File
desk-drop-paste = or the mail or report as text
desk-drop-empty = There is nothing in it.
desk-drop-large = Mails and reports of up to 25 MB are taken.
desk-drop-long = Longer than { $most } and therefore not in the form any more; choose or paste it again to judge it again.
desk-drop-no-mail = This is neither a mail, which begins with header fields like “From: …”, nor a report.
desk-dropped-aggregate = DMARC aggregate report
desk-dropped-tls = TLS report
desk-dropped-failure = DMARC failure report
desk-dropped-notice = Notice about a mail
desk-dropped-unreadable = What cannot be read
desk-dropped-mended = What was mended
desk-dropped-contact = Contact
desk-dropped-program = Program
desk-dropped-errors = Errors told
desk-dropped-done = Done
desk-dropped-original = The mail that it is about
desk-dropped-policy-kind = Kind of policy
desk-dropped-policies = Policies
desk-dropped-sessions = Sessions
desk-dropped-successful = Successful
desk-dropped-failed = Failed
desk-dropped-failures = What failed
desk-dropped-way = Result
desk-dropped-sender = Sending host
desk-dropped-receiver = Receiving host
desk-dropped-nothing = It reports nothing.
desk-dropped-around = The mail that brought it
desk-drop-client = `{ $text }` is not an address
desk-judge = Judge
desk-check = Check
desk-before = now
desk-after = then

## Simulator

desk-simulator-says = What would become of a domain's mail if other records were published. Nothing is changed by asking.
desk-simulator-how = Name a domain and the records you think of publishing. Every stream of mail that receivers reported, or that this house saw, is then judged twice: as the DNS is, and as you propose.
desk-domain = Domain
desk-proposed = Proposed records, one a line
desk-proposed-says = A DMARC or SPF record alone, or a line as in a zone file: selector._domainkey.example.org. TXT "v=DKIM1; …"
desk-days = Days to look back
desk-simulate = Simulate
desk-simulate-share = This page's address shows the same to a colleague in this house.
desk-simulate-nothing = Nothing is known about mail of { $domain } in these days: no reports were taken in, and this house saw none.
desk-simulate-seen = { $mails } of these mails were seen by this house
desk-streams = { $streams ->
    [one] 1 stream
   *[other] { $streams } streams
}
desk-simulate-more = … and { $number } more
desk-fate-breaks = would fail
desk-fate-harsher = would be treated harder
desk-fate-unknown = nobody can tell
desk-fate-milder = would be treated milder
desk-fate-mended = would pass
desk-fate-same = unchanged

## Domains

desk-domains = Domains
desk-domains-says = The domains in whose name mail came in.
desk-show = Show
desk-clients = Clients
desk-no-such-domain = This is not the name of a domain
desk-last-days = { $days ->
    [one] the last day
   *[other] the last { $days } days
}
desk-reporters = { $reporters ->
    [0] no receiver reported
    [one] told by 1 receiver
   *[other] told by { $reporters } receivers
}
desk-aligned-any = Aligned
desk-aligned-spf = by SPF
desk-aligned-dkim = by DKIM
desk-not-aligned = not aligned
desk-by-day = Mails by day, aligned and not
desk-day = Day
desk-sources = Who sends
desk-source = Source
desk-signs-or-sends = Signing and MAIL FROM domains
desk-published = What it publishes now
desk-published-unknown = The DNS cannot be asked just now.
desk-findings = What to mend
desk-severity-fault = fault
desk-severity-warning = warning
desk-severity-note = note
desk-spf-cost = It costs { $lookups } of { $limit } lookups ({ $voids } find nothing) and lets { $addresses } IPv4 { $count ->
    [one] address
   *[other] addresses
} pass.
desk-spf-lookup = lookup { $number }
desk-spf-lookup-beyond = lookup { $number }, beyond the limit
desk-spf-networks = and { $number } more networks
desk-spf-more = … and { $number } more lines
desk-spf-several = { $number } records, which is an error
desk-spf-loop = leads back to itself
desk-spf-unfollowed = not followed
desk-spf-void = finds nothing
desk-spf-exchanges = too many mail exchangers
desk-spf-no-record = no SPF record there
desk-spf-unavailable = cannot be had just now
desk-spf-macros = depends on the mail
desk-told-by = Told by
desk-failed = Mails that failed
desk-failed-says = As failure reports tell of single mails. They are not added to the sums above.
desk-what-failed = What failed
desk-became = What became of it
desk-last-arrived = Last (UTC)
desk-simulate-reject = What would p=reject break?

## Whom SPF misses

desk-omissions = Whom SPF misses
desk-omissions-covered = SPF lets { $covered } of { $sources } sources pass that use the domain in MAIL FROM
desk-omissions-nothing = No mail with this domain in MAIL FROM is known for these days.
desk-omissions-none = SPF lets every source pass that uses this domain in MAIL FROM.
desk-omissions-unconfirmed = SPF misses these, and nobody has confirmed that they are yours
desk-omissions-tick = Tick those that send with your will; the record that names them is then proposed. Never tick one that you do not know.
desk-omissions-ours = Ours
desk-omissions-configured = by configuration
desk-omissions-propose = Propose a record
desk-no-such-source = This is not a source

## Reports

desk-reports = Reports
desk-reports-says = What receivers told about your domains, what could not be read, and what this house told others.
desk-reports-in = Taken in
desk-reports-out = Sent by this house
desk-no-reports = No reports yet.
desk-all = all
desk-unreadable-only = unreadable
desk-report = Report
desk-report-about = About
desk-report-from = Submitter
desk-report-kind = Kind
desk-report-state = State
desk-report-channel = Came by
desk-report-kind-dmarc-aggregate = DMARC aggregate
desk-report-kind-dmarc-failure = DMARC failure
desk-report-kind-tls = TLS
desk-report-kind-abuse = abuse
desk-report-kind-fbl = feedback
desk-report-kind-bounce = bounce
desk-report-kind-unknown = unknown
desk-report-state-received = received
desk-report-state-read = read
desk-report-state-unreadable = unreadable
desk-report-state-ignored = left out
desk-report-state-duplicate = counted before
desk-outgoing-planned = planned
desk-outgoing-made = made
desk-outgoing-sent = sent
desk-outgoing-bounced = came back
desk-outgoing-failed = refused for good
desk-outgoing-skipped = not sent
desk-channel-smtp = SMTP
desk-channel-lmtp = LMTP
desk-channel-file = file
desk-channel-http = HTTP
desk-channel-imap = IMAP
desk-channel-maildir = Maildir
desk-channel-mbox = mbox
desk-report-unproven = unproven
desk-report-left-out = unproven, and so left out of the sums
desk-report-distrusted = { $domain }: distrusted (intake.distrusted_reporters), and so left out of the sums
desk-report-to = To
desk-report-evidence = Evidence
desk-report-download = Download as it came
desk-report-parts = What it says
desk-failure-let-go = What it says of the mail is older than the lake keeps it (lake.failure_days).
desk-failure-people = Of addresses the domains alone: people stand in the evidence.
desk-report-rows = rows
desk-report-period = Period
desk-report-id = Report id
desk-report-org = Organisation
desk-report-hash = SHA-256
desk-report-text = The first lines, as text
desk-report-binary = It is compressed or binary, and is shown as nothing but bytes.
desk-report-gone = The evidence cannot be read just now.
desk-no-such-report = There is no such report
desk-no-such-report-says = The address is not complete, or the report is not in these books.

## The way in

desk-sign-in = Sign in
desk-sign-in-nobody = Nobody has an account yet. The terminal or the log of `sekisho serve` shows the link for the first one; `sekisho people invite` makes another.
desk-login = Login
desk-password = Password
desk-code = Code of the second factor
desk-code-says = Six digits, as your authenticator shows them now.
desk-full-name = Name
desk-wrong = Login, password or code are wrong.
desk-wait = Too many attempts. Try again in { $seconds } seconds.
desk-identity = Sign-in by another
desk-identity-with = Sign in with { $name }
desk-identity-join = Join with { $name }
desk-identity-says = { $name } can vouch for you: you then sign in there, and need neither password nor code here.
desk-identity-link = Link the account
desk-identity-unlink = End the link
desk-identity-leave = Go on to { $name }
desk-identity-leave-says = Sign in at { $name } as the one who is to come in to this account from now on.
desk-account-done-identity = The way in by another is changed.
desk-identity-stale = This sign-in is over
desk-identity-stale-says = It took too long, came from another browser, or was used already. Begin again at the door.
desk-identity-silent = The provider of identities does not answer
desk-identity-silent-says = Nobody could be asked who you are; the log says why. Try again in a moment, or sign in with your password.
desk-identity-refused = You are not let in
desk-identity-refused-says = The provider of identities did not vouch for you, or your account is locked. The log says why. Who has a password can sign in with it.
desk-identity-stranger = Nobody here knows you
desk-identity-stranger-says = The provider of identities vouches for you, but no account here is yours, and no rule lets you in. Ask an admin for an invitation, or, where you have an account with a password, sign in and link it on your account page.
desk-identity-known = This identity has an account already
desk-identity-known-says = One identity opens one account. Sign in with it at the door, or end the link on the page of that account.
desk-join = Your account
desk-join-says = This link works once. Choose a login and a password of at least 12 characters.
desk-new-password = A new password
desk-new-password-says = This link works once. Choose a new password of at least 12 characters; the second factor is removed.
desk-join-gone = This link does not work
desk-join-gone-says = It was used, is too old, or is not complete. Ask for a new one: `sekisho people invite` and `sekisho people reset` make them.
desk-join-taken = Somebody has this login already.
desk-join-bad-login = A login has 1 to 64 of these: letters a to z, digits, and . _ - @ +
desk-weak = This password is too short, too long or too easy to guess.
desk-join-do = Create the account
desk-new-password-do = Set the password
desk-not-yours = This is not yours to see
desk-not-yours-says = Your account does not reach this far. An admin of this desk can change that.
desk-stale-form = This form is out of date
desk-stale-form-says = It was made in another session. Go back, load the page again and send it once more.
desk-no-answer-for-people = Nobody can be let in just now

## One's own account

desk-account = Account
desk-account-name = Name and language
desk-account-done-name = Name and language are set.
desk-account-done-password = The password is set; all other sessions have ended.
desk-account-done-second-factor = The second factor is changed; all other sessions have ended.
desk-account-done-token = The token is revoked.
desk-account-done-session = The session has ended.
desk-set = Set
desk-password-now = Present password
desk-password-again = New password, once more
desk-password-differs = The two new passwords differ.
desk-password-ends = All other sessions end.
desk-password-short = A password has at least { $least } characters.
desk-password-long = A password has at most { $most } characters.
desk-password-obvious = This password is too easy to guess.
desk-proof-wrong = The present password or the code is wrong.
desk-second-factor = Second factor
desk-second-factor-says = Six digits of an authenticator app, asked for beside the password at each sign-in.
desk-second-factor-set = Set the second factor
desk-second-factor-remove = Remove the second factor
desk-second-factor-how = Scan this with an authenticator app, then type the code that it shows.
desk-second-factor-drawing = The secret as a QR code
desk-second-factor-typed = Type the secret instead
desk-is-set = set
desk-is-not-set = not set
desk-sessions = Sessions
desk-begun = Begun
desk-last-seen = Last used
desk-this-session = this one
desk-session-end = End
desk-tokens = API tokens
desk-tokens-says = A token lets a program come in your name. It may never do more than you.
desk-tokens-many = You have as many tokens as anybody may. Revoke one first.
desk-token-once = The new token. It is shown this once; whoever has it comes in your name.
desk-token-new = A new token
desk-token-label = Purpose
desk-token-days = Days
desk-token-add = Make a token
desk-token-revoke = Revoke
desk-role = Role

## People

desk-people = People
desk-people-says = Who may come in, and what they may see.
desk-oneself = (you)
desk-invite = Invite somebody
desk-invite-act = Make a link
desk-link-place = It leads to { $place }. Whoever it is for has to reach the desk there; `oidc.desk` in the configuration names another address.
desk-link-once = Give this link to whom it is for. It works once, for three days; whoever has it gets the account.
desk-scope = Domains
desk-scope-says = One a line, each with what is below it. Empty: everything.
desk-scope-bad = This cannot be read: domains are written one a line, 200 at most.
desk-sees-nothing = This account sees nothing: it has no domain.
desk-appoint-says = All sessions of this person end. Empty: everything.
desk-person-change = Change
desk-person-reset = Link for a new password
desk-person-disable = Lock out
desk-person-enable = Let in again
desk-not-oneself = Nobody changes their own rights
desk-not-oneself-says = Another admin can do it, or `sekisho people` in the shell.
desk-nobody = Nobody has this login
desk-nobody-says = The address is not complete, or it was another login.

## Audit

desk-audit = Audit log
desk-audit-says = What people and programs changed, and every look at evidence. Nothing here is ever changed.
desk-audit-who = Who
desk-audit-what = What
desk-audit-subject = To what
desk-audit-nobody = shell or system
desk-audit-stranger = not signed in
desk-audit-empty = Nothing of this kind was done.

## Settings

desk-settings = Settings
desk-settings-no-file = There is no configuration file: all is default.
desk-settings-how = The configuration is a file: change it, let it be checked, and have it read anew. Whoever is in a conversation keeps the old one to its end.
desk-settings-written = What the file says
desk-settings-in-force = What is in force
desk-privacy = What is kept of whose mail
desk-privacy-says = What is kept of a mail rests on the consent of those it is for. Where its recipients have different rules, the strictest holds.
desk-privacy-everybody = everybody else
desk-privacy-whose = Recipients
desk-privacy-kept = Kept
desk-privacy-nothing = nothing
desk-privacy-names = Names before @
desk-privacy-omit = Left out
desk-privacy-long = For
desk-privacy-consent = Consent
desk-privacy-for-ever = ever
desk-privacy-days = { $days } days
desk-privacy-how = How to change this
desk-local-parts-hash = hashed
desk-local-parts-keep = as they are
desk-local-parts-drop = not kept
desk-yes = yes

## Health

desk-health = Health
desk-health-since = Since the start of the daemon,
desk-health-part = Part
desk-health-state = State
desk-health-figure = Figure
desk-health-meaning = What that means
desk-condition-pass = well
desk-condition-odd = look
desk-condition-fail = ill
desk-health-gate = Gate
desk-health-gate-ready = conversations under way, { $begun } since the start: mails are taken.
desk-health-gate-unused = conversations: mails are taken, but no MTA has come yet (see Connections).
desk-health-gate-stopped = conversations under way: no mails are taken.
desk-health-wait = Answers
desk-health-wait-says = is how long half of { $mails } mails waited for their answer; 99 of 100 waited { $most }.
desk-health-wait-none = No mail has waited for an answer yet.
desk-health-judges = Judges
desk-health-judges-well = mails were not judged to their end.
desk-health-judges-broken = mails were not judged to their end, by a fault of ours: they were annotated as unjudged or put off, and the log names them.
desk-health-dns = DNS
desk-health-dns-well = of { $asked } questions got no answer; { $kept } answers are in the cache.
desk-health-dns-ill = of { $asked } questions got no answer: is the name server at hand well? { $kept } answers are in the cache.
desk-health-events = Events
desk-health-events-well = Events are kept since the start, and none is lost; { $unsettled } are not in a table yet.
desk-health-events-failures = Events are kept, but the lake failed { $failures } times and was tried again: look at the disk and the log. { $unsettled } are not in a table yet.
desk-health-events-dropped = Events are kept, and { $dropped } are lost: the lake did not keep up. Look at the disk and the log.
desk-health-lake = Lake
desk-health-lake-well = in { $files } files with { $rows } rows.
desk-health-lake-away = The lake does not answer: the log says why.
desk-health-ledger = Ledger
desk-health-ledger-well = jobs wait or are under way.
desk-health-ledger-dead = jobs wait or are under way; { $dead } were given up after many attempts: they are listed below, with the reason.
desk-health-ledger-away = The ledger does not answer: senders of reports are put off until it does, and mails are judged all the same.
desk-health-disk = Disk
desk-health-disk-well = of the data folder's disk is free ({ $room }).
desk-health-disk-scarce = of the data folder's disk is free ({ $room }): keep fewer days ([lake]) or give it more.
desk-health-disk-full = of the data folder's disk is free ({ $room }): when it is full, reports are put off and Events are lost.
desk-health-disk-away = How full the data folder's disk is cannot be told.
desk-health-process = Process
desk-health-process-says = of memory is resident; { $files } files are open.
desk-health-reloads = Configuration
desk-health-reloads-well = times the configuration was read anew.
desk-health-reloads-refused = times the configuration was read anew; { $refused } times a changed file was refused, and what was before is in force: the log names the faults.
desk-health-jobs = What waits to be done
desk-health-queue = Queue
desk-health-number = Jobs
desk-health-oldest = Oldest
desk-job-waiting = waiting
desk-job-leased = under way
desk-job-dead = given up
desk-given-up = Given up
desk-job-about = About
desk-job-tries = Tries
desk-job-since = Since
desk-job-why = Why it failed last
desk-job-retry = Try again
desk-job-retry-all = Try these { $count } again
desk-health-table = Table
desk-health-days = Days
desk-health-rows = Rows
desk-health-files = Files
