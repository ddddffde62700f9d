"""What the policy says around its tables. Must never promise what only another machine could keep."""

from typing import Final

PROMISE: Final = (
    "An accepted message is saved until it is delivered or has failed for good, then it is deleted. For "
    "seven days a few data points stay so that its owner can see what happened. This page lists them to "
    "the column.",
)
CONTENT: Final = (
    "Subject and From are copied into the log, as listed below. Nothing else of a message's content is "
    "stored anywhere but in the spool: no column can hold it, and process logs hold ids and counts only.",
    "What waits in the spool is encrypted, each message under a random key of its own (AES-256-GCM). Keys "
    "lie in the key folder, outside the database and outside backups. When the last delivery of a message "
    "has ended and that is committed, its key and its bytes are overwritten with zeros, the key on disk "
    "within 5 seconds (99 of 100 times); what a crash left is done within a minute. Without its key a "
    "message is unreadable, whatever copies of its bytes are left. Overwriting the key is what software "
    "can do: a copy-on-write file system, the spare cells of flash memory or a snapshot of the key "
    "folder's disk may keep what was there before.",
    "What waits longer, waits longer: up to 4 days, then it is given up and deleted.",
)
LOG: Final = (
    "The seven days count from receipt, so a message's timeline vanishes whole. Reads stop at seven days "
    "exactly, whatever upkeep did; rows are deleted every hour, and a day's partition is dropped once it "
    "is empty. What a row says (addresses, names, Subject, answers of servers) is sealed before it "
    "reaches the database, under a key made of the account's own and the hour's, which lie in the key "
    "folder. The hour's key is destroyed 7 days after its hour, so 7 days and an hour after receipt at the "
    "latest the row is unreadable wherever a copy of it lies: in PostgreSQL's files, in its write-ahead "
    "log, in replicas and backups. In clear stand ids, times, types, codes and counts.",
    "Refusals before acceptance are logged for verified domains, at most 100 rows for each domain and "
    "hour, then one row that counts.",
)
LEVELS: Final = (
    ("`full`", "all fields above"),
    ("`no-subject`", "no Subject, and nothing of it where a server repeats it in its answer"),
    ("`no-sender`", "no From and no reverse-path; where an answer names an address, it reads [address]"),
    (
        "`failures`",
        "the fields of messages that were refused, put off or failed; of others ids, times and types: "
        "such a message is counted and is read by its id, and stands in no list",
    ),
)
WAITING: Final = (
    "`message` and `delivery` rows hold what delivering needs, and are deleted with the delivery. Each "
    "record in the spool carries a copy of its envelope, and goes with it. So do the verdicts on its "
    'sender (SPF, DKIM, DMARC, ARC); the log keeps their words alone ("spf=pass dkim=pass").',
)
SETTINGS: Final = (
    "What you enter yourself stays until you delete it. It is yours to read and to change, so it is "
    "stored in clear: addresses of aliases and inboxes too. What was deleted stays in backups and in the "
    "database's write-ahead log until the operator overwrites those.",
)
PEOPLE: Final = (
    "What names a person. None of it is a secret that opens anything: those are kept as keyed hashes.",
)
DONE: Final = (
    "Reads of `audit_event` stop at 30 days and of `request_log` at 7 days exactly; the rows are deleted "
    "every hour.",
)
OURSELVES: Final = ("Counts, and what we publish about ourselves: nobody's data.",)
REDIS: Final = (
    "Numbers under keyed hashes, gone by themselves, and wake-ups. Without the key folder nobody reads "
    "from it who they are.",
)
KEYS: Final = (
    "Keys lie in a folder of their own, outside the database and outside backups, readable by the service "
    "alone (mode 0700).",
)
LOGS: Final = (
    "Processes of ours log events by name, with ids, kinds and counts: no address, no subject, no IP, no "
    "content, at any level. The database's server is told to log no row of a failed statement and no "
    "parameter (`clearpost doctor` checks that). No process leaves a core dump. The figures for the "
    "operator (metrics) have no label that tells one customer from another.",
)
ASKED: Final = (
    "Where the operator has set one, a spam filter (rspamd) is shown each message of at most "
    "`CLEARPOST_RSPAMD_MOST_BYTES` once, before it is accepted, with the client's IP, name and HELO and "
    "the reverse-path, not the alias or the destination, and is asked to write nothing of it down; its "
    "score stands in the log as part of the event's response. What it keeps is set in its own "
    "configuration, not here. A domain's owner switches it off.",
    "Blocklists, where set, are asked by DNS about the client's IP. DNS is asked about domains that mail "
    "comes from and goes to. Stripe, where something is sold, knows who pays; sign-in providers know who "
    "signs in with them.",
)
SEEN: Final = (
    "An account's key opens that account's log and nothing else. The operator's commands show ids, states "
    "and codes, no address. An operator who has both the database and the key folder could look; the policy "
    "is that they do so only when the customer asks, and nothing but that stops them.",
    "Staff are marked by `clearpost staff add` on the server and sign in with a passkey. Their role of "
    "the database reads accounts, their people, domains, usage, what it pays and the queue's figures, and "
    "no alias or destination. Each look at an account is a line in its audit log. They may suspend "
    "one: `account` then holds since when, for which of six reasons, and the note that its owners got, "
    "until that is taken back.",
    "Of a log staff see nothing, unless an admin of its account has let them: for some domains or all, for "
    "an hour to seven days, ended at once by whoever wants it ended. Until then the database gives their "
    "role no row of it. Each look is a line in the account's audit log that says who looked, when, and at "
    "which messages; so is each attempt that was refused. How often staff looked, in all, is told in the "
    "signed statements.",
)
OTHERS: Final = (
    "A destination address never appears in an SMTP reply, in a bounce, or in a header the sender can "
    "see. The destination's server sees the sender's message, a return address of ours, our Received "
    "field with the server that connected to us, and our loop mark, which is opaque without our key.",
)
