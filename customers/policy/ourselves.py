"""The tables about the service itself, where nobody is named. Must never hold a line of a customer's."""

from typing import Final

from customers.policy.lines import Row

OURSELVES: Final = (
    Row("node", "a machine with a spool", "it stays", numbers="id sweeps created_at"),
    Row(
        "process",
        "a process of ours",
        "a day after it ended",
        words="role lane",
        numbers="id node_id heartbeat started_at beat_at",
    ),
    Row(
        "ledger",
        "how many deliveries began and ended",
        "it stays",
        words="origin",
        numbers="id at created delivered hard_bounced",
    ),
    Row(
        "service_figures",
        "how the service is doing: one row, written anew",
        "it stays",
        words="queues speeds",
        numbers="id at ledger_difference",
    ),
    Row(
        "service_day",
        "what a day came to, for the whole service",
        "it stays",
        words="speeds",
        numbers="day received refused delivered hard_bounced waiting",
    ),
    Row(
        "service_alert",
        "what an operator must see: an address or certificate of ours, a provider in trouble",
        "the trouble is over",
        words="kind subject detail",
        numbers="since seen_at told_at",
    ),
    Row("service_count", "figures that only grow, by name", "it stays", words="name", numbers="count"),
    Row(
        "statement",
        "what we attested to, hour by hour",
        "it stays",
        words="signed key signature",
        numbers="number at",
    ),
    Row(
        "canary",
        "warrant canaries as people signed them",
        "it stays",
        words="document signatures",
        numbers="number published_at",
    ),
    Row(
        "authority_request",
        "that an authority asked us for something, and what came of it",
        "it stays",
        words="kind outcome",
        numbers="id received_on noted_at",
    ),
)
