"""Who sent a message, and how the next server can tell that we passed it on honestly.

Verdicts on arrival (SPF, DKIM, DMARC, ARC), what follows from them, and what we sign. Stands on mailcore's
ground (clock, resolver, keyring); the path of a message stands on it.

    verdicts.py         what was found out, as values
    spf.py              may this client send for this domain? (RFC 7208)
    canonical.py        header fields and bodies in the forms that are signed
"""
