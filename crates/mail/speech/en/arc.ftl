### ARC: what each rule says. The arguments are those of the step.

arc-none = no ARC chain
arc-set = set { $instance } by { $domain }, which found the chain before it: { $cv }
arc-structure = the ARC fields make no chain: { $reason } (instance { $instance })
arc-closed = seal { $instance } itself says that the chain was broken before
arc-chain-value = seal { $instance } says cv={ $cv } where only cv={ $expected } can be
arc-message-fits = message signature { $instance } of { $domain } fits the header
arc-message-differs = message signature { $instance } of { $domain } does not fit: { $reason }
arc-seal-fits = seal { $instance } of { $domain } fits
arc-seal-differs = seal { $instance } of { $domain } does not fit: { $reason }
arc-body-differs = the body is not the one that message signature { $instance } covers
arc-body-uncovered = content follows what message signature { $instance } covers
arc-pass = the chain is whole, last sealed by { $domain }
