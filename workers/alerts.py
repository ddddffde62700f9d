"""Alerts of the service: our addresses on blocklists, the certificate; and the one letter about each.

Must never take a list that does not answer for one that has let us go, nor write twice about the same thing.
"""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from customers import letters
from mailcore import blocklists, certificates, metrics, service_alerts
from mailcore.database import Database
from mailcore.outgoing_addresses import outgoing_addresses
from mailcore.rates import Rate, Rates
from mailcore.runtime import Runtime
from mailcore.service_alerts import Alert
from mailcore.settings import Settings
from workers.each import each_quietly

# Those who renew do so weeks before, or half of its life before where that is days.
_EXPIRES_SOON: Final = timedelta(days=3)
_DNS_SECONDS: Final = 10.0
# What comes and goes is written about now and then only; the status page shows it each time.
_LETTERS: Final = Rate(1, timedelta(hours=6))


async def watch_blocklists(runtime: Runtime) -> None:
    """Our own outgoing addresses, in the lists of the settings."""
    zones = runtime.settings.watched_blocklists
    for ip in await outgoing_addresses(runtime.settings, runtime.resolver) if zones else ():
        said = await blocklists.look_up(runtime.resolver, ip, zones, _DNS_SECONDS)
        listed = [each.zone for each in said if each.state == "listed"]
        async with runtime.database.transaction() as tx:
            if listed:
                await service_alerts.note(tx, "blocklisted", ip, ", ".join(listed))
            elif all(each.state == "clear" for each in said):
                await service_alerts.end(tx, "blocklisted", [ip])
    await service_alerts.forget(runtime.database)


async def watch_certificate(runtime: Runtime) -> None:
    """The files that the mx of this machine reads; one that it made itself needs nobody."""
    settings = runtime.settings
    fault = await asyncio.to_thread(_fault, settings, runtime.clock.now())
    async with runtime.database.transaction() as tx:
        if fault:
            await service_alerts.note(tx, "certificate", settings.hostname, fault)
        else:
            await service_alerts.end(tx, "certificate", [settings.hostname])


def _fault(settings: Settings, now: datetime) -> str:
    """What is wrong, in words; empty where nothing is."""
    if settings.tls_certificate is None or settings.tls_key is None:
        return ""
    pair = certificates.load(settings.tls_certificate, settings.tls_key)
    if isinstance(pair, str):
        return f"it can't be used ({pair})"
    left = pair.expires_at - now
    if left <= timedelta(0):
        return "it has expired"
    return f"it expires on {pair.expires_at:%-d %B %Y}" if left < _EXPIRES_SOON else ""


async def tell_alerts(runtime: Runtime, rates: Rates) -> None:
    """One letter to the postmaster for each alert that began."""
    alerts = await service_alerts.untold(runtime.database)
    await each_quietly("alerts", alerts, partial(_tell, runtime, rates))


async def _tell(runtime: Runtime, rates: Rates, alert: Alert) -> None:
    """Redis is asked by the one who tells: another process would take the letter and not write it."""
    who = f"{alert.kind} {alert.subject}"
    async with runtime.database.transaction() as tx:
        is_ours = await service_alerts.tell(tx, alert)
        if is_ours and (await rates.take("letters of alerts", who, _LETTERS)).allowed:
            await letters.post(
                tx,
                runtime.clock,
                "service-alert",
                runtime.settings.postmaster,
                alert=alert.kind,
                subject=alert.subject,
                detail=alert.detail,
            )


async def count_alerts(database: Database) -> None:
    standing = [alert.kind for alert in await service_alerts.standing(database)]
    for kind in service_alerts.KINDS:
        metrics.ALERTS.labels(kind).set(standing.count(kind))
