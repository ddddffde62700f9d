"""Who sent a message, and how the next server can tell that we passed it on honestly.

Verdicts on arrival (SPF, DKIM, DMARC, ARC), what follows from them, and what we sign. Stands on mailcore's
ground (clock, resolver, keyring); the path of a message stands on it.

    verdicts.py         what was found out, as values
    spf_records.py      what a domain says of those who may send for it
    spf.py              may this client send for this domain? (RFC 7208)
    canonical.py        header fields and bodies in the forms that are signed
    tag_lists.py        the tags of signatures and key records
    txt_records.py      what is asked for in DNS by several names at once
    public_keys.py      keys asked for in DNS
    signatures.py       what a signature says, over what it was made, whether it holds
    dkim.py             the signatures of a message
    arc.py              the chain of those who passed it on
    arc_claims.py       what the first of them says it saw
    author.py           who wrote it, by its From fields
    dmarc_records.py    what a domain asks of receivers, found up the tree (RFC 9989)
    dmarc.py            does the author domain stand behind the message?
    arrival.py          all verdicts on a message, in the time there is
    policy.py           refused, put off or taken; must From be rewritten?
    results.py          all that written down in Authentication-Results, forged ones found
    signing_keys.py     our own keys: made, chosen, kept
    sealing.py          a DKIM-Signature and an ARC set of ours
    from_rewrite.py     From of ours where theirs would be refused
"""
