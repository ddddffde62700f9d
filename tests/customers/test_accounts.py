"""Accounts, the gate to what they own, and their API keys."""

import asyncio
import string
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customers import accounts, api_keys
from customers.api_keys import NewKey
from customers.domain_names import claimable
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.errors import Invalid, NotFound
from mailcore.keyring import Keyring
from mailcore.models import Alias, ApiKey, Destination, Domain
from mailcore.plans import Plan
from mailcore.settings import Settings


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await Database.open(database_url)
    yield opened
    await opened.close()


async def test_an_account_has_an_owner_and_a_token_of_its_own(database: Database) -> None:
    async with database.session() as session:
        first = await accounts.create(session, Clock(), name="one", owner_email="a@owners.test")
        second = await accounts.create(
            session, Clock(), name="two", owner_email="a@owners.test", plan=Plan.BUSINESS
        )
    async with database.session() as session:
        assert first.verification_token != second.verification_token
        assert len(first.verification_token) == 32
        owned = await accounts.owned_by(session, "a@owners.test")
        assert owned is not None
        assert owned.id == first.id
        assert await accounts.owned_by(session, "b@owners.test") is None
        assert accounts.limits_of(await accounts.get(session, second.id)).domains == 200


@pytest.mark.parametrize("model", [Domain, Alias, Destination, ApiKey])
async def test_nothing_is_found_without_its_account(database: Database, model: type[Domain]) -> None:
    clock = Clock()
    async with database.session() as session:
        account = await accounts.create(session, clock, name="one", owner_email="a@owners.test")
        for identifier in (clock.new_id(), UUID(int=0)):
            with pytest.raises(NotFound) as refused:
                await accounts.get_owned(session, model, account.id, identifier)
            assert str(identifier) not in refused.value.detail


async def test_usage_of_a_day_without_mail_is_zero(database: Database) -> None:
    clock = Clock()
    async with database.session() as session:
        (used,) = await accounts.usage(session, clock.new_id(), clock.now().date())
    assert (used.forwarded, used.refused, used.bytes) == (0, 0, 0)


async def test_a_rotated_key_ring_still_knows_older_keys(database: Database, tmp_path: Path) -> None:
    clock, keyring = Clock(), Keyring(tmp_path / "keys")
    async with database.session() as session:
        account = await accounts.create(session, clock, name="one", owner_email="a@owners.test")
        _, secret = await api_keys.create(
            session, clock, keyring, account_id=account.id, new=NewKey("k"), live=True
        )
    assert secret.startswith("cp_live_")
    file = tmp_path / "keys" / "api-key.key"
    file.write_text("ab" * 32 + "\n" + file.read_text())
    restarted = Keyring(tmp_path / "keys")  # a process reads its keys once
    found = await api_keys.authenticate(database, restarted, clock.now(), secret)
    assert found is not None
    assert found.account_id == account.id
    file.write_text("ab" * 32 + "\n")
    assert await api_keys.authenticate(database, Keyring(tmp_path / "keys"), clock.now(), secret) is None


async def test_one_secret_is_kept_once(database: Database, tmp_path: Path) -> None:
    clock, keyring, secret = Clock(), Keyring(tmp_path / "keys"), api_keys.generate(live=False)
    async with database.session() as session:
        account = await accounts.create(session, clock, name="one", owner_email="a@owners.test")
        made = [
            await api_keys.keep(session, clock, keyring, account_id=account.id, name="k", secret=secret)
            for _ in "ab"
        ]
    assert made[0].id == made[1].id


async def test_many_requests_at_once_do_not_wait_for_each_others_note_of_use(
    database: Database, tmp_path: Path
) -> None:
    clock, keyring = Clock(), Keyring(tmp_path / "keys")
    async with database.session() as session:
        account = await accounts.create(session, clock, name="one", owner_email="a@owners.test")
        _, secret = await api_keys.create(
            session, clock, keyring, account_id=account.id, new=NewKey("k"), live=False
        )
    now = clock.now()
    async with database.transaction() as tx:
        await tx.execute("select from api_key for update")
        async with asyncio.timeout(5):
            found = await asyncio.gather(
                *(api_keys.authenticate(database, keyring, now, secret) for _ in range(5))
            )
    assert all(found)


@settings(max_examples=100, deadline=None)
@given(st.integers(min_value=8, max_value=40), st.sampled_from(string.printable))
def test_one_wrong_character_makes_a_key_malformed(place: int, character: str) -> None:
    secret = api_keys.generate(live=False)
    changed = secret[:place] + character + secret[place + 1 :]
    assert api_keys.is_well_formed(changed) is (changed == secret)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_a_claimable_name_or_refused_in_words(text: str) -> None:
    with suppress(Invalid):
        name = claimable(text, Settings())
        assert name == claimable(name, Settings())
        assert name.isascii()
        assert "." in name


def test_test_names_are_for_the_local_stack_only() -> None:
    local = Settings()
    production = local.model_copy(update={"environment": "production"})
    assert claimable("demo.test", local) == "demo.test"
    with pytest.raises(Invalid):
        claimable("demo.test", production)
    assert claimable("example.org", production) == "example.org"
