"""postmaster@ and abuse@ of a hosted domain (RFC 5321 section 4.5.1, RFC 2142): the owner's, unless an alias
says otherwise.
"""

import pytest

from mailcore import replies
from mailcore.plans import Lane, Plan
from tests.journeys.conftest import Opener
from tests.support.destination import Destination
from tests.support.sender import letter, send
from tests.support.stack import Stack

OWNER = "free@owners.test"


async def reached(stack: Stack, address: str, *inboxes: Destination, port: int = 0) -> list[str]:
    """Whose inboxes a message to this address arrives at."""
    parameters = [] if address.isascii() else ["SMTPUTF8"]
    port = port or stack.settings.mx_port
    reply = await send(port, "ann@sender.test", address, letter(), *parameters)
    assert reply.startswith("250 2.0.0 Queued"), reply
    await stack.idle()
    arrived = [message.rcpt[0] for inbox in inboxes for message in inbox.messages]
    for inbox in inboxes:
        inbox.messages.clear()
    return [line.removeprefix("RCPT TO:<").removesuffix(">") for line in sorted(arrived)]


@pytest.mark.parametrize("role", ["postmaster", "abuse"])
async def test_a_role_is_the_owners_in_any_letters(opened: Opener, role: str) -> None:
    async with Destination() as owners, opened({"owners.test": owners}) as stack:
        await stack.world.domain(stack.account, "xn--mnchen-3ya.test")
        await stack.world.domain(stack.account, "plain.test", plus_addressing=False)
        await stack.start("mx")
        for address in (
            f"{role}@shop.test",
            f"{role.upper()}@SHOP.TEST",
            f"{role.title()}@shop.test",
            f'"{role}"@shop.test',
            f"{role}@plain.test",
            f"{role}@xn--mnchen-3ya.test",
            f"{role}@münchen.test",
        ):
            assert await reached(stack, address, owners) == [OWNER], address


@pytest.mark.parametrize("role", ["postmaster", "abuse"])
async def test_an_alias_of_that_name_says_otherwise(opened: Opener, role: str) -> None:
    async with (
        Destination() as owners,
        Destination() as inbox,
        opened({"owners.test": owners, "inbox.test": inbox}) as stack,
    ):
        await stack.alias(role, "desk@inbox.test", "second@inbox.test")
        await stack.start("mx")
        both = ["desk@inbox.test", "second@inbox.test"]
        for address in (f"{role}@shop.test", f"{role.upper()}@shop.test", f"{role}+ticket@shop.test"):
            assert await reached(stack, address, owners, inbox) == both, address
        other = "abuse" if role == "postmaster" else "postmaster"
        assert await reached(stack, f"{other}@shop.test", owners, inbox) == [OWNER]


async def test_a_catch_all_does_not_take_a_role_but_what_only_looks_like_one(opened: Opener) -> None:
    async with (
        Destination() as owners,
        Destination() as inbox,
        opened({"owners.test": owners, "inbox.test": inbox}) as stack,
    ):
        await stack.alias("*", "all@inbox.test")
        await stack.start("mx")
        for address in ("postmaster@shop.test", "Abuse@shop.test"):
            assert await reached(stack, address, owners, inbox) == [OWNER]
        for address in ("postmaster+tag@shop.test", "postmasters@shop.test", "abuse.desk@shop.test"):
            assert await reached(stack, address, owners, inbox) == ["all@inbox.test"]


async def test_a_tagged_role_without_an_alias_is_no_address(opened: Opener) -> None:
    async with opened({}) as stack:
        await stack.start("mx")
        assert await stack.send("postmaster+tag@shop.test") == replies.UNKNOWN_ALIAS.line()


async def test_an_owner_may_switch_a_role_off_and_a_downgrade_may_not(opened: Opener) -> None:
    async with Destination() as owners, opened({"owners.test": owners}) as stack:
        await stack.alias("abuse", "desk@inbox.test", enabled=False)
        await stack.alias("postmaster", "desk@inbox.test")
        await stack.start("mx")
        assert await stack.send("abuse@shop.test") == replies.ALIAS_OFF.line()
        await stack.world.execute("update alias set paused_at = now() where local_part = 'postmaster'")
        assert await reached(stack, "postmaster@shop.test", owners) == [OWNER]
        await stack.world.execute("update domain set paused_at = now()")
        assert await reached(stack, "abuse@shop.test", owners) == [OWNER]


async def test_a_role_whose_alias_waits_for_its_inbox_waits_too(opened: Opener) -> None:
    async with opened({}) as stack:
        await stack.alias("abuse", "new@inbox.test")
        await stack.world.execute("update destination set confirmed_at = null")
        await stack.start("mx")
        assert await stack.send("abuse@shop.test") == replies.NOT_YET_CONFIRMED.line()


async def test_the_oldest_owner_gets_it_then_an_admin_and_never_a_viewer(opened: Opener) -> None:
    async with Destination() as people, opened({"owners.test": people, "people.test": people}) as stack:
        for number, role in enumerate(("viewer", "member", "admin", "owner")):
            person = stack.world.clock.new_id()
            await stack.world.execute(
                "insert into person (id, email) values ($1, $2)", person, f"{role}@people.test"
            )
            await stack.world.execute(
                "insert into membership (id, account_id, person_id, role, created_at) "
                "values ($1, $2, $3, $4, now() - $5 * interval '1 day')",
                *(stack.world.clock.new_id(), stack.account.id, person, role, 9 - number),
            )
        await stack.start("mx")
        assert await reached(stack, "abuse@shop.test", people) == ["owner@people.test"]
        await stack.world.execute("delete from membership where role = 'owner'")
        assert await reached(stack, "abuse@shop.test", people) == ["admin@people.test"]
        await stack.world.execute("delete from membership where role = 'admin'")
        assert await stack.send("abuse@shop.test") == replies.UNKNOWN_ALIAS.line()


async def test_a_role_of_a_premium_domain_takes_the_fast_lane_through_either_mx(opened: Opener) -> None:
    later = "451 4.2.1 later"
    async with Destination({"RCPT": [later, later]}) as owners, opened({"owners.test": owners}) as stack:
        await stack.world.domain(await stack.world.account("premium", Plan.PREMIUM), "gold.test")
        await stack.start("mx")
        await stack.start("mx", lane=Lane.FAST)
        for port in (stack.settings.mx_port, stack.settings.fast_mx_port):
            reply = await send(port, "ann@sender.test", "postmaster@gold.test", letter())
            assert reply.startswith("250"), reply
        lanes = await stack.world.database.fetch("select lane from delivery")
        assert [row["lane"] for row in lanes] == [Lane.FAST, Lane.FAST]
        await stack.start("worker", lane=Lane.FAST)
        await owners.wait_for(2)
        await stack.idle()
    assert {message.rcpt for message in owners.messages} == {("RCPT TO:<premium@owners.test>",)}


async def test_a_role_counts_against_the_quota_and_shows_in_the_owners_log(opened: Opener) -> None:
    async with Destination() as owners, opened({"owners.test": owners}) as stack:
        await stack.start("mx")
        message_id = await stack.accepted("abuse@shop.test")
        await stack.has_event(message_id, "received", "delivered")
        used = await stack.world.value(
            "select forwarded from usage_day where account_id = $1", stack.account.id
        )
        await stack.idle()
    assert used == 1
