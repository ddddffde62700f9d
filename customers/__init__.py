"""What customers are, ask and own: people, callers, domains, aliases, inboxes, plans, letters to them.

Stands on mailcore (tables, the clock, the one commit); billing, api, workers and clearpost stand on it.
Must never touch a spool or a socket of mail: the path of a message is mailcore's.

Who they are
    people.py             found by a verified address, and where they belong
    sign_up.py            who may become a person here
    sign_in_links.py      signing in by mail
    sign_in_addresses.py  which addresses may be signed in with
    sign_in_aliases.py    aliases that could sign somebody in as another
    identities.py         signing in by a provider
    passkeys.py           signing in by a passkey
    browser_sessions.py   browsers that are signed in
    address_change.py     another address to sign in with
    team.py               who belongs to an account, as what
    invitations.py        into an account, or to this server
    account_claims.py     an account whose owners are gone
    staff.py              our own people, and what they may look at
    support_grants.py     consent: a customer lets them read the log, for a while
    granted_log.py        what they read under it, each look written down
    queue_health.py       the queue of the whole service in figures, for staff
    person_deletion.py    the end of a person

How they ask
    callers.py            who asks, and what they may
    api_keys.py           made once, shown once, kept as a keyed hash
    oauth_apps.py         apps of third parties, and where they may be answered
    oauth_grants.py       what people let them do: codes, tokens, and who is behind one
    oauth_secrets.py      opaque, of a kind each, kept as keyed hashes
    standing.py           whether those may still ask
    last_use.py           when a key, an app or a browser was used last
    idempotent_answers.py what a POST answered, for when it is sent again
    request_log.py        what was asked of the API
    audit.py              who changed what
    news.py               what is new since a position: log events and changes
    event_feed.py         the same, live, for all who listen in a process

What they have
    accounts.py           the tenant, its limits, and the gate to all it owns
    policy/               what is kept of whom, checked against the tables; as an account is told
    suspension.py         an account that we suspend, for abuse or because we must
    account_export.py     everything an account holds, as a zip
    held.py               what is held of it now, counted
    account_deletion.py   the end of an account
    receipts.py           the signed receipt of that
    domains.py            claimed, shown, deleted
    domain_names.py       which names may be claimed
    ownership.py          pure rules: whose is a name?
    domain_watch.py       looked at when asked and by itself; verified, failing, switched off
    domain_states.py      pure rules: in which state, when to look again, what failing asks for
    domain_answers.py     what DNS says about a name, asked once
    domain_check.py       what that means, and what to mend
    spf_record.py         the same for SPF: the one record to paste
    aliases.py            the alias table as its owner sees it
    alias_bulk.py         many of them in one transaction
    alias_csv.py          aliases as CSV
    destinations.py       the real inboxes
    inboxes.py            many of them looked up at once, new ones made
    confirmations.py      asked by mail whether they want it
    stops.py              wants no more, or wants it again
    cancellation.py       mail that waits for something just deleted
    queue_owner.py        what waits, and what its owner does about it
    trial_message.py      a test message to an alias, through our own mx

What their plan allows
    plan_change.py        from one to another: limits, lane of what waits, what wakes
    surplus.py            what has no room in a plan: shown, paused, woken
    downgrade_grace.py    7 days, then what has no room pauses
    usage_letters.py      80 % of a day's quota, and all of it
    plan_letters.py       what they say about plans

What we write to them
    letters.py            mail of ours to people, asked for in the transaction of its cause
    letter_rates.py       how many to one address, whoever asks
    letter_texts.py       what they say
    letter_desk.py        what the writers of letters have at hand
    signed_links.py       links that are mailed, and stored nowhere
    support_letters.py    what owners read once our staff may look
    suspension_letters.py what they say of a suspended account, and for which reasons
    alert_letters.py      what the operator reads when something is wrong with the service
    notices.py            what owners are told unasked
    undelivered.py        failures that no sender could be told of, until owners are

What we tell everybody
    statements.py         what we attest to every hour, signed
    authority_requests.py what authorities asked us for
    canaries.py           warrant canaries that people signed, and what the newest is worth
    canary_rules.py       pure rules: which may be published
    canary_document.py    what is signed, byte for byte
    canary_signers.py     by whom: three public keys, two of them needed
"""
