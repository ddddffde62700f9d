"""The wiring of an API process. Tests hand in another member, nobody patches."""

from dataclasses import dataclass
from typing import Self

from api.providers import Providers
from billing.event_store import EventStore
from billing.till import Till
from customers.event_feed import EventFeed
from customers.request_log import RequestRecorder
from mailcore.clock import Clock
from mailcore.database import Database, Tell, Wake
from mailcore.keyring import Keyring
from mailcore.log_keys import LogKeys
from mailcore.log_reader import LogReader
from mailcore.rates import Rates
from mailcore.resolver import Resolver
from mailcore.settings import Settings


@dataclass(frozen=True, slots=True)
class ApiRuntime:
    settings: Settings
    clock: Clock
    database: Database
    resolver: Resolver
    reader: LogReader
    keyring: Keyring
    log_keys: LogKeys
    rates: Rates
    feed: EventFeed
    providers: Providers
    requests: RequestRecorder
    till: Till | None
    stripe_events: EventStore

    @classmethod
    async def open(cls, settings: Settings, *, clock: Clock, wake: Wake, tell: Tell = lambda: None) -> Self:
        """Connects to the database; `wake` is called with the lanes that a commit has given work, `tell` when
        it wrote what open pages show.
        """
        url = settings.database_url.get_secret_value()
        database = await Database.open(url, wake=wake, tell=tell, name="clearpost-api")
        keyring = Keyring(settings.key_dir)
        log_keys = LogKeys(settings.key_dir, clock, settings.log_retention)
        return cls(
            settings=settings,
            clock=clock,
            database=database,
            resolver=Resolver(settings=settings, clock=clock),
            reader=LogReader(database, clock, settings.log_retention, log_keys),
            keyring=keyring,
            log_keys=log_keys,
            rates=Rates.open(settings.redis_url.get_secret_value(), keyring),
            providers=Providers(settings),
            feed=EventFeed(database, clock, settings, log_keys),
            requests=RequestRecorder(database),
            till=Till.open(settings, database, clock),
            stripe_events=EventStore(database),
        )

    async def close(self) -> None:
        await self.feed.close()
        if self.till is not None:
            await self.till.close()
        await self.stripe_events.close()
        await self.requests.close()
        await self.rates.close()
        await self.resolver.close()
        await self.database.close()
