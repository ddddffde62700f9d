"""Changing a plan: what pauses after a downgrade, what wakes with an upgrade. Rows are written directly."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from customers import plan_change, surplus
from customers.audit import SERVICE
from mailcore import routing
from mailcore.clock import Clock
from mailcore.database import Database, LaneOfNode
from mailcore.envelope import parse_mailbox
from mailcore.keyring import Keyring
from mailcore.plans import Plan, limits_for
from tests.support.world import AccountRow, DomainRow, World
from workers.plans import settle_downgrades

CLOCK = Clock()


class Ground(World):
    """A world whose wake-ups are noted."""

    woken: list[LaneOfNode]
    keyring: Keyring

    async def set_plan(self, account: AccountRow, plan: Plan) -> bool:
        async with self.database.session() as session:
            return await plan_change.set_plan(session, CLOCK, account.id, plan, SERVICE)

    async def settle(self) -> None:
        """What upkeep does every minute."""
        await settle_downgrades(self.database, CLOCK)

    async def pass_grace(self, account: AccountRow) -> None:
        """The owner was warned, and the last day is over."""
        await self.execute(
            "update account set surplus_pauses_at = now() - interval '1 second', surplus_told = 2 "
            "where id = $1",
            account.id,
        )
        await self.settle()

    async def aliases(self, domain: DomainRow, *names: str) -> None:
        for name in names:
            await self.alias(domain, name, "you@inbox.test")

    async def paused(self) -> set[str]:
        rows = await self.database.fetch(
            "select name from domain where paused_at is not null union all "
            "select a.local_part || '@' || d.name from alias a join domain d on d.id = a.domain_id "
            "where a.paused_at is not null"
        )
        return {row["name"] for row in rows}

    async def reached(self, address: str) -> list[str]:
        """Where mail to it goes."""
        mailbox = parse_mailbox(address)
        assert mailbox
        resolved = await routing.Routes(self.database, self.keyring).resolve(mailbox, CLOCK.now())
        assert isinstance(resolved, routing.Resolved)
        return [each.address for each in resolved.recipient.destinations]

    async def letters(self) -> list[str]:
        return [row["kind"] for row in await self.database.fetch("select kind from letter order by id")]


@pytest.fixture
async def ground(database_url: str, tmp_path: Path) -> AsyncIterator[Ground]:
    woken: list[LaneOfNode] = []
    database = await Database.open(database_url, size=3, wake=woken.extend)
    world = Ground(database, CLOCK)
    world.woken = woken
    world.keyring = Keyring(tmp_path / "keys")
    yield world
    await database.close()


async def crowded(ground: Ground) -> AccountRow:
    """On premium with three domains, the first with 27 aliases: free has room for one domain, 25 aliases."""
    account = await ground.account("premium")
    first = await ground.domain(account, "first.test")
    await ground.aliases(first, *(f"a{n:02}" for n in range(27)))
    for name in ("second.test", "third.test"):
        await ground.aliases(await ground.domain(account, name), "hello")
    return account


async def test_a_downgrade_pauses_nothing_within_its_grace(ground: Ground) -> None:
    account = await crowded(ground)
    assert await ground.set_plan(account, Plan.FREE)
    left = await ground.value("select surplus_pauses_at - now() from account where id = $1", account.id)
    assert left.total_seconds() == pytest.approx(7 * 86_400, abs=60)
    await ground.settle()
    assert await ground.paused() == set()
    assert await ground.letters() == ["plan-surplus"]


async def test_after_the_grace_exactly_the_newest_pause(ground: Ground) -> None:
    account = await crowded(ground)
    await ground.set_plan(account, Plan.FREE)
    await ground.pass_grace(account)
    assert await ground.paused() == {"second.test", "third.test", "a25@first.test", "a26@first.test"}
    assert await ground.letters() == ["plan-paused"]
    await ground.settle()
    assert await ground.letters() == ["plan-paused"]


async def test_an_upgrade_wakes_exactly_what_the_downgrade_paused(ground: Ground) -> None:
    account = await crowded(ground)
    await ground.execute("update alias set enabled = false where local_part = 'a26'")
    await ground.set_plan(account, Plan.FREE)
    await ground.pass_grace(account)
    await ground.set_plan(account, Plan.PREMIUM)
    assert await ground.paused() == set()
    assert await ground.value("select surplus_pauses_at from account") is None
    assert await ground.value("select enabled from alias where local_part = 'a26'") is False


async def test_an_upgrade_within_the_grace_ends_it(ground: Ground) -> None:
    account = await crowded(ground)
    await ground.set_plan(account, Plan.FREE)
    await ground.set_plan(account, Plan.PREMIUM)
    await ground.settle()
    assert await ground.value("select surplus_pauses_at from account") is None
    assert await ground.letters() == []


async def test_a_claim_that_was_never_verified_keeps_no_place_of_a_domain_that_works(ground: Ground) -> None:
    account = await ground.account("premium")
    await ground.domain(account, "claim.test", verified=False, claimed=timedelta(days=9))
    await ground.domain(account, "older.test", claimed=timedelta(days=5))
    await ground.domain(account, "newer.test")
    await ground.set_plan(account, Plan.FREE)
    await ground.pass_grace(account)
    assert await ground.paused() == {"claim.test", "newer.test"}


async def test_nobody_swaps_domains_by_verifying_a_paused_one(ground: Ground) -> None:
    account = await ground.account("premium")
    for days, name in ((9, "first.test"), (5, "second.test"), (3, "third.test")):
        await ground.domain(account, name, verified=False, claimed=timedelta(days=days))
    await ground.set_plan(account, Plan.FREE)
    await ground.pass_grace(account)
    await ground.execute("update domain set verified_at = now() where name = 'third.test'")
    await ground.settle()
    await ground.set_plan(account, Plan.FREE)
    await ground.pass_grace(account)
    assert await ground.paused() == {"second.test", "third.test"}
    await ground.execute("delete from domain where name = 'first.test'")
    await ground.settle()
    assert await ground.paused() == {"second.test"}  # of those that wait, the verified one comes first


async def test_a_middle_plan_wakes_the_oldest_that_fit(ground: Ground) -> None:
    account = await ground.account("business")
    for number in range(33):
        await ground.domain(account, f"d{number:02}.test")
    await ground.set_plan(account, Plan.FREE)
    await ground.pass_grace(account)
    assert len(await ground.paused()) == 32
    await ground.set_plan(account, Plan.PREMIUM)
    assert await ground.paused() == {"d30.test", "d31.test", "d32.test"}
    await ground.settle()
    assert await ground.paused() == {"d30.test", "d31.test", "d32.test"}


async def test_a_second_downgrade_has_a_grace_of_its_own(ground: Ground) -> None:
    account = await ground.account("business")
    for number in range(31):
        await ground.domain(account, f"d{number:02}.test")
    await ground.set_plan(account, Plan.PREMIUM)
    await ground.pass_grace(account)
    assert await ground.paused() == {"d30.test"}
    await ground.set_plan(account, Plan.FREE)
    await ground.settle()
    assert await ground.paused() == {"d30.test"}
    await ground.pass_grace(account)
    assert len(await ground.paused()) == 30


async def test_what_is_deleted_makes_room_for_the_next_oldest(ground: Ground) -> None:
    account = await crowded(ground)
    await ground.set_plan(account, Plan.FREE)
    await ground.pass_grace(account)
    await ground.execute("delete from alias where local_part = 'a03'")
    await ground.settle()
    assert await ground.paused() == {"second.test", "third.test", "a26@first.test"}
    await ground.execute("delete from domain where name = 'first.test'")
    await ground.settle()
    assert await ground.paused() == {"third.test"}
    await ground.execute("delete from domain where name = 'third.test'")
    await ground.settle()
    assert await ground.value("select surplus_pauses_at from account") is None


async def test_nothing_pauses_before_its_owner_had_a_day(ground: Ground) -> None:
    """Upkeep stood still over the end of the grace."""
    account = await crowded(ground)
    await ground.set_plan(account, Plan.FREE)
    await ground.execute("update account set surplus_pauses_at = now() - interval '1 day'")
    await ground.settle()
    await ground.settle()
    assert await ground.paused() == set()
    assert await ground.letters() == ["plan-surplus"]
    left = await ground.value("select surplus_pauses_at - now() from account")
    assert left.total_seconds() == pytest.approx(86_400, abs=600)


async def test_an_alias_with_many_inboxes_keeps_the_oldest(ground: Ground) -> None:
    account = await ground.account("premium")
    domain = await ground.domain(account, "shop.test")
    await ground.alias(domain, "team", *(f"{n}@inbox.test" for n in range(7)))
    await ground.set_plan(account, Plan.FREE)
    assert len(await ground.reached("team@shop.test")) == 7
    await ground.pass_grace(account)
    rows = await ground.database.fetch("select address from destination order by id limit 5")
    assert await ground.reached("team@shop.test") == [row["address"] for row in rows]
    await ground.set_plan(account, Plan.PREMIUM)
    assert len(await ground.reached("team@shop.test")) == 7


async def test_inboxes_that_are_confirmed_after_a_downgrade_get_no_room_beyond_the_plan(
    ground: Ground,
) -> None:
    account = await ground.account("premium")
    domain = await ground.domain(account, "shop.test")
    await ground.alias(domain, "team", *(f"{n}@inbox.test" for n in range(7)))
    await ground.execute("update destination set confirmed_at = null where address > '5'")
    await ground.set_plan(account, Plan.FREE)
    await ground.execute("update destination set confirmed_at = now()")
    assert len(await ground.reached("team@shop.test")) == 5


async def test_a_paused_postmaster_still_reaches_the_owner(ground: Ground) -> None:
    account = await crowded(ground)
    await ground.execute("update alias set local_part = 'postmaster' where local_part = 'a26'")
    await ground.set_plan(account, Plan.FREE)
    await ground.pass_grace(account)
    assert "postmaster@first.test" in await ground.paused()
    assert await ground.reached("postmaster@first.test") == [account.owner]


async def test_every_owner_is_told(ground: Ground) -> None:
    account = await crowded(ground)
    person = CLOCK.new_id()
    await ground.execute("insert into person (id, email) values ($1, 'second@owners.test')", person)
    await ground.execute(
        "insert into membership (id, account_id, person_id, role) values ($1, $2, $1, 'owner')",
        *(person, account.id),
    )
    await ground.set_plan(account, Plan.FREE)
    await ground.settle()
    assert await ground.letters() == ["plan-surplus", "plan-surplus"]


async def test_who_fits_has_no_grace(ground: Ground) -> None:
    account = await ground.account("premium")
    await ground.domain(account, "only.test")
    await ground.set_plan(account, Plan.FREE)
    assert await ground.value("select surplus_pauses_at from account") is None


async def test_the_preview_says_what_would_pause(ground: Ground) -> None:
    account = await crowded(ground)
    team = await ground.value("select id from domain where name = 'first.test'")
    await ground.alias(DomainRow(team, "first.test", account), "z-team")
    async with ground.database.session() as session:
        would = await surplus.beyond(session, account.id, limits_for(Plan.FREE))
    assert [(d.name, d.aliases) for d in would.domains] == [("second.test", 1), ("third.test", 1)]
    assert [a.address for a in would.aliases] == ["a25@first.test", "a26@first.test", "z-team@first.test"]
    assert would.inboxes == []
    assert await ground.paused() == set()


async def test_the_same_plan_again_changes_nothing(ground: Ground) -> None:
    account = await crowded(ground)
    assert not await ground.set_plan(account, Plan.PREMIUM)
    assert await ground.count("audit_event") == 0


async def test_a_change_is_in_the_audit_log_and_told_to_open_pages(ground: Ground) -> None:
    account = await crowded(ground)
    await ground.set_plan(account, Plan.FREE)
    row = await ground.database.row("select action, actor, detail from audit_event")
    assert (row["action"], row["actor"]) == ("plan.changed", "clearpost")
    assert '"free"' in row["detail"]
    assert await ground.value("select kind from change") == "plan"
