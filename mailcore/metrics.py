"""What is counted about the path of a message, for Prometheus.

Labels are lanes, reasons and kinds from fixed sets. Must never carry an address, a domain, an
account or anything else that tells one customer from another.
"""

from functools import cache

from prometheus_client import Counter, Gauge, Histogram

_BATCH = (1, 2, 5, 10, 20, 50, 100, 200)
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400)

NO_PROXY_HEADER = Counter(
    "clearpost_mx_no_proxy_header_total", "Connections of load balancers closed for want of a PROXY header"
)
CONNECTIONS = Gauge("clearpost_smtp_connections", "Open connections of this mx process")
_RECEIVED = Counter("clearpost_received_total", "Messages answered 250", ["lane"])
received = cache(_RECEIVED.labels)
REFUSED = Counter("clearpost_refused_total", "Replies that refused, by enhanced status code", ["code"])
SPAM_CHECKS = Counter(
    "clearpost_spam_checks_total", "Messages for rspamd: scored, no-answer, not-asked", ["outcome"]
)
UNCOUNTED = Counter(
    "clearpost_uncounted_total", "Transactions that no rate counted: Redis did not answer in time"
)
ALERTS = Gauge("clearpost_alerts", "Open alerts, by kind; the status page tells them", ["kind"])
ACCEPT_BATCH = Histogram(
    "clearpost_accept_batch_size", "Messages that shared one sync and one transaction", buckets=_BATCH
)
SETTLE_BATCH = Histogram("clearpost_settle_batch_size", "Attempts settled in one transaction", buckets=_BATCH)
_BATCH_SECONDS = Histogram(
    "clearpost_batch_seconds",
    "How long a batch takes: accepted bytes synced, accepted rows committed, ended rows committed",
    ["step"],
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5, 30),
)
BATCH_SYNCED = _BATCH_SECONDS.labels("accept-bytes")
BATCH_COMMITTED = _BATCH_SECONDS.labels("accept-rows")
BATCH_SETTLED = _BATCH_SECONDS.labels("settle-rows")
CLAIM_BATCH = Histogram("clearpost_claim_batch_size", "Deliveries claimed at once", buckets=_BATCH)
_OUTCOMES = Counter("clearpost_attempts_total", "Attempts by lane and outcome", ["lane", "outcome"])
outcomes = cache(_OUTCOMES.labels)
_DELIVERED_AFTER = Histogram(
    "clearpost_accept_to_delivered_seconds", "From 250 to delivered", ["lane"], buckets=_SECONDS
)
delivered_after = cache(_DELIVERED_AFTER.labels)
INTERRUPTED = Counter("clearpost_attempts_interrupted_total", "Attempts whose process died")
STALE_RESULTS = Counter(
    "clearpost_stale_results_total", "Results that came after the lease was lost and were not written"
)
UNSETTLED = Counter(
    "clearpost_unsettled_total", "Results the database would not take; their deliveries are held"
)
LOG_KEYS_MISSING = Counter(
    "clearpost_log_keys_missing_total", "Keys of the log that could not be read or made: rows say nothing"
)
DAMAGED = Counter(
    "clearpost_spool_damaged_total",
    "Records that did not open, or whose key is missing; their deliveries are held",
)
KEY_DESTROYED_AFTER = Histogram(
    "clearpost_key_destroyed_after_seconds",
    "From the commit that ended a message until its key was overwritten and synced",
    buckets=(0.1, 0.25, 0.5, 1, 2, 3, 4, 5, 10, 30, 60, 300, 3600),
)
KEYS_UNDESTROYED = Gauge(
    "clearpost_keys_undestroyed", "Keys of ended messages that this process could not overwrite yet"
)
SEGMENTS_FAILED = Counter(
    "clearpost_spool_segments_failed_total", "Segments that the sweep could not read or overwrite"
)
UNSEALED = Counter(
    "clearpost_unsealed_total",
    "Attempts that sent mail without a seal of ours, by what was lacking",
    ["lack"],
)
SPOOL_FREE = Gauge("clearpost_spool_free_bytes", "Free bytes where the spool lies")
SPOOL_SEGMENTS = Gauge("clearpost_spool_segments", "Segment files in the spool")
QUEUE = Gauge("clearpost_queue_deliveries", "Deliveries in the queue", ["lane", "state"])
QUEUE_AGE = Gauge(
    "clearpost_queue_oldest_seconds", "Age of the oldest delivery in the queue", ["lane", "state"]
)
LEDGER_DIFFERENCE = Gauge(
    "clearpost_ledger_difference",
    "created - delivered - hard-bounced - waiting - held; must be 0",
    ["origin"],
)
WAKEUPS_LOST = Counter(
    "clearpost_wakeups_lost_total", "Wake-ups that Redis did not take; the sweep covers them"
)
BILLING_ODD_PRICES = Gauge(
    "clearpost_billing_odd_prices", "Subscriptions at a price that no setting names; their plans stay"
)
BILLING_DISPUTED = Gauge("clearpost_billing_disputed", "Customers with an open dispute; their plans stay")
BILLING_FAILING = Gauge(
    "clearpost_billing_failing", "Customers that Stripe has not answered for four times in a row"
)
BILLING_AGE = Gauge("clearpost_billing_oldest_seconds", "Age of the oldest news of Stripe not fetched yet")
CSP_REPORTS = Counter("clearpost_csp_reports_total", "Reports of browsers that a page broke our policy")
