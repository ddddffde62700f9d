"""The path of a message, and the ground it stands on. Imports nothing from api, workers, billing, clearpost.

Read from top to bottom; docs/flow.md tells the same as a story.

In
    smtp_stream.py      one SMTP connection: lines and content in, replies out, TLS, its time
    smtp_session.py     the dialogue on it: commands and their replies
    smtp_dialogue.py    what session and receiver say to each other
    connection_limits.py  who may connect
    networks.py         whom an IP stands for
    reverse_names.py    the name of a client, asked for while it talks
    data_decoder.py     DATA chunk by chunk: the final dot, stuffed dots, the pace
    receiver.py         MAIL, RCPT, DATA -> reply
    envelope.py         addresses and parameters by the grammar of RFC 5321
    routing.py          whose a forward-path is, and where its mail goes
    admission.py        pure decisions: may this recipient, this content be accepted?
    authentication.py   the SPF verdict of the reverse-path
    intake.py           content as it arrives: in memory, or streamed to disk
    content_scan.py     one pass over the chunks: what is refused, Subject and From for the log
    attachments.py      decoded attachment bytes, bounded in time and memory
    refusals.py         what was refused, written behind the reply
    replies.py          every SMTP reply we give

The moment it becomes ours
    submission.py       a complete message, for whom, and its content
    acceptance.py       bytes synced, rows committed, then 250
    quota.py            the daily quota, counted in that transaction
    spool_writer.py     appending: in which order bytes become durable, segment after segment
    spool_segment.py    one segment file under its lock: growing, or at rest
    spool_record.py     one record: its bytes and checksum, written, read, wiped
    spool.py            the spool folder of a node: read, discard
    spool_owner.py      which database a spool belongs to
    spool_walk.py       every record of a spool at rest, without its content
    spool_recovery.py   rows rebuilt from the spool, after a database was set back
    spool_sweep.py      segments reclaimed, survivors copied
    queue.py            messages and deliveries as rows: insert, lease, give back
    queue_claim.py      what a worker leases: whose turn it is, what there is room for
    queue_admin.py      what an operator does to waiting deliveries
    event_log.py        the 7-day log: its only writer and deleter
    log_reader.py       and its reader
    ledger.py           created = delivered + hard-bounced + waiting + held

Out
    delivery.py         one delivery from lease to settlement; first attempts
    lane_worker.py      claims what is due in a lane of this node
    leases.py           who holds a delivery: heartbeats, and what becomes of the dead
    rewriting.py        what we add on top: Received, loop mark
    srs.py              reverse-paths under our domain (pure)
    returns.py          return addresses made, and what comes back to them
    contents.py         content in flight, read once and shared
    transport.py        where to, on which connection, one transaction -> outcome
    next_hops.py        a route, else MX hosts and their public addresses
    providers.py        pacing by destination provider
    connection_pool.py  connections kept per next hop
    connection.py       greeting, EHLO, STARTTLS, commands
    transaction.py      MAIL, RCPT, DATA, dot
    dot_stuffing.py     content as it goes over the wire
    outcome.py          delivered, transient or permanent, made safe to store
    retries.py          pure decisions: what becomes of a delivery after an attempt
    settlement.py       results written down, then bytes discarded
    dsn.py              RFC 3464: write ours, read a returned one
    own_mail.py         the bytes of mail we write ourselves
    letters.py          mail of ours to people, asked for
    letter_rates.py     how many to one address, whoever asks
    letter_texts.py     and what it says
    notices.py          what owners are told unasked
    undelivered.py      failures that no sender could be told of, until owners are
    plan_letters.py     the same about plans
    letter_desk.py      what their writers have at hand
    status_words.py     an enhanced status code in one plain sentence

What customers own
    accounts.py         the tenant, its limits, and the gate to all it owns
    api_keys.py         made once, shown once, kept as a keyed hash
    people.py           found by a verified address, and where they belong
    sign_in_addresses.py  which addresses may be signed in with
    sign_in_aliases.py  aliases that could sign somebody in as another
    sign_up.py          who may become a person here
    sign_in_links.py    signing in by mail
    identities.py       signing in by a provider
    passkeys.py         signing in by a passkey
    browser_sessions.py browsers that are signed in
    last_use.py         when a key, an app or a browser was used last
    oauth_apps.py       apps of third parties, and where they may be answered
    oauth_grants.py     what people let them do: codes, tokens, and who is behind one
    oauth_secrets.py    opaque, of a kind each, kept as keyed hashes
    team.py             who belongs to an account, as what
    invitations.py      into an account, or to this server
    account_claims.py   an account whose owners are gone
    address_change.py   another address to sign in with
    staff.py            our own people, and what they may look at
    policy.py           what is logged of mail, as an account is told
    account_export.py   everything an account holds, as a zip
    account_deletion.py the end of an account
    person_deletion.py  the end of a person
    callers.py          who asks, and what they may
    audit.py            who changed what
    request_log.py      what was asked of the API
    changes.py          what open pages are told of
    news.py             what is new since a position: log events and changes
    event_feed.py       the same, live, for all who listen in a process
    standing.py         whether those may still ask
    queue_owner.py      what waits, and what its owner does about it
    trial_message.py    a test message to an alias, through our own mx
    service_status.py   how the service is doing, for everybody
    signed_links.py     links that are mailed, and stored nowhere
    rates.py            how often, counted in Redis
    idempotent_answers.py  what a POST answered, for when it is sent again
    domains.py          claimed, shown, deleted
    domain_names.py     which names may be claimed
    domain_watch.py     looked at when asked and by itself; verified, failing, switched off
    domain_states.py    pure rules: in which state, when to look again, what failing asks for
    domain_answers.py   what DNS says about a name, asked once
    domain_check.py     what that means, and what to mend
    spf_record.py       the same for SPF: the one record to paste
    ownership.py        pure rules: whose is a name?
    aliases.py          the alias table as its owner sees it
    alias_bulk.py       many of them in one transaction
    alias_csv.py        aliases as CSV
    destinations.py     the real inboxes
    inboxes.py          many of them looked up at once, new ones made
    confirmations.py    asked by mail whether they want it
    stops.py            wants no more, or wants it again
    suppression.py      those who asked to be left alone
    cancellation.py     mail that waits for something just deleted
    plans.py            what each plan allows
    plan_change.py      from one to another: limits, lane of what waits, what wakes
    usage_letters.py    80 % of a day's quota, and all of it
    downgrade_grace.py  7 days, then what has no room pauses
    surplus.py          what has no room in a plan: shown, paused, woken
    errors.py           business errors with a stable code word

Ground
    runtime.py          a process's wiring
    settings.py         every setting, read once
    clock.py            the only one who asks the time
    database.py         the only commit in the tree
    models/             all tables
    batching.py         group commit: callers share the next batch
    jobs.py             wake-ups through Redis
    resolver.py         the DNS questions we ask
    keyring.py          keys on disk, outside the database
    certificates.py     TLS for the mx
    metrics.py          what is counted
    logs.py             JSON lines, ids and kinds only
    crash_points.py     where a test may have a process die; refused in production
"""
