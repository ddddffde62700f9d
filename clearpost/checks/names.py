"""DNS: an answer at all; in production also what the world must find under our names.

Must never ask about anybody's names but our own.
"""

import asyncio
from collections.abc import Sequence

from clearpost.checks import sending
from clearpost.checks.finding import Finding, fail, ok, warn
from customers.domains import spf_include
from mailcore.clock import Clock
from mailcore.resolver import Resolver
from mailcore.settings import Settings


async def check(settings: Settings, clock: Clock) -> list[Finding]:
    """In the local stack only the resolver counts: our names live in its own DNS server."""
    resolver = Resolver(settings=settings, clock=clock)
    try:
        answers = await _resolver(settings, resolver)
        if answers.state != "ok" or settings.environment == "local":
            return [answers]
        found = await asyncio.gather(
            _service_mx(settings, resolver),
            _mx_names(settings, resolver),
            sending.check(settings, resolver),
            _spf(settings, resolver),
            _dane(resolver),
        )
        return [answers, *(finding for group in found for finding in group)]
    finally:
        await resolver.close()


async def _resolver(settings: Settings, resolver: Resolver) -> Finding:
    where = ", ".join(settings.dns_servers) or "the system's"
    if (await resolver.mx(settings.service_domain)).status == "failure":
        mend = "correct CLEARPOST_DNS_SERVERS (or /etc/resolv.conf); run a resolver on this machine"
        return fail("dns", f"the resolver gives no answer ({where})", mend)
    return ok("dns", f"the resolver answers ({where})")


async def _service_mx(settings: Settings, resolver: Resolver) -> list[Finding]:
    """Bounces come back to SRS addresses at the service's own domain."""
    domain = settings.service_domain
    answer = await resolver.mx(domain)
    hosts = [host for _, host in answer.hosts]
    ours = {settings.mx_name.lower(), settings.fast_mx_name.lower()}
    if answer.status != "ok" or answer.implicit or not ours & set(hosts):
        mend = f"publish: {domain}. MX 10 {settings.mx_name}."
        return [fail("dns", f"{domain} has no MX of ours, so bounces and postmaster mail are lost", mend)]
    if foreign := sorted(set(hosts) - ours):
        mend = "remove them, unless they hand everything on to us"
        return [warn("dns", f"{domain} has other MX hosts too: {', '.join(foreign)}", mend)]
    return [ok("dns", f"{domain} has our MX")]


async def _dane(resolver: Resolver) -> list[Finding]:
    """Of use only with a resolver on this machine that validates."""
    if not resolver.believes_validation:
        return [ok("dns", "mail is sent without DANE: it needs a resolver on this machine, or is off")]
    if await resolver.validates():
        return [ok("dns", "the resolver validates DNSSEC, so mail is sent with DANE")]
    mend = "have it validate (unbound: auto-trust-anchor-file), or set CLEARPOST_DANE=off"
    return [warn("dns", "the resolver does not validate DNSSEC, so DANE protects nobody", mend)]


async def _mx_names(settings: Settings, resolver: Resolver) -> list[Finding]:
    return [await _has_address(name, resolver) for name in dict.fromkeys(_names(settings))]


def _names(settings: Settings) -> Sequence[str]:
    return settings.hostname, settings.mx_name, settings.fast_mx_name


async def _has_address(name: str, resolver: Resolver) -> Finding:
    answer = await resolver.addresses(name)
    if answer.ips:
        return ok("dns", f"{name} has the address {', '.join(answer.ips)}")
    return fail("dns", f"{name} has no address", f"publish A (and AAAA) for {name}")


async def _spf(settings: Settings, resolver: Resolver) -> list[Finding]:
    """Of SRS addresses, and of what customers include in theirs."""
    findings = []
    for name in (settings.service_domain, spf_include(settings)):
        records = [text for text in (await resolver.txt(name)).strings if text.lower().startswith("v=spf1")]
        if len(records) == 1:
            findings.append(ok("dns", f"{name} has an SPF record"))
        else:
            seen = "several SPF records" if records else "no SPF record"
            mend = f'publish one at {name}, such as: TXT "v=spf1 ip4:YOUR.OUTGOING.ADDRESS -all"'
            findings.append(fail("dns", f"{name} has {seen}", mend))
    return findings
