### What was not asked, and what the policy of the house makes of all checks.

envelope-no-client-address = not asked: the address of the sending client is not known (--client-ip)
envelope-told-by-border = not judged here: an MTA of the house found that SPF passes for { $domain }
envelope-no-mail-from = not asked: the MAIL FROM address is not known (--mail-from)
envelope-no-helo = not asked: the HELO name is not known (--helo)
verdict-author = without exactly one author domain a mail is refused ({ $reason })
verdict-accept = nothing speaks against accepting the mail (DMARC: { $dmarc })
verdict-quarantine = DMARC fails, and the domain owner asks for quarantine
verdict-reject-needs-more = DMARC fails, and the domain owner asks for rejection; that alone is not enough to reject, so the mail goes to quarantine
verdict-arc-override = DMARC fails here, but a trusted sealer saw it pass before
verdict-arc-uncounted = a trusted sealer saw DMARC pass before, but that does not count: mail programs could show other things than were sealed
verdict-try-later = the DNS could not answer, and the answer could change the verdict: the sender should try again
verdict-temperror-without-effect = the DNS could not answer, but the policy asks for nothing either way
verdict-broken-off = a judge asked again for what it was told, so whatever was not judged by then is a temporary error; this is a fault in Sekisho, please report it
