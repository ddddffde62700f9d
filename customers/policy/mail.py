"""The tables of mail on its way, and of the log. Must never be about anything else."""

from typing import Final

from customers.policy.lines import Row

LOG: Final = (
    Row(
        "log_message",
        "one row for each message and alias",
        "7 days after receipt",
        tells={
            "received_at": "when we received it",
            "id": "an id of ours, random but for the time in it",
            "account_id": "your account",
            "domain_id": "your domain",
            "sealed": "under the keys of account and hour: the fields below",
            "alias_hash": "a keyed hash of the address that it was sent to, to find it by",
            "untagged_hash": "the same of that address without its tag",
            "sender_hash": "the same of the address in From",
            "dmarc_hash": "the same of the result of DMARC",
        },
        sealed={
            "client_ip": "the server that connected",
            "client_name": "its reverse name",
            "subject": "the Subject, at most 998 characters",
            "sender": "From; before the content came, the reverse-path",
            "alias": "the address that it was sent to, tag included",
            "verdicts": "what was found out about the sender: SPF, DKIM, DMARC, ARC, a spam score",
        },
    ),
    Row(
        "log_event",
        "one row for each thing that happened to it",
        "7 days after receipt of the message",
        tells={
            "received_at": "when the message was received: its events go when it goes",
            "id": "the order of writing",
            "xid": "the order of writing",
            "message_id": "the message",
            "account_id": "your account",
            "delivery_id": "which delivery; none for received and refused",
            "at": "when it happened",
            "type": "received, delivered, soft-bounced, hard-bounced or refused",
            "code": "the enhanced status code",
            "duration_ms": "how long the attempt took",
            "attempt": "its number",
            "count": "how many refusals it stands for",
            "sealed": "under the keys of account and hour: the fields below",
        },
        sealed={
            "response": "what the server said, what was found out about the sender and which TLS was used; "
            "at most 500 characters",
            "server_ip": "the server that said it",
        },
    ),
)
WAITING: Final = (
    Row(
        "message",
        "an accepted message for one alias, as long as a delivery of it waits",
        "delivered, or failed for good",
        words="lane origin",
        numbers="id account_id domain_id alias_id recipient node_id segment record_offset record_length "
        "shared sender_authenticated smtputf8 delivered accepted_at",
    ),
    Row(
        "delivery",
        "one message to one destination",
        "delivered, or failed for good",
        tells={
            "provider": "the registrable domain of the mail host tried last, so that one in trouble rests",
        },
        words="lane origin state",
        numbers="id message_id account_id destination_id node_id attempt failures next_attempt_at "
        "lease_owner lease_token cancelled no_domain_since accepted_at",
    ),
    Row(
        "srs_token",
        "a return address that can't carry all it needs (a catch-all, a long sender address)",
        "11 days at most",
        tells={
            "id": "a hash of the return address",
            "sealed": "the sender's address and the alias, under a key that is made from the return address",
        },
        numbers="account_id domain_id may_notify expires_at",
    ),
    Row(
        "undelivered",
        "failures of which no sender could be told, counted for the owner's notice",
        "7 days after the notice; 14 days after their day where nobody could be told",
        tells={
            "alias": "the alias, sealed as the log of that day is: a week later nobody can read it",
            "alias_hash": "a keyed hash of it",
        },
        words="status",
        numbers="id account_id day count noticed_at",
    ),
    Row(
        "provider_pause",
        "a mail provider in trouble, left alone by all processes",
        "an hour after it ended",
        tells={"provider": "the registrable domain of its mail hosts; no account, no address"},
        numbers="until",
    ),
    Row(
        "mta_sts_policy",
        "what destination domains publish about TLS (RFC 8461)",
        "the policy expires",
        tells={
            "name_hash": "a keyed hash of the domain",
            "mx": "keyed hashes of the mail hosts it names",
        },
        words="policy_id mode",
        numbers="fetched_at expires_at",
    ),
    Row(
        "refused_hour",
        "how many refusals of a domain were logged in an hour, so that 100 rows are the most",
        "two hours",
        numbers="domain_id hour count counting_message_id",
    ),
)
