"""The doctor's checks, a file for each thing an installation stands on.

finding.py   what a check says: ok, warn or fail, and how to mend it
database.py  PostgreSQL: reachable, new enough, migrated, syncs, its clock, the spool's own
alarm.py     Redis: answers, takes writes, throws nothing away
folders.py   spool and keys: private, writable, synced, room left
ports.py     where we listen: free, or held by a process of ours
names.py     DNS: an answer at all; in production our MX, addresses and SPF
sending.py   the addresses that mail leaves from: reverse names, EHLO, blocklists
filtering.py rspamd, and whether blocklists answer
canary.py    whether the warrant canary is signed, and how long it holds
alerts.py    what the service itself has found wrong
identity.py  this machine's clock, the postmaster, the certificate
selling.py   Stripe: the key, what is sold, the webhook endpoint
"""
