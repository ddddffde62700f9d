"""The path of a message, and the ground it stands on. Imports nothing from customers, api, workers,
billing, clearpost.

Read from top to bottom; docs/flow.md tells the same as a story.

In
    smtp_stream.py      one SMTP connection: lines and content in, replies out, TLS, its time
    smtp_session.py     the dialogue on it: commands and their replies
    smtp_dialogue.py    what session and receiver say to each other
    proxy_protocol.py   what a load balancer says of its client
    connection_limits.py  who may connect
    networks.py         whom an IP stands for
    reverse_names.py    the name of a client, asked for while it talks
    data_decoder.py     DATA chunk by chunk: the final dot, stuffed dots, the pace
    receiver.py         MAIL, RCPT, DATA -> reply
    envelope.py         addresses and parameters by the grammar of RFC 5321
    reputation.py       what is known of a client before its mail is
    blocklists.py       what DNS blocklists say of an IP
    rspamd.py           what rspamd thinks of a message
    mail_rules.py       what the owner of a domain chose for its mail
    routing.py          whose a forward-path is, and where its mail goes
    alias_lookup.py     what the database holds about it, asked for many at once
    admission.py        pure decisions: may this recipient, this content be accepted?
    authenticity/       who sent a message: verdicts, what follows, what we sign
    intake.py           content as it arrives: in memory, or streamed to disk
    end_of_data.py      what follows the final dot: content, verdicts, policy, acceptance
    content_scan.py     one pass over the chunks: what is refused, Subject and From for the log
    attachments.py      decoded attachment bytes, bounded in time and memory
    refusals.py         what was refused, written behind the reply
    replies.py          every SMTP reply we give

The moment it becomes ours
    submission.py       a complete message, for whom, and its content
    first_attempts.py   room for attempts in the process that accepts
    acceptance.py       bytes synced, rows committed, then 250
    accepted_rows.py    the rows of accepted mail, in one statement
    quota.py            the daily quota, counted in that transaction
    spool_writer.py     appending: in which order bytes become durable, segment after segment
    spool_segment.py    one segment file under its lock: growing, or at rest
    spool_keys.py       a key for each record, in slots that are overwritten
    keys_in_place.py    whether those lie where they were made: an unmounted volume is no new one
    spool_seal.py       how a record is sealed under its key
    spool_record.py     one record: header, content and envelope; written, read, wiped
    spool_plain_record.py  records of releases before they were sealed
    key_wiper.py        ended messages wiped, their keys destroyed for good, a second apart
    spool.py            the spool folder of a node: read, discard
    spool_owner.py      which database a spool belongs to
    spool_walk.py       every record of a spool at rest, without its content
    spool_recovery.py   rows rebuilt from the spool, after a database was set back
    spool_sweep.py      segments reclaimed, survivors copied
    queue.py            messages and deliveries as rows: insert, lease, give back
    queue_claim.py      what a worker leases: whose turn it is, what there is room for
    queue_admin.py      what an operator does to waiting deliveries
    event_log.py        the 7-day log: its only writer and deleter
    log_levels.py       how much of a message the owner of its domain lets it keep
    log_reader.py       and its reader
    log_figures.py      what its rows come to
    log_rows.py         its rows, opened
    log_seal.py         what its rows say, sealed; hashes to find them by
    log_keys.py         under keys for each account and hour
    log_key_files.py    which are files, and are destroyed
    ledger.py           created = delivered + hard-bounced + waiting + held

Out
    delivery.py         one delivery from lease to settlement
    in_process_attempts.py  first attempts where the message was accepted
    lane_worker.py      claims what is due in a lane of this node
    leases.py           who holds a delivery: heartbeats, and what becomes of the dead
    dressing.py         the message as it leaves, and where that is made
    our_fields.py       what goes on top of it: seals, results; From
    fields_process.py   a process that makes them while the loop goes on
    fields_child.py     what runs there
    rewriting.py        trace fields: Received, loop mark
    srs.py              reverse-paths under our domain (pure)
    return_tokens.py    rows of opaque return addresses, sealed
    returns.py          return addresses made, and what comes back to them
    contents.py         content in flight, read once and shared
    transport.py        where to, on which connection, one transaction -> outcome
    next_hops.py        a route, else MX hosts, their public addresses, and the TLS they need
    source_addresses.py where connections leave from, and whether over IPv6
    public_addresses.py addresses that DNS may lead to
    tls_need.py         what is required of TLS on the way to a host (pure)
    dane.py             TLSA records and the certificate they name (pure)
    mta_sts.py          MTA-STS records and policies as text (pure)
    mta_sts_policies.py the policy in force for a domain
    mta_sts_fetch.py    fetched over HTTPS
    mta_sts_table.py    kept over restarts, under hashed names
    providers.py        pacing by destination provider
    slow_providers.py   how many of the slow may be waited for
    deferrals.py        and which of them put off everybody
    outgoing_addresses.py  those that our mail leaves from
    connection_pool.py  connections kept per next hop
    connection.py       greeting, EHLO, STARTTLS, commands
    next_hop_protocol.py  octets on it, replies that are owed, and what nobody asked for
    next_hop_replies.py octets to answers
    outgoing_tls.py     STARTTLS as far as it is needed, and what was proven
    transaction.py      MAIL, RCPT, DATA, dot
    dot_stuffing.py     content as it goes over the wire
    outcome.py          delivered, transient or permanent, made safe to store
    retries.py          pure decisions: what becomes of a delivery after an attempt
    settlement.py       results written down, then bytes discarded
    inbox_health.py     what they tell of the inboxes
    undelivered_counts.py  failures of which no sender could be told
    dsn.py              RFC 3464: write ours, read a returned one
    own_mail.py         the bytes of mail we write ourselves
    status_words.py     an enhanced status code in one plain sentence

Ground
    runtime.py          a process's wiring
    settings/           every setting, read once
    clock.py            the only one who asks the time
    values.py           what a value is on the path of a message
    database.py         the only commit in the tree
    held_connections.py its connections, handed to one user at a time
    models/             all tables
    plans.py            what each plan allows
    suppression.py      inboxes that asked to be left alone
    changes.py          what open pages are told of
    rates.py            how often, counted in Redis
    kept_script.py      a Lua script asked over one connection
    circuit.py          whether somebody who does not answer is asked again
    errors.py           business errors with a stable code word
    service_status.py   how the service is doing, for everybody
    service_alerts.py   what an operator must see
    service_counts.py   figures that only grow
    service_days.py     what each day came to
    holdings.py         what we hold of mail now, in numbers
    batching.py         group commit: callers share the next batch
    jobs.py             wake-ups through Redis
    resolver.py         the DNS questions we ask
    dns_answers.py      what it answers
    dns_servers.py      whom it asks, and whether they are believed about DNSSEC
    keyring.py          keys on disk, outside the database
    attestation.py      what we sign for everybody to check
    sshsig.py           what people signed with ssh-keygen
    certificates.py     TLS for the mx, renewed without a restart
    metrics.py          what is counted
    logs.py             JSON lines, ids and kinds only
    crash_points.py     where a test may have a process die; refused in production
"""
