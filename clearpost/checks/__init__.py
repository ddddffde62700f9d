"""The doctor's checks, a file for each thing an installation stands on.

finding.py   what a check says: ok, warn or fail, and how to mend it
database.py  PostgreSQL: reachable, new enough, migrated, syncs, its clock, the spool's own
alarm.py     Redis: answers, takes writes, throws nothing away
folders.py   spool and keys: private, writable, synced, room left
ports.py     where we listen: free, or held by a process of ours
names.py     DNS: an answer at all; in production our MX, addresses, reverse names and SPF
identity.py  this machine's clock, the postmaster, the certificate
selling.py   Stripe: the key, what is sold, the webhook endpoint
"""
