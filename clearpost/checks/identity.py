"""This machine's clock, the postmaster and the certificate. Must never show a private key."""

import ctypes
from datetime import datetime, timedelta
from typing import Final

from clearpost.checks.finding import Finding, fail, ok, warn
from mailcore import certificates
from mailcore.clock import Clock
from mailcore.envelope import parse_mailbox
from mailcore.settings import Settings

_TIME_ERROR: Final = 5  # adjtimex(2): the clock is not synchronised
_TIMEX_BYTES: Final = 256  # struct timex is 208 on 64-bit Linux; all zeros asks and changes nothing
_RENEW: Final = timedelta(days=14)


def check(settings: Settings, clock: Clock) -> list[Finding]:
    return [_synchronised(), _postmaster(settings), _certificate(settings, clock.now())]


def _synchronised() -> Finding:
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (AttributeError, OSError):
        state = -1
    if state < 0:
        return ok("clock", "the system does not say whether it is synchronised")
    if state == _TIME_ERROR:
        return warn("clock", "the system's clock is not synchronised", "run chrony or systemd-timesyncd")
    return ok("clock", "the system's clock is synchronised")


def _postmaster(settings: Settings) -> Finding:
    """RFC 5321 section 4.5.1: every domain that takes mail has one."""
    address = settings.postmaster_address
    if not address:
        return ok("postmaster", "the local stack's demo inbox takes mail to postmaster and abuse")
    mailbox = parse_mailbox(address)
    setting = "set CLEARPOST_POSTMASTER_ADDRESS to"
    if mailbox is None or not mailbox.domain:
        return fail("postmaster", "the address is not valid", f"{setting} an address such as ops@example.org")
    if mailbox.domain == settings.service_domain:
        mend = f"{setting} an inbox somewhere else, or its mail goes round in circles"
        return fail("postmaster", "the address is at the service's own domain", mend)
    return ok("postmaster", "is set: mail to postmaster and abuse of the service goes there")


def _certificate(settings: Settings, now: datetime) -> Finding:
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None or key is None:
        what = "STARTTLS uses a self-signed certificate"
        mend = "set CLEARPOST_TLS_CERTIFICATE and CLEARPOST_TLS_KEY: some senders insist on a real one"
        return ok("tls", what) if settings.environment == "local" else warn("tls", what, mend)
    pair = certificates.load(certificate, key)
    if isinstance(pair, str):
        mend = "give the service's user a readable PEM certificate and its own private key"
        return fail("tls", f"the certificate can't be used: {pair}", mend)
    return _validity(pair.expires_at, now)


def _validity(expires_at: datetime, now: datetime) -> Finding:
    left = expires_at - now
    mend = "renew it: a new one is taken without a restart"
    if left <= timedelta(0):
        return fail("tls", "the certificate has expired", mend)
    if left < _RENEW:
        return warn("tls", f"the certificate expires in {left.days} days", mend)
    return ok("tls", f"the certificate is valid for {left.days} days")
