"""A week of mail in an account's log and a month of it in its figures: rows, as no test can wait for them.

The same each time. Must never be what is under test: how rows come to be is tried with real mail.
"""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

from mailcore import event_log
from mailcore.authenticity.verdicts import ArcVerdict, DkimVerdict, DmarcVerdict, SpfVerdict, Verdicts
from mailcore.clock import ShiftedClock
from mailcore.event_log import Answer, Attempt, Event, LoggedMessage
from mailcore.replies import UNKNOWN_ALIAS, queued
from tests.support.site import Customer
from tests.support.world import DomainRow

_SENDERS = (
    "Ines Okafor <ines@northlight.example>",
    "Stripe <receipts@payments.example>",
    "Jonas Berg <jonas@bergwerk.example>",
    "City Library <notices@library.example>",
    "Mei Tanaka <mei@paperlantern.example>",
)
_SUBJECTS = (
    "Invoice 2291 for November",
    "Re: delivery on Thursday",
    "Your parcel is on its way",
    "Question about the blue one",
    "Minutes of Monday's call",
    "Can we move this to 3 pm?",
)
_PER_DAY = (38, 61, 57, 72, 66, 24, 31, 47)  # the oldest day first, today last
_AGES = len(_PER_DAY) - 1


async def lived(customer: Customer, domain: DomainRow, *local_parts: str) -> None:
    """So much mail for these aliases, nearly all delivered; forwarded figures for 30 days."""
    world = customer.site.stack.world
    for age in range(_AGES, -1, -1):
        pairs = [
            _written(customer, domain, age, number, local_parts) for number in range(_PER_DAY[_AGES - age])
        ]
        keys = customer.site.world.runtime.log_keys
        async with world.database.transaction() as tx:
            await event_log.record_messages(tx, keys, [message for message, _ in pairs])
            await event_log.record_events(tx, keys, [each for _, events in pairs for each in events])
    today = world.clock.now().date()
    for age in range(30):
        await world.execute(
            "insert into usage_day (account_id, day, forwarded) values ($1, $2, $3)",
            *(customer.tenant.id, today - timedelta(days=age), _PER_DAY[-1 - age % 8] + age % 5),
        )


def _written(
    customer: Customer, domain: DomainRow, age: int, number: int, local_parts: tuple[str, ...]
) -> tuple[LoggedMessage, list[Event]]:
    # Of the oldest day only what follows is still in the log.
    moment = timedelta(seconds=40 + 7 * number)
    clock = ShiftedClock(moment - timedelta(days=age) if age == _AGES else -timedelta(days=age) - moment)
    received = clock.now()
    message = LoggedMessage(
        clock.new_id(),
        customer.tenant.id,
        domain.id,
        received,
        "192.0.2.7",
        "mail.northlight.example",
        _SUBJECTS[number % len(_SUBJECTS)],
        _SENDERS[number % len(_SENDERS)],
        f"{local_parts[number % len(local_parts)]}@{domain.name}",
        "" if number % 13 == 12 else _found(number).in_words(),
    )
    return message, list(_events(message, age, number))


def _events(message: LoggedMessage, age: int, number: int) -> Iterator[Event]:
    if number % 13 == 12:
        yield event_log.refused(message, UNKNOWN_ALIAS, "192.0.2.1")
        return
    took = timedelta(milliseconds=9)
    yield event_log.received(message, queued(str(message.id)), "192.0.2.1", took)
    attempt = Attempt(message.id, message.account_id, message.received_at, uuid4(), 1)
    if number % 31 == 30:
        gone = Answer("550 5.1.1 No such user", "5.1.1", "192.0.2.25", timedelta(milliseconds=90))
        yield event_log.hard_bounced(attempt, gone, message.received_at + timedelta(seconds=2))
        return
    took = timedelta(
        milliseconds=420 + 17 * (number % 40) + 60 * (age % 3) + (2600 if number % 17 == 0 else 0)
    )
    good = Answer("250 2.0.0 Accepted [TLSv1.3, verified]", "2.0.0", "192.0.2.25", took)
    yield event_log.delivered(attempt, good, message.received_at + took)


def _found(number: int) -> Verdicts:
    """Most mail is genuine; some came through a mailing list, some is forged."""
    signed = (DkimVerdict("pass"),)
    if number % 11 == 7:
        return Verdicts(
            SpfVerdict("fail"), (DkimVerdict("fail"),), DmarcVerdict("fail"), ArcVerdict("pass"), 4.1
        )
    if number % 17 == 5:
        return Verdicts(SpfVerdict("softfail"), (), DmarcVerdict("fail"), spam=9.4)
    return Verdicts(SpfVerdict("pass"), signed, DmarcVerdict("pass"), spam=0.2 + number % 5 / 10)
