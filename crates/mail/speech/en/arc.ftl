### ARC: what each rule says. The arguments are those of the step.

arc-none = the mail has no ARC chain
arc-set = set { $instance } was added by { $domain }; it found the chain before it: { $cv }
arc-structure = the ARC fields make no chain: { $reason }{ $instance ->
    [0] { "" }
   *[other] {" "}(instance { $instance })
}
arc-closed = seal { $instance } itself says that the chain was broken before
arc-chain-value = seal { $instance } says cv={ $cv } where only cv={ $expected } is possible
arc-message-fits = message signature { $instance } of { $domain } fits the header
arc-message-differs = message signature { $instance } of { $domain } does not fit: { $reason }
arc-seal-fits = seal { $instance } of { $domain } fits
arc-seal-differs = seal { $instance } of { $domain } does not fit: { $reason }
arc-body-differs = the body was changed after message signature { $instance } was made
arc-body-uncovered = content follows what message signature { $instance } covers
arc-pass = the chain is whole, last sealed by { $domain }
