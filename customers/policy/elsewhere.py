"""What is kept outside the tables: in Redis, in files, in browsers, in logs of processes.

Must never leave out a key or a file that names somebody: a test compares both with what a service leaves.
"""

from typing import Final

from customers.policy.lines import Place

REDIS: Final = (
    Place(
        "rate:*",
        "how often a client (its IP, or /64), a reverse-path, a key or an address did something: a number "
        "under a keyed hash",
        "as long as it counts: a minute for mail, at most a day",
    ),
    Place(
        "seen:*",
        "since when a client has been seen on a blocklist: a moment under a keyed hash",
        "it has not come for a day and `CLEARPOST_BLOCKLIST_PATIENCE`",
    ),
    Place("clearpost:*", "that a lane of a machine should look, and who listens", "a second"),
    Place("arq:*", "the same, as the library for it writes it", "a second"),
)
SPOOL: Final = (
    Place(
        "segments/*.seg",
        "accepted mail that waits, with its envelope, each message sealed under a key of its own",
        "within a minute of its end",
    ),
    Place(
        "segments/*.long",
        "what has waited for longer than half a minute, moved together",
        "within a minute of its end",
    ),
    Place("node", "the machine's own id", "it stays"),
    Place("keys-made", "that the machine's part of the key folder was made", "it stays"),
    Place("database", "which database this spool belongs to", "it stays"),
)
KEYS: Final = (
    Place("*.key", "the service's own keys: for return addresses, links, hashes, signatures", "it stays"),
    Place(
        "spool/*/*.keys",
        "a random key for each message that waits",
        "overwritten within 5 seconds of its end, 60 after a crash; the file goes with its segment",
    ),
    Place(
        "hours/*.key",
        "what seals the log of an hour, together with the account's",
        "overwritten 7 days after the hour; from then on nothing sealed under it can be read",
    ),
    Place(
        "accounts/*.key",
        "what seals the log of an account, together with the hour's",
        "overwritten when the account is deleted; its empty file stays for 8 days",
    ),
    Place("dkim/*/*", "what we sign mail with", "retired by the operator"),
    Place("tls.pem", "a certificate of our own, where none is set", "it is renewed"),
)
COOKIES: Final = (
    Place("clearpost_session", "that you are signed in", "signed out, or 30 days"),
    Place("clearpost_sign_in", "a sign-in under way", "an hour"),
    Place(
        "clearpost_known",
        "a keyed hash of the address that you signed in with here, so that strangers can't use up your "
        "letters",
        "a year",
    ),
    Place("clearpost_staff", "that one of our staff is signed in", "signed out, or a working day"),
)
