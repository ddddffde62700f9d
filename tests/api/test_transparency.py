"""The open figures: sums of the whole service, as JSON and as a page that says the same in tables."""

import re
from datetime import date, timedelta

from customers import authority_requests
from mailcore import service_counts, service_days, service_status
from mailcore.plans import Plan
from tests.support.api import World
from tests.support.logged import write

PAGE = {"Accept": "text/html"}
DAY = timedelta(days=1)


async def sell(world: World, name: str, plan: Plan, amount: int) -> None:
    tenant = await world.tenant(name, plan=plan)
    async with world.runtime.database.transaction() as tx:
        await tx.execute(
            "insert into subscription (account_id, customer_id, status, plan, currency, amount_monthly) "
            "values ($1, $2, 'active', $3, 'usd', $4)",
            *(tenant.id, f"cus_{name}", plan, amount),
        )


async def note(world: World) -> None:
    """As upkeep does every minute."""
    await service_status.note_speeds(world.runtime.database, world.clock.now())
    await service_status.note_queues(world.runtime.database, 0)


async def test_a_server_that_nobody_uses_has_figures_too(world: World) -> None:
    found = (await world.anonymous.get("/transparency")).json()
    assert [each["accounts"] for each in found["plans"]] == [0, 0, 0]
    assert (found["days"], found["log_oldest_hours"], found["staff_views"]) == ([], None, 0)
    assert found["shares"] == {"delivered": None, "hard_bounced": None, "refused": None}
    assert found["last_hour"] == [
        {"lane": lane, "p50": None, "p95": None, "p99": None} for lane in ("standard", "fast")
    ]
    assert (await world.anonymous.get("/transparency", headers=PAGE)).status_code == 200


async def test_accounts_and_revenue_are_told_by_plan(world: World) -> None:
    await world.tenant("free")
    await sell(world, "one", Plan.PREMIUM, 900)
    await sell(world, "two", Plan.PREMIUM, 750)
    plans = (await world.anonymous.get("/transparency")).json()["plans"]
    paying = [{"currency": "usd", "accounts": 2, "monthly": 1650}]
    assert plans == [
        {"plan": "free", "accounts": 1, "paying": []},
        {"plan": "premium", "accounts": 2, "paying": paying},
        {"plan": "business", "accounts": 0, "paying": []},
    ]
    page = (await world.anonymous.get("/transparency", headers=PAGE)).text
    assert "$16.50" in page


async def test_days_that_are_over_are_told_with_their_shares_and_speeds(world: World) -> None:
    world.clock.step(world.clock.now().replace(hour=12) - 2 * DAY - world.clock.now())
    tenant = await world.tenant()
    for _ in range(3):
        await write(world, tenant)
    async with world.runtime.database.transaction() as tx:
        await tx.execute(
            "insert into usage_day (account_id, day, refused) values ($1, $2, 1)",
            *(tenant.id, world.clock.now().date()),
        )
        await tx.execute("update account set created_at = $1", world.clock.now())
    noon = world.clock.now().replace(hour=12)
    world.clock.step(2 * DAY)
    await service_days.count_due(world.runtime.database, noon + DAY)
    found = (await world.anonymous.get("/transparency.json")).json()
    (day,) = found["days"]
    assert (day["received"], day["refused"], day["delivered"]) == (3, 1, 3)
    assert day["speeds"][0] == {"lane": "standard", "p50": 2.0, "p95": 2.0, "p99": 2.0}
    assert day["speeds"][1] == {"lane": "fast", "p50": None, "p95": None, "p99": None}
    assert found["shares"] == {"delivered": 1.0, "hard_bounced": 0.0, "refused": 0.25}
    assert found["log_oldest_hours"] == 48


async def test_the_page_has_each_number_of_its_plots_in_a_table(world: World) -> None:
    database, today = world.runtime.database, world.clock.now().date()
    async with database.transaction() as tx:
        for age in range(1, 41):
            await tx.execute(
                "insert into service_day (day, received, refused, delivered, hard_bounced, waiting, speeds) "
                "values ($1, $2, 20, 990, 2, 1, $3::text::jsonb)",
                *(today - age * DAY, 1000 + age, '{"standard": [0.2, 1.5, 40.0]}'),
            )
    page = (await world.anonymous.get("/transparency", headers=PAGE)).text
    assert page.count('<svg class="plot"') == 2, "the fast lane had no mail, so it has no plot"
    assert "nan" not in page.lower()
    for age in (1, 30):
        assert f">{1000 + age:,}<" in page
    assert ">1,031<" not in page, "thirty days are enough for a page"
    assert page.count("<rect") == 60
    assert "style=" not in page, "the policy of our pages allows no style of an element's own"
    assert len((await world.anonymous.get("/transparency")).json()["days"]) == 40


async def test_requests_of_authorities_are_told_by_year_alone(world: World) -> None:
    async with world.runtime.database.session() as session:
        for day in (date(2025, 3, 4), date(2025, 9, 1)):
            await authority_requests.add(session, world.clock, day, "data", "refused")
    async with world.runtime.database.transaction() as tx:
        await service_counts.add(tx, "staff views", 5)
    answer = await world.anonymous.get("/transparency")
    assert answer.json()["authority_requests"] == [
        {"year": 2025, "kind": "data", "outcome": "refused", "count": 2}
    ]
    assert answer.json()["staff_views"] == 5
    assert "2025-03" not in answer.text


async def test_who_asks_often_costs_one_look_a_minute(world: World) -> None:
    first = (await world.anonymous.get("/transparency")).json()
    await world.tenant("new")
    assert (await world.anonymous.get("/transparency.json")).json() == first
    world.clock.step(timedelta(minutes=2))
    assert (await world.anonymous.get("/transparency")).json()["plans"][0]["accounts"] == 1


async def test_the_last_hour_has_three_percentiles(world: World) -> None:
    tenant = await world.tenant()
    for _ in range(20):
        await write(world, tenant)
    await note(world)
    told = (await world.anonymous.get("/transparency")).json()["last_hour"][0]
    assert told == {"lane": "standard", "p50": 2.0, "p95": 2.0, "p99": 2.0}


async def test_nobody_sees_the_times_of_their_own_message_in_the_last_hour(world: World) -> None:
    tenant = await world.tenant()
    for _ in range(19):
        await write(world, tenant)
    await note(world)
    told = (await world.anonymous.get("/transparency")).json()["last_hour"][0]
    assert told == {"lane": "standard", "p50": None, "p95": None, "p99": None}
    assert "too few to tell" in (await world.anonymous.get("/transparency", headers=PAGE)).text


async def test_the_age_of_the_log_does_not_tell_the_minute_of_its_first_message(world: World) -> None:
    now = world.clock.now()  # the whole of a minute is left, whatever second it is
    world.clock.step(timedelta(minutes=59) - (now - now.replace(minute=0, second=0, microsecond=0)))
    await write(world, await world.tenant())
    assert (await world.anonymous.get("/transparency")).json()["log_oldest_hours"] is None
    for minutes, hours in ((2, 1), (58, 1), (2, 2)):
        world.clock.step(timedelta(minutes=minutes))
        assert (await world.anonymous.get("/transparency")).json()["log_oldest_hours"] == hours


async def test_nothing_on_the_page_names_an_account(world: World) -> None:
    tenant = await world.tenant("Paper Lantern")
    await write(world, tenant)
    for path in ("/transparency", "/statements"):
        text = (await world.anonymous.get(path, headers=PAGE)).text
        assert not re.search(rf"Paper|{tenant.id}|example\.com|ada@", text)
