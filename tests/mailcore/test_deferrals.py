"""When a provider that puts mail off becomes an alert, and when it is one no more."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from mailcore import service_alerts
from mailcore.database import Database
from mailcore.deferrals import Deferrals
from mailcore.outcome import Outcome, ours
from tests.support.ground import SteppedClock

WHO = "a.test"
DELIVERED = Outcome("delivered", 250, "2.0.0", "250 ok")
DEFERRED = Outcome("transient", 421, "4.7.0", "421 4.7.0 not now")
REFUSED = Outcome("permanent", 550, "5.1.1", "550 no")
PUT_OFF = ours("transient", 451, "4.3.2", "Put off", "put-off")
ACCOUNTS = [uuid4() for _ in range(3)]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await Database.open(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def deferrals(clock: SteppedClock) -> Deferrals:
    return Deferrals(clock)


def put_off(
    deferrals: Deferrals,
    clock: SteppedClock,
    *,
    messages: int = 20,
    accounts: int = 3,
    minutes: float = 6,
    outcome: Outcome = DEFERRED,
) -> None:
    for number in range(messages):
        deferrals.note(WHO, ACCOUNTS[number % accounts], uuid4(), outcome)
    clock.step(minutes * 60)
    deferrals.note(WHO, ACCOUNTS[0], uuid4(), outcome)


async def standing(deferrals: Deferrals, database: Database) -> list[tuple[str, str]]:
    await deferrals.exchange(database)
    return [(alert.subject, alert.detail) for alert in await service_alerts.standing(database)]


async def test_who_puts_off_everybody_for_minutes_is_an_alert(
    deferrals: Deferrals, clock: SteppedClock, database: Database
) -> None:
    put_off(deferrals, clock)
    assert await standing(deferrals, database) == [(WHO, "4.7.0")]


@pytest.mark.parametrize("less", [{"messages": 10}, {"accounts": 2}, {"minutes": 4}])
async def test_a_few_messages_or_accounts_or_moments_are_none(
    deferrals: Deferrals, clock: SteppedClock, database: Database, less: dict[str, int]
) -> None:
    put_off(deferrals, clock, **less)  # type: ignore[arg-type]
    assert await standing(deferrals, database) == []


async def test_one_message_that_is_tried_again_and_again_is_none(
    deferrals: Deferrals, clock: SteppedClock, database: Database
) -> None:
    message = uuid4()
    for number in range(100):
        clock.step(60)
        deferrals.note(WHO, ACCOUNTS[number % 3], message, DEFERRED)
    assert await standing(deferrals, database) == []


@pytest.mark.parametrize(
    "outcome",
    [
        REFUSED,
        PUT_OFF,
        ours("transient", 451, "4.4.2", "x", "aborted"),
        ours("transient", 451, "4.7.4", "TLS is required by its owner", "tls"),
    ],
)
async def test_what_is_refused_for_good_held_back_or_lacks_the_tls_it_needs_is_no_deferral(
    deferrals: Deferrals, clock: SteppedClock, database: Database, outcome: Outcome
) -> None:
    put_off(deferrals, clock, outcome=outcome)
    assert await standing(deferrals, database) == []


async def test_one_delivery_in_between_begins_it_anew(
    deferrals: Deferrals, clock: SteppedClock, database: Database
) -> None:
    put_off(deferrals, clock, minutes=4)
    deferrals.note(WHO, ACCOUNTS[0], uuid4(), DELIVERED)
    put_off(deferrals, clock, minutes=4)
    assert await standing(deferrals, database) == []


async def test_the_first_delivery_ends_it(
    deferrals: Deferrals, clock: SteppedClock, database: Database
) -> None:
    put_off(deferrals, clock)
    assert await standing(deferrals, database)
    deferrals.note(WHO, ACCOUNTS[0], uuid4(), DELIVERED)
    assert await standing(deferrals, database) == []


async def test_what_another_process_delivers_ends_it_for_all(
    deferrals: Deferrals, clock: SteppedClock, database: Database
) -> None:
    other = Deferrals(clock)
    put_off(deferrals, clock)
    assert await standing(deferrals, database)
    assert await standing(other, database)
    other.note(WHO, ACCOUNTS[0], uuid4(), DELIVERED)
    assert await standing(other, database) == []
    deferrals.note(WHO, ACCOUNTS[0], uuid4(), DEFERRED)
    assert await standing(deferrals, database) == [], "it begins anew for the first as well"
    put_off(deferrals, clock)
    assert await standing(deferrals, database)


async def test_an_alert_outlives_the_process_that_raised_it(
    deferrals: Deferrals, clock: SteppedClock, database: Database
) -> None:
    put_off(deferrals, clock)
    await deferrals.exchange(database)
    started_anew = Deferrals(clock)
    assert await standing(started_anew, database)
    started_anew.note(WHO, ACCOUNTS[0], uuid4(), DELIVERED)
    assert await standing(started_anew, database) == []


async def test_nothing_is_known_of_a_domain_without_a_host(
    deferrals: Deferrals, clock: SteppedClock, database: Database
) -> None:
    for _ in range(30):
        deferrals.note("", UUID(int=1), uuid4(), DEFERRED)
    assert await standing(deferrals, database) == []
