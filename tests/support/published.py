"""Canaries that are published as our staff or an operator would do it, in a world of a test."""

from datetime import datetime, timedelta
from typing import Any

from customers import canaries
from customers.audit import Actor
from customers.canary_document import Document
from tests.support.api import World
from tests.support.canary_signers import Person, after, canary, signed, signers_file

OPERATOR = Actor("service", "operator")


def name_signers(world: World, *people: Person) -> None:
    """As the setting says, from now on."""
    file = world.runtime.settings.canary_signers
    assert file is not None, "this world has no canary_signers"
    file.write_text(signers_file(*people))


async def publish(world: World, document: Document, *people: Person) -> Document:
    text, signatures = signed(document, *people)
    runtime = world.runtime
    async with runtime.database.session() as session:
        await canaries.publish(session, world.clock, runtime.settings, OPERATOR, text, signatures)
    return document


async def first(world: World, lasts: timedelta = timedelta(days=30), **changes: Any) -> Document:
    """Issued a minute ago."""
    return await publish(world, canary(minutes_ago(world), lasts, **changes))


async def next_after(world: World, before: Document, **changes: Any) -> Document:
    """Issued a minute ago; the one before must be older."""
    return await publish(world, after(before, minutes_ago(world) - before.issued, **changes))


def minutes_ago(world: World, minutes: int = 1) -> datetime:
    return (world.clock.now() - timedelta(minutes=minutes)).replace(microsecond=0)
