"""What an operator must see and the status page tells: our address on a blocklist, a provider that puts off
everybody, a certificate that ends.

The one gate of its table. Each alert is one row, one line of the log and one letter, however much mail it is
about; the row goes when it is over. Must never name anything of a customer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

import structlog

from mailcore.database import Database, Transaction

log = structlog.get_logger("service_alerts")

Kind = Literal["blocklisted", "deferring", "certificate"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
# Whoever raised an alert says so again at least as often, or is gone.
_FORGOTTEN_AFTER: Final = timedelta(days=1)
# By the registrable domain of their MX hosts: so large that their name tells nothing of who sends there.
_LARGE_PROVIDERS: Final = frozenset({
    "google.com", "outlook.com", "hotmail.com", "yahoodns.net", "icloud.com", "apple.com", "gmx.net",
    "web.de", "t-online.de", "comcast.net", "protonmail.ch", "messagingengine.com", "zoho.com", "mail.ru",
    "yandex.net", "yandex.ru", "qq.com", "163.com", "libero.it", "orange.fr", "pphosted.com", "mimecast.com",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Alert:
    """`subject`: an outgoing address of ours, a destination provider, or the name of an mx; `detail`: lists,
    the enhanced status code of the last answer, or what is wrong with the certificate.
    """

    kind: Kind
    subject: str
    detail: str
    since: datetime

    def in_words(self) -> str:
        """For everybody: no address of ours, and only large providers: a small one may be a customer."""
        match self.kind:
            case "blocklisted":
                return (
                    f"An address that we send from is on the blocklist {self.detail}: some mail is refused."
                )
            case "deferring":
                who = self.subject if self.subject in _LARGE_PROVIDERS else "A destination provider"
                return f"{who} takes no mail from us at present. It waits here and is tried again."
            case "certificate":
                return f"The certificate of {self.subject} needs its operator: {self.detail}."


_NOTE: Final = """
insert into service_alert (kind, subject, detail) values ($1, $2, $3)
on conflict (kind, subject) do update set detail = excluded.detail, seen_at = now()
returning xmax = 0
"""


async def note(tx: Transaction, kind: Kind, subject: str, detail: str) -> None:
    """It is so now, whether it was before or not."""
    if await tx.value(_NOTE, kind, subject, detail):
        log.error("service_alert", kind=kind)


async def end(tx: Transaction, kind: Kind, subjects: Iterable[str]) -> None:
    """These are well again, or were all the time."""
    done = "delete from service_alert where kind = $1 and subject = any($2::text[]) returning subject"
    for _ in await tx.fetch(done, kind, sorted(subjects)):
        log.info("service_alert_over", kind=kind)


async def forget(database: Database) -> None:
    """Those that nobody has confirmed for a day: an address that is ours no more, a provider without mail."""
    async with database.transaction() as tx:
        await tx.execute("delete from service_alert where seen_at < now() - $1::interval", _FORGOTTEN_AFTER)


async def standing(database: Database) -> list[Alert]:
    """Oldest first."""
    rows = await database.fetch(
        "select kind, subject, detail, since from service_alert order by since, kind, subject"
    )
    return [Alert(*row) for row in rows]


async def subjects(tx: Transaction, kind: Kind) -> frozenset[str]:
    rows = await tx.fetch("select subject from service_alert where kind = $1", kind)
    return frozenset(row["subject"] for row in rows)


async def untold(database: Database) -> Sequence[Alert]:
    """Of which no letter has told the operator."""
    rows = await database.fetch(
        "select kind, subject, detail, since from service_alert where told_at is null order by since"
    )
    return [Alert(*row) for row in rows]


async def tell(tx: Transaction, alert: Alert) -> bool:
    """Whether telling is up to us: another process may be first."""
    told = await tx.execute(
        "update service_alert set told_at = now() where kind = $1 and subject = $2 and told_at is null",
        alert.kind,
        alert.subject,
    )
    return told.endswith(" 1")
