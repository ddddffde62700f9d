"""DKIM and ARC: a key that signs, its record where the world looks for it. Must never show a private key."""

import asyncio
from typing import Final

from clearpost.checks.finding import Finding, fail, ok, warn
from mailcore.authenticity.public_keys import Flaw, read_record
from mailcore.authenticity.signing_keys import KeyFolder, SigningKey, load
from mailcore.clock import Clock
from mailcore.resolver import Resolver
from mailcore.settings import Settings

_AREA: Final = "dkim"


async def check(settings: Settings, clock: Clock) -> list[Finding]:
    """Of each domain that we have keys of; the service's own must be among them."""
    folder = KeyFolder(settings.key_dir)
    resolver = Resolver(settings=settings, clock=clock)
    try:
        domains = dict.fromkeys([settings.service_domain, *folder.domains()])
        return [await _of(domain, folder, resolver, settings) for domain in domains]
    finally:
        await resolver.close()


async def _of(domain: str, folder: KeyFolder, resolver: Resolver, settings: Settings) -> Finding:
    try:
        selector = folder.signing(domain)
        if not selector:
            mend = "nothing to do: the first start makes one, and `clearpost init` shows its record"
            return warn(_AREA, f"{domain} has no key that signs yet", mend)
        key = await asyncio.to_thread(load, domain, folder.file(domain, selector))
    except (OSError, ValueError) as error:
        mend = "run doctor as the user that runs the service; else `clearpost dkim new` and `use`"
        return fail(_AREA, f"the key that signs for {domain} can't be read ({type(error).__name__})", mend)
    wrong = await unpublished(key, resolver)
    if not wrong:
        return ok(_AREA, f"{key.record_name} shows the key that signs for {domain}")
    said = warn if settings.environment == "local" else fail
    mend = f"publish what this prints: clearpost dkim record --domain {domain} {selector}"
    return said(_AREA, f"{key.record_name} {wrong}: what we sign proves nothing", mend)


async def unpublished(key: SigningKey, resolver: Resolver) -> str:
    """What is wrong with the record of this key, in words; empty where DNS shows it."""
    answer = await resolver.txt(key.record_name)
    if answer.status == "failure":
        return "is not answered for"
    if not answer.strings:
        return "has no record"
    if len(answer.strings) > 1:
        return "has several records"
    found = read_record(answer.strings[0])
    if isinstance(found, Flaw):
        return f"has a record that is of no use ({found.reason})"
    ours = read_record(key.record)
    assert not isinstance(ours, Flaw), "our own record is one"
    return "" if found.key == ours.key else "has the record of another key"
