"""The header fields that we would put on top of a message, made by the very code that sends.

Must never make a key: where this machine has none, only what needs none is shown.
"""

from collections import Counter

from mailcore import rewriting
from mailcore.authenticity import results
from mailcore.authenticity.canonical import header_fields
from mailcore.authenticity.verdicts import Verdicts
from mailcore.clock import Clock
from mailcore.contents import Mail
from mailcore.dressing import Dressing
from mailcore.keyring import Keyring, UnsafeKeyFolder
from mailcore.our_fields import FieldMaker
from mailcore.plans import Lane
from mailcore.queue import Claimed, Lease
from mailcore.settings import Settings
from mailcore.spool_record import Location

_KEYS = ("loop.key", "from.key")  # without these files a keyring would make them


async def added_fields(
    settings: Settings, clock: Clock, content: bytes, verdicts: Verdicts, alias: str
) -> tuple[str, ...]:
    """Those that the message does not have yet, top to bottom, without the loop mark and the Received field
    that every message gets; then what is missing for want of keys, in brackets.
    """
    try:
        header = await _dressed(settings, clock, Mail(content, verdicts), alias)
    except (OSError, UnsafeKeyFolder):
        header = None
    if header is None:
        said = results.authentication_results(settings.service_domain, verdicts)
        return (_text(said), "(seals and signatures are made where the service's keys are)")
    known = Counter(field.raw for field in header_fields(rewriting.header_section(content)))
    new = []
    for field in header_fields(header):
        if known[field.raw]:
            known[field.raw] -= 1
        else:
            new.append(_text(field.raw))
    return tuple(new)


async def _dressed(settings: Settings, clock: Clock, mail: Mail, alias: str) -> bytes | None:
    """The whole header section as an attempt would send it; None where the keys are not here."""
    if not all((settings.key_dir / name).is_file() for name in _KEYS):
        return None
    maker = FieldMaker.open(
        settings.key_dir, settings.service_domain, arc_seal=settings.arc_seal, clock=clock
    )
    dressing = Dressing(clock=clock, keyring=Keyring(settings.key_dir), maker=maker)
    try:
        return (await dressing.of(_delivery(clock, alias), mail)).header
    finally:
        await dressing.close()


def _delivery(clock: Clock, alias: str) -> Claimed:
    """One that nobody has: only its alias and its origin count here."""
    nobody = clock.new_id()
    return Claimed(
        id=nobody,
        lease=Lease(nobody, nobody),
        message_id=nobody,
        account_id=nobody,
        alias_id=None,
        alias_number=0,
        alias_address=alias,
        destination_id=None,
        address="",
        lane=Lane.STANDARD,
        origin="smtp",
        attempt=1,
        failures=0,
        accepted_at=clock.now(),
        no_domain_since=None,
        delivered_before=True,
        reverse_path="",
        sender_authenticated=False,
        smtputf8=False,
        location=Location(nobody, 0, 0),
    )


def _text(field: bytes) -> str:
    return field.decode("utf-8", "backslashreplace").removesuffix("\r\n").replace("\r\n", "\n")
