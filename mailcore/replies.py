"""Every SMTP reply we give: code, enhanced status code, text.

Call sites read as prose because the wording lives here. A reply must never name a destination, quote
what the client sent (but for a domain whose policy speaks), or leak an internal; a fault of ours is always
4xx (RFC 5321 section 4.2.1, enhanced codes of RFC 3463, RFC 5248 and RFC 7372).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """One SMTP reply. `enhanced` is empty only where RFC 2034 forbids it (220, EHLO, 354).

    `by_plan`: a larger plan would have taken the mail.
    """

    code: int
    enhanced: str
    text: str
    by_plan: bool = False

    def line(self) -> str:
        """The reply as sent, without CRLF."""
        return f"{self.code} {self.enhanced} {self.text}" if self.enhanced else f"{self.code} {self.text}"

    @property
    def is_refusal(self) -> bool:
        return self.code >= 400

    @property
    def is_permanent(self) -> bool:
        return self.code >= 500


# Session
START_MAIL_INPUT = Reply(354, "", "End data with <CR><LF>.<CR><LF>")
OK = Reply(250, "2.0.0", "OK")
SENDER_OK = Reply(250, "2.1.0", "Sender OK")
RECIPIENT_OK = Reply(250, "2.1.5", "Recipient OK")
BYE = Reply(221, "2.0.0", "Bye")
READY_FOR_TLS = Reply(220, "2.0.0", "Ready to start TLS")
CANNOT_VERIFY = Reply(252, "2.5.0", "Cannot VRFY user, but will accept the message and try to deliver it")
HELP = Reply(214, "2.0.0", "See RFC 5321")

# Protocol errors
UNKNOWN_COMMAND = Reply(500, "5.5.1", "Command not recognized")
LINE_TOO_LONG = Reply(500, "5.5.2", "Command line too long")
BAD_ARGUMENT = Reply(501, "5.5.4", "Syntax error in parameters")
BAD_PARAMETER = Reply(555, "5.5.4", "Parameter not recognized or not implemented")
NOT_IMPLEMENTED = Reply(502, "5.5.1", "Command not implemented")
SAY_HELLO_FIRST = Reply(503, "5.5.1", "Send EHLO first")
NESTED_MAIL = Reply(503, "5.5.1", "Nested MAIL command")
NEED_MAIL = Reply(503, "5.5.1", "Need MAIL before RCPT")
NEED_RECIPIENT = Reply(503, "5.5.1", "Need RCPT before DATA")
NO_AUTH = Reply(503, "5.5.1", "Authentication is not available on this port")
TLS_UNAVAILABLE = Reply(454, "4.7.0", "TLS not available, try again later")
TLS_ALREADY = Reply(503, "5.5.1", "TLS is already in use")

# Addresses
BAD_REVERSE_PATH = Reply(501, "5.1.7", "Sender address is not valid (RFC 5321 section 4.1.2)")
BAD_FORWARD_PATH = Reply(501, "5.1.3", "Recipient address is not valid (RFC 5321 section 4.1.2)")
NEEDS_SMTPUTF8 = Reply(553, "5.6.7", "Address is not ASCII, use the SMTPUTF8 parameter")
UNKNOWN_ALIAS = Reply(550, "5.1.1", "No such address here")
ALIAS_OFF = Reply(550, "5.2.1", "This address is switched off by its owner")
ALIAS_PAUSED = Reply(
    550, "5.2.1", "This address is paused: its owner's plan has no room for it", by_plan=True
)
DOMAIN_PAUSED = Reply(
    550, "5.2.1", "This domain is paused: its owner's plan has no room for it", by_plan=True
)
SUSPENDED_LATELY = Reply(450, "4.2.1", "This address is suspended at present, try again later")
SUSPENDED = Reply(550, "5.2.1", "This address is suspended")
FORWARDS_NOWHERE = Reply(550, "5.2.1", "This address forwards nowhere at present")
NOT_YET_CONFIRMED = Reply(450, "4.2.1", "This address is being set up, try again later")
DOMAIN_OFF = Reply(550, "5.7.1", "The DNS of this domain has not led here for days, it is not served now")
NOT_OURS = Reply(550, "5.7.1", "This domain is not served here")
DOMAIN_NOT_YET_VERIFIED = Reply(451, "4.7.1", "This domain is being verified, try again later")
NOT_A_NOTIFICATION = Reply(554, "5.6.0", "This address takes delivery status notifications only (RFC 3464)")
BAD_SRS = Reply(550, "5.1.1", "This return address is not valid or has expired")
REPLY_TO_INSTEAD = Reply(
    550, "5.1.1", "This address only stands for the author of a forwarded message, write to its Reply-To"
)

# Limits
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "Too many recipients, send the rest in another transaction")
OTHER_CLASS = Reply(452, "4.5.3", "Send this recipient in another transaction")
OVER_QUOTA = Reply(
    452,
    "4.2.2",
    "The daily message limit of this account's plan is reached, try again tomorrow",
    by_plan=True,
)
TOO_LARGE_FOR_ALL = Reply(552, "5.3.4", "Message is larger than any plan allows")
TOO_MANY_CONNECTIONS = Reply(421, "4.7.0", "Too many connections, try again later")
TOO_MANY_ERRORS = Reply(421, "4.7.0", "Too many errors, closing the connection")
TOO_MANY_IDLE_COMMANDS = Reply(421, "4.7.0", "Too many commands without a message, closing the connection")
CLIENT_TOO_OFTEN = Reply(451, "4.7.1", "Too many messages a minute from your address, try again later")
SENDER_TOO_OFTEN = Reply(451, "4.7.1", "Too many messages a minute from this sender, try again later")
IDLE_TOO_LONG = Reply(421, "4.4.2", "Idle too long, closing the connection")
DATA_TOO_SLOW = Reply(421, "4.4.2", "Data arrives too slowly, closing the connection")
LANE_BUSY = Reply(451, "4.3.2", "Busy with other mail, try the next MX")
SHUTTING_DOWN = Reply(421, "4.3.2", "Server is restarting, try again in a moment")
OUT_OF_MEMORY = Reply(452, "4.3.1", "Too much mail in progress, try again later")

# Content
BARE_LINE_BREAK = Reply(
    550, "5.5.2", "Message has a bare CR or LF, lines must end with CRLF (RFC 5321 section 2.3.8)"
)
HAS_NUL = Reply(550, "5.6.0", "Message has a NUL byte (RFC 5321 section 4.5.2)")
LINE_OF_CONTENT_TOO_LONG = Reply(550, "5.6.0", "Message has a line longer than 64 kB")
HEADER_TOO_LARGE = Reply(552, "5.3.4", "Message header is larger than 256 kB")
TOO_MANY_FIELDS = Reply(552, "5.3.4", "Message header has more than 2000 fields")
TOO_DEEP = Reply(554, "5.6.0", "Message has more than 100 nested parts")
LOOP = Reply(554, "5.4.6", "Message loops: it has passed here or elsewhere too often")

# Faults of ours: always temporary
TRY_LATER = Reply(451, "4.3.0", "Temporary local problem, nothing was accepted, try again later")
DISK_FULL = Reply(452, "4.3.1", "Insufficient storage, try again later")
FAULT_IN_DATA = Reply(421, "4.3.0", "Temporary local problem, nothing was accepted, closing the connection")


def greeting(hostname: str) -> Reply:
    return Reply(220, "", f"{hostname} ESMTP Clearpost")


def queued(message_id: str) -> Reply:
    return Reply(250, "2.0.0", f"Queued as {message_id}")


def too_large_for_plan(plan: str, limit_bytes: int) -> Reply:
    """The recipient's plan caps the message; the refusal names the limit so that the sender can act."""
    return Reply(
        552,
        "5.3.4",
        f"Message is larger than the recipient's plan ({plan}) allows: {limit_bytes} bytes",
        by_plan=True,
    )


def listed(zone: str) -> Reply:
    """At first: many a listing is gone before the client comes again."""
    return Reply(451, "4.7.1", f"Your address is on the blocklist {zone}, try again later")


def listed_for_long(zone: str) -> Reply:
    return Reply(
        554, "5.7.1", f"Your address is on the blocklist {zone}; if that is wrong, write to postmaster here"
    )


def dmarc_refused(domain: str) -> Reply:
    """X.7.26 is RFC 7372's code for a message that no way of authenticating it bears out."""
    return Reply(
        550,
        "5.7.26",
        f"The DMARC policy of {domain} is reject, and neither SPF nor DKIM shows that this message is from "
        "there; send it through servers of that domain, or have it signed by it",
    )


TOO_MANY_AUTHORS = Reply(
    550, "5.7.26", "The From field names more authors than can be asked about (DMARC); name fewer"
)


def dmarc_undecided(domain: str) -> Reply:
    return Reply(
        451, "4.7.0", f"DNS does not say now whether this message is from {domain} (DMARC), try again later"
    )


def spam(score: float, threshold: float) -> Reply:
    """Names both numbers, so that whoever is refused wrongly knows what to ask for."""
    return Reply(
        550,
        "5.7.1",
        f"Message looks like spam: score {score:.1f}, this recipient takes less than {threshold:g}",
    )


def attachments_too_large(plan: str, limit_bytes: int) -> Reply:
    return Reply(
        552,
        "5.3.4",
        f"Attachments are larger than the recipient's plan ({plan}) allows: {limit_bytes // 1_048_576} MB",
        by_plan=True,
    )
