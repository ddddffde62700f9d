"""What must happen by itself: spool sweep, dead owners, the 7 days, domain checks, notices, gauges.

Plain loops that ask the database, not jobs: the 7 days and the spool must not wait for Redis. Every
duty may run in several processes at once. Must never let one failing duty stop the others.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from billing import event_store
from billing.till import Till
from customers import (
    audit,
    browser_sessions,
    idempotent_answers,
    news,
    oauth_grants,
    passkeys,
    request_log,
    sign_in_links,
    statements,
    support_grants,
    undelivered,
)
from customers.domain_watch import Watch
from mailcore import event_log, ledger, metrics, queue, service_counts, service_days, service_status
from mailcore.attestation import Signer
from mailcore.leases import Sweeper
from mailcore.plans import Lane
from mailcore.rates import Rates
from mailcore.runtime import Ready, Runtime, open_runtime, segment_writer, until
from mailcore.settings import Settings
from mailcore.spool_sweep import SpoolSweep
from mailcore.spool_writer import SegmentWriter
from workers.accounts import forget_invitations, purge_deleted, settle_claims
from workers.alerts import count_alerts, tell_alerts, watch_blocklists, watch_certificate
from workers.billing import Bookkeeper
from workers.destinations import ask_new, tell_failing
from workers.held_mail import HeldMail
from workers.letters import send_letters
from workers.notices import tell_undelivered
from workers.plans import forget_usage_letters, settle_downgrades, settle_missed_downgrades, tell_usage

log = structlog.get_logger("upkeep")

# Some name servers take ten seconds to say nothing; others must not wait for them.
_CHECKERS = 3


@dataclass(frozen=True, slots=True)
class Duty:
    """Something to do again and again; `every` counts from the end of one run to the next."""

    name: str
    every: timedelta
    run: Callable[[], Awaitable[object]]


async def serve(settings: Settings, lane: Lane, *, stop: asyncio.Event, on_ready: Ready) -> bool:
    """Until `stop`. False when this process was declared dead and must be started anew."""
    async with open_runtime(settings, role="upkeep", lane=lane) as runtime:
        long_wait = segment_writer(runtime.spool, runtime.clock, settings, long_wait=True)
        await event_log.ensure_partitions(runtime.database, runtime.clock.now(), settings.log_retention)
        rates = Rates.open(settings.redis_url.get_secret_value(), runtime.keyring)
        till = Till.open(settings, runtime.database, runtime.clock)
        tasks = [
            asyncio.create_task(_again_and_again(duty)) for duty in duties(runtime, long_wait, rates, till)
        ]
        tasks.append(
            asyncio.create_task(
                Sweeper(runtime.database, runtime.clock, settings, runtime.log_keys).watch_forever()
            )
        )
        try:
            on_ready()
            return await until(stop, runtime.lost, *tasks)
        finally:  # whatever ended it: what is decided must be written down
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await runtime.courier.stop()
            await rates.close()
            if till is not None:
                await till.close()
            long_wait.close()


def duties(runtime: Runtime, long_wait: SegmentWriter, rates: Rates, till: Till | None = None) -> list[Duty]:
    """All duties of one upkeep process."""
    r = runtime
    signer = Signer(r.keyring)
    watch = Watch(r.database, r.resolver, r.clock, r.settings)
    sweep = SpoolSweep(
        database=r.database, spool=r.spool, long_wait=long_wait, clock=r.clock, settings=r.settings
    )
    return [
        Duty("spool", timedelta(seconds=5), sweep.sweep),
        Duty("gauges", timedelta(seconds=10), lambda: _gauges(r)),
        Duty("speeds", timedelta(minutes=1), lambda: service_status.note_speeds(r.database, r.clock.now())),
        Duty("days", timedelta(minutes=10), lambda: service_days.count_due(r.database, r.clock.now())),
        Duty("statements", timedelta(minutes=1), lambda: _attest(r, signer)),
        *(Duty(f"domain checks {n}", timedelta(seconds=1), watch.check_due) for n in range(1, _CHECKERS + 1)),
        Duty("new destinations", timedelta(seconds=1), lambda: ask_new(r.database, r.clock, rates)),
        Duty("failing destinations", timedelta(minutes=10), lambda: tell_failing(r.database, r.clock)),
        Duty("letters", timedelta(seconds=1), lambda: send_letters(r)),
        Duty(
            "undelivered mail",
            timedelta(minutes=10),
            lambda: tell_undelivered(r.database, r.clock),
        ),
        Duty("blocklists", timedelta(hours=1), lambda: watch_blocklists(r)),
        Duty("certificate", timedelta(minutes=10), lambda: watch_certificate(r)),
        Duty("alerts", timedelta(seconds=10), lambda: tell_alerts(r, rates)),
        Duty("log days", timedelta(hours=1), lambda: _make_days(r)),
        Duty("seven days", timedelta(hours=1), lambda: _seven_days(r)),
        Duty("keys of the log", timedelta(seconds=5), lambda: _destroy_hours(r)),
        Duty("keys of accounts", timedelta(minutes=1), lambda: _make_account_keys(r)),
        Duty("return addresses", timedelta(hours=1), lambda: _forget_return_addresses(r)),
        Duty("failure counts", timedelta(hours=1), lambda: _forget_failures(r)),
        Duty("refusal counts", timedelta(hours=1), lambda: _forget_refusals(r)),
        Duty("idempotent answers", timedelta(minutes=10), lambda: _forget_answers(r)),
        Duty("audit log", timedelta(hours=1), lambda: audit.expire(r.database, r.clock.now())),
        Duty("support grants", timedelta(hours=1), lambda: support_grants.expire(r.database, r.clock.now())),
        Duty("request log", timedelta(hours=1), lambda: request_log.expire(r.database, r.clock.now())),
        Duty("grants of apps", timedelta(hours=1), lambda: oauth_grants.expire(r.database, r.clock.now())),
        Duty("changes", timedelta(hours=1), lambda: news.forget_changes(r.database)),
        Duty("deleted accounts", timedelta(minutes=5), lambda: purge_deleted(r)),
        Duty("account claims", timedelta(minutes=1), lambda: settle_claims(r.database, r.clock)),
        Duty("downgrades", timedelta(minutes=1), lambda: settle_downgrades(r.database, r.clock)),
        Duty("missed downgrades", timedelta(hours=1), lambda: settle_missed_downgrades(r.database, r.clock)),
        Duty("usage letters", timedelta(minutes=1), lambda: tell_usage(r)),
        Duty("usage letters sent", timedelta(hours=1), lambda: forget_usage_letters(r)),
        Duty("invitations", timedelta(hours=1), lambda: forget_invitations(r)),
        Duty("sign-ins", timedelta(hours=1), lambda: _forget_sign_ins(r)),
        Duty("held mail", timedelta(minutes=10), HeldMail(r).end),
        *(of_billing(Bookkeeper(r.database, r.clock, till)) if till else ()),
        Duty("stripe events", timedelta(hours=1), lambda: event_store.expire(r.database, r.clock.now())),
        Duty("ledger", timedelta(hours=1), lambda: ledger.compact(r.database)),
    ]


def of_billing(books: Bookkeeper) -> list[Duty]:
    """Where plans are sold."""
    return [
        Duty("customers of Stripe", timedelta(seconds=1), books.fetch_due),
        Duty("disputes", timedelta(seconds=5), books.fetch_disputes),
        Duty("customers to part with", timedelta(minutes=1), books.part),
        Duty("gauges of billing", timedelta(seconds=10), books.count),
    ]


async def _again_and_again(duty: Duty) -> None:
    while True:
        await once(duty)
        await asyncio.sleep(duty.every.total_seconds())


async def once(duty: Duty) -> None:
    try:
        await duty.run()
    except Exception as error:  # noqa: BLE001  one failing duty must not stop the others
        log.error("duty_failed", duty=duty.name, error=type(error).__name__)


async def _attest(runtime: Runtime, signer: Signer) -> None:
    """Once an hour; asked more often, so that an hour is not missed for one that failed."""
    await statements.issue(runtime.database, signer, runtime.clock, runtime.settings.web_url)


async def _make_days(runtime: Runtime) -> None:
    """The days to come, so that mail never waits for one."""
    await event_log.ensure_partitions(runtime.database, runtime.clock.now(), runtime.settings.log_retention)


async def _seven_days(runtime: Runtime) -> None:
    """Log rows leave on their day."""
    now, retention = runtime.clock.now(), runtime.settings.log_retention
    log.info("seven_days", deleted=await event_log.expire(runtime.database, now, retention))


async def _destroy_hours(runtime: Runtime) -> None:
    """From here on what those hours logged is unreadable, wherever a copy of it lies."""
    if destroyed := await runtime.log_keys.destroy_hours():
        async with runtime.database.transaction() as tx:
            await service_counts.add(tx, "hour keys destroyed", destroyed)


async def _make_account_keys(runtime: Runtime) -> None:
    """So that no mail waits for the sync of one, nor the transaction that takes it."""
    rows = await runtime.database.fetch("select id from account")
    await runtime.log_keys.make_ahead([row["id"] for row in rows])


async def _forget_return_addresses(runtime: Runtime) -> None:
    await runtime.database.delete_in_batches("srs_token", "expires_at < $1", runtime.clock.now())


async def _forget_failures(runtime: Runtime) -> None:
    await undelivered.forget(runtime.database, runtime.clock.now(), runtime.settings.log_retention)


async def _forget_sign_ins(runtime: Runtime) -> None:
    """Links, challenges and sessions that are over."""
    now, idle = runtime.clock.now(), runtime.settings.session_idle
    await browser_sessions.expire(runtime.database, now, idle)
    await sign_in_links.expire(runtime.database, now)
    await passkeys.expire(runtime.database, now)


async def _forget_refusals(runtime: Runtime) -> None:
    before = runtime.clock.now() - timedelta(hours=2)
    await runtime.database.delete_in_batches("refused_hour", "hour < $1", before)


async def _forget_answers(runtime: Runtime) -> None:
    """Of the API: a day after the request."""
    await idempotent_answers.expire(runtime.database, runtime.clock.now())


async def _gauges(runtime: Runtime) -> None:
    async with runtime.database.transaction() as tx:
        depths = await queue.depths(tx)
    metrics.QUEUE.clear()
    metrics.QUEUE_AGE.clear()
    for depth in depths:
        metrics.QUEUE.labels(depth.lane, depth.state).set(depth.count)
        metrics.QUEUE_AGE.labels(depth.lane, depth.state).set(depth.oldest_seconds)
    lines = await ledger.balance(runtime.database)
    for line in lines:
        metrics.LEDGER_DIFFERENCE.labels(line.origin).set(line.difference)
    await count_alerts(runtime.database)
    await service_status.note_queues(runtime.database, sum(abs(line.difference) for line in lines))
