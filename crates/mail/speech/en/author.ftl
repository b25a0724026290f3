### Who the author is

author-domain = the author domain is { $domain }
author-header-too-large = the header is too large to be judged: it may have { $octets } octets and { $fields } fields at most
author-no-from = the mail has no From field
author-empty-from = the From field names nobody
author-several-fields = the mail has several From fields, and a mail program may show any of them: { $text }
author-several-domains = the authors belong to several domains; one of them is { $text }
author-hidden-from = some mail programs take this for a From field, but it is none: { $text }
author-odd-name = a field name reads as From once spaces and control characters are taken out: { $text }
author-no-field-before = a line before From is not a header field, so some mail programs end the header there: { $text }
author-no-field = a line is not a header field, so some mail programs end the header there, and what was signed is body to them: { $text }
author-blank-before = a field before From ends with a line of white space, where some mail programs end the header, so that they show no author
author-hidden-end = a bare line break makes an empty line, where some mail programs end the header: what follows, From or what was signed, is body to them
author-nul = From holds a NUL, where some mail programs stop reading: { $text }
author-bare-break = From holds a CR or an LF that is not a line end: { $text }
author-hidden-break = From holds a character at which some mail programs begin a new line: { $text }
author-blank-line = From is folded over a line of white space, where some mail programs end the header: { $text }
author-control = From holds a control character: { $text }
author-undeclared-charset = From is not UTF-8, and in another character set it would read differently: { $text }
author-unclosed-quote = a quoted string in From has no end: { $text }
author-unclosed-comment = a comment in From has no end: { $text }
author-unclosed-angle = an angle bracket in From has no end: { $text }
author-unclosed-literal = a square bracket in From has no end: { $text }
author-deep-comment = comments in From are nested deeper than mail programs follow
author-group = From names a group and no author: { $text }
author-group-members = From holds a group, which mail programs show in different ways: { $text }
author-no-address = a part of From is not an address: { $text }
author-empty-address = an address in From is empty: { $text }
author-empty-local = an address in From has nothing before the at sign: { $text }
author-empty-domain = an address in From has nothing after the at sign: { $text }
author-two-at-signs = an address in From has two at signs: { $text }
author-route = an address in From names a route, and mail programs show different parts of it: { $text }
author-domain-literal = an address in From has a network address for a domain: { $text }
author-trailing-dot = the domain of an address in From ends with a dot: { $text }
author-bad-domain = the domain of an address in From cannot be the name of a host: { $text }
author-bad-idn = the domain of an address in From is not a valid internationalized name: { $text }
author-split-domain = white space or a comment splits a domain in From, and its first half is a name by itself: { $text }
author-encoded-address = an address in From is written as an encoded word, which is not allowed: { $text }
author-crossed-word = a quote or a comment begins inside an encoded-word and ends outside it, or the other way round, so that some mail programs see another author: { $text }
author-comment-in-address = a comment in From looks like a part of the address: { $text }
author-quoted-at = a quoted local part in From looks like an address itself: { $text }
author-text-before = words stand before an address that has no angle brackets: { $text }
author-text-after = something follows an address in From without a comma: { $text }
author-second-angle = two addresses in From have no comma between them: { $text }
author-address-before = an address of another domain stands unquoted where the display name should be: { $text }
author-semicolon = From holds a semicolon, which some mail programs take for a comma: { $text }
author-unparseable = From cannot be read: { $text }
author-several-authors = From names { $count ->
    [one] one author
   *[other] { $count } authors
 } of one domain
author-sender-missing = From names several authors, but no Sender field says who sent the mail
author-single-label = the author domain { $text } has no dot
author-space-before-colon = white space stands between { $text } and its colon, as only old mail has it, and some mail programs end the header there
author-empty-element = From has one comma too many
author-obsolete-address = an address in From has white space or a comment inside it: { $text }
author-local-part-dots = a local part in From has a dot where the grammar allows none: { $text }
author-unquoted-name = the display name is an address without quotes, of the same domain: { $text }
author-name-address = the display name holds an address of { $text }, which is not the author domain
author-comment-address = a comment in From holds something like an address: { $text }
author-mixed-scripts = a word mixes scripts that do not belong together: { $text }
author-confusable-domain = a label of the author domain looks like the ASCII text { $text }
author-bidi-controls = the display name holds characters that turn the direction of text: { $text }
author-invisible = the display name holds invisible characters: { $text }
author-blank-folded-line = a field is folded over a line of white space, as only old mail is
author-blank-last-line = a field ends with a line of white space, where some mail programs end the header
author-colonless-line = a line of the header has no colon: { $text }
author-odd-field-name = a field name holds characters that no name has: { $text }
author-nul-in-header = the header holds a NUL
author-bare-cr = the header holds a CR without an LF
author-bare-lf = the header holds an LF without a CR
author-line-behind-break = a CR or an LF alone stands before text, where some mail programs begin a new field or end the header: { $text }
author-hidden-line-break = what looks like a field stands behind a character at which some mail programs begin a new line: { $text }
author-not-utf8 = the header holds 8-bit text that is not UTF-8
author-long-line = a line of the header has more than 998 octets
author-no-date = the mail has no Date field
author-duplicate-field = { $name } may stand in a header only once, but is there { $count ->
    [one] once
   *[other] { $count } times
 }
