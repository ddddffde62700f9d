"""What is known of a client before its mail is: how often it comes, which blocklists name it; and then what
rspamd thinks of what it brought.

Begun at MAIL and told at RCPT, so that it costs a dialogue no time. Must never hold up mail for a Redis, a
list or a filter that does not answer, nor refuse anything for good because of that.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

from mailcore import blocklists, metrics, replies
from mailcore.batching import Batcher
from mailcore.circuit import Circuit
from mailcore.clock import Clock
from mailcore.envelope import Mailbox, normalise_local_part
from mailcore.intake import Intake
from mailcore.networks import is_within, network_of
from mailcore.rates import Rate, Rates, Taken, Wish
from mailcore.replies import Reply
from mailcore.resolver import Resolver
from mailcore.routing import ROLES
from mailcore.rspamd import Shown, SpamFilter
from mailcore.settings import Settings
from mailcore.smtp_dialogue import MailTransaction, Peer

T = TypeVar("T")

_MINUTE: Final = timedelta(minutes=1)
_OF_CLIENTS: Final = "mail of clients"
_OF_SENDERS: Final = "mail of senders"
# Redis answers within a millisecond, or something is wrong with it.
_REDIS_SECONDS: Final = 0.25
# Questions to Redis at once: each takes a connection, and a flood must not open a thousand.
_AT_ONCE: Final = 16
# A client that stays away for so long is not held its old listing against.
_REMEMBERED: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """Of a client, during one transaction: the reply it gets for coming too often, and for being listed."""

    too_often: Reply | None = None
    listed: Reply | None = None


_GOOD: Final = Standing()


class Reputation:
    """One for each mx process."""

    def __init__(self, *, settings: Settings, clock: Clock, resolver: Resolver, rates: Rates) -> None:
        self._settings = settings
        self._resolver = resolver
        self._rates = rates
        self._client_rate = Rate(settings.client_rate, _MINUTE)
        self._sender_rate = Rate(settings.sender_rate, _MINUTE)
        self._redis = Circuit(clock)
        self._counted = Batcher(self._count, concurrency=1)
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._filter = SpamFilter(settings, clock) if settings.rspamd_url else None
        self._begun: set[asyncio.Task[Standing]] = set()

    @property
    def has_filter(self) -> bool:
        return self._filter is not None

    async def close(self) -> None:
        begun = list(self._begun)
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)
        await self._counted.drain()
        await self._rates.close()
        if self._filter:
            await self._filter.close()

    # --- before DATA ---

    def begin(self, peer: Peer, transaction: MailTransaction) -> None:
        """At MAIL. Nothing is asked about clients of `rates_exempt`, nor where nothing is set."""
        wishes = self._wishes(peer, transaction)
        if self._is_exempt(peer.ip) or not (wishes or self._settings.blocklists):
            return
        if self._settings.blocklists:
            task = transaction.standing = asyncio.create_task(self._look(peer.ip, wishes))
            self._begun.add(task)
            task.add_done_callback(self._begun.discard)
        else:
            transaction.standing = self._counted.begin(wishes)

    def _is_exempt(self, ip: str) -> bool:
        """Not by the address of a balancer, which stands for whoever it did not name."""
        settings = self._settings
        return is_within(ip, settings.rates_exempt) and not is_within(ip, settings.proxy_protocol)

    async def at_rcpt(self, transaction: MailTransaction, mailbox: Mailbox) -> Reply | None:
        """The refusal of a customer's recipient, if any. A listed client may write to those who could help it
        (RFC 2142), as often as everybody.
        """
        standing = await self._standing(transaction)
        may_complain = normalise_local_part(mailbox.local_part) in ROLES
        return standing.too_often or (None if may_complain else standing.listed)

    async def at_own_address(self, transaction: MailTransaction) -> Reply | None:
        """Of our postmaster, or of a return address: bounces are read from whoever brings them."""
        return (await self._standing(transaction)).too_often

    async def is_listed(self, transaction: MailTransaction) -> bool:
        """Whether a blocklist names the client."""
        return (await self._standing(transaction)).listed is not None

    async def _standing(self, transaction: MailTransaction) -> Standing:
        return await transaction.standing if transaction.standing else _GOOD

    async def _look(self, ip: str, wishes: list[Wish]) -> Standing:
        if not wishes:
            return Standing(listed=await self._listed(ip))
        counted, listed = await asyncio.gather(self._counted.submit(wishes), self._listed(ip))
        return Standing(counted.too_often, listed)

    def _wishes(self, peer: Peer, transaction: MailTransaction) -> list[Wish]:
        """Bounces have no sender that could be counted: all have the same."""
        wishes, sender = [], transaction.reverse_path.wire
        if self._client_rate.count:
            wishes.append(Wish(_OF_CLIENTS, network_of(peer.ip), self._client_rate))
        if self._sender_rate.count and sender:
            wishes.append(Wish(_OF_SENDERS, sender.lower(), self._sender_rate))
        return wishes

    async def _count(self, questions: Sequence[list[Wish]]) -> list[Standing]:
        """All that wait are one question. Where Redis does not answer, nobody comes too often."""
        taken = await self._redis.ask(lambda: self._rates.take_each(questions), _REDIS_SECONDS)
        if taken is None:
            metrics.UNCOUNTED.inc(len(questions))
            return [_GOOD] * len(questions)
        return [_standing(*each) for each in zip(questions, taken, strict=True)]

    async def _listed(self, ip: str) -> Reply | None:
        """Of the first list that names it. For good only once it has been listed for a while: many a listing
        is gone before the client comes again, and until Redis knows since when, nobody does.
        """
        seconds = self._settings.verdict_timeout.total_seconds()
        said = await blocklists.look_up(self._resolver, ip, self._settings.blocklists, seconds)
        zone = next((each.zone for each in said if each.state == "listed"), None)
        if zone is None:
            return None
        patience = self._settings.blocklist_patience
        since = await self._from_redis(
            lambda: self._rates.seen_for("listed", network_of(ip), patience + _REMEMBERED)
        )
        is_old = since is not None and since >= patience
        return replies.listed_for_long(zone) if is_old else replies.listed(zone)

    async def _from_redis(self, question: Callable[[], Awaitable[T | None]]) -> T | None:
        async def in_turn() -> T | None:
            async with self._free:
                return await question()

        return await self._redis.ask(in_turn, _REDIS_SECONDS)

    # --- after the dot ---

    async def score(self, peer: Peer, transaction: MailTransaction, intake: Intake) -> float | None:
        """rspamd's, of content that is complete and ours still; None where none is set, or none answers."""
        if self._filter is None:
            return None
        shown = Shown(
            id=intake.record_id,
            client_ip=peer.ip,
            client_name=await self._proven_name(peer),
            helo=peer.helo,
            reverse_path=transaction.reverse_path.wire,
            size=intake.size,
            pieces=intake.pieces,
        )
        return await self._filter.score(shown)

    async def _proven_name(self, peer: Peer) -> str:
        """rspamd takes it for one that leads back."""
        name = peer.known_name
        return name if name and await self._resolver.leads_back(peer.ip) else ""


def _standing(wishes: Sequence[Wish], taken: Sequence[Taken]) -> Standing:
    if all(each.allowed for each in taken):
        return _GOOD
    over = {wish.kind for wish, each in zip(wishes, taken, strict=True) if not each.allowed}
    return Standing(replies.CLIENT_TOO_OFTEN if _OF_CLIENTS in over else replies.SENDER_TOO_OFTEN)
