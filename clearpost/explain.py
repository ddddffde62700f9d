"""`clearpost explain FILE.eml`: the verdicts on a saved message, what we would do with it, and why.

Asks DNS, and nothing else but the spam filter where one is set: no database, no running service. Must never
make a key, send anything, or print more of the message than who it is from.
"""

import asyncio
import ipaddress
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from clearpost import saved_mail
from clearpost.explained import Explained, From, show, show_json
from clearpost.would_add import added_fields
from mailcore import blocklists, logs
from mailcore.authenticity import arrival, policy
from mailcore.authenticity.arrival import Arrivals, SpfQuestion
from mailcore.authenticity.policy import Judgement, Signals
from mailcore.authenticity.verdicts import SpfVerdict, Verdicts
from mailcore.clock import Clock
from mailcore.content_scan import ContentScan
from mailcore.envelope import ReversePath, parse_mail
from mailcore.mail_rules import MailRules
from mailcore.replies import Reply
from mailcore.resolver import Resolver
from mailcore.rspamd import Shown, SpamFilter
from mailcore.settings import Settings
from mailcore.settings.kinds import is_name_server

TAKEN: Final = 0
REFUSED: Final = 1
USAGE: Final = 2
PUT_OFF: Final = 3
_EMPTY_LINE: Final = 2


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asked for; None means: as the message tells."""

    file: Path
    ip: str | None = None
    helo: str | None = None
    reverse_path: str | None = None
    recipient: str = "you@your-domain.example"
    rules: MailRules = field(default_factory=MailRules)
    dns: tuple[str, ...] = ()


class UsageError(Exception):
    """The command was not asked rightly; the text says how to ask."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One message and who brings it. Without an IP nobody can be asked about the client."""

    mail: saved_mail.SavedMail
    ip: str | None
    helo: str
    reverse_path: ReversePath


def main(settings: Settings, wish: Wish, *, as_json: bool) -> int:
    """0 we would take it, 1 refuse it, 3 put it off, 2 the file is no mail or the command was not asked
    rightly.
    """
    logs.configure("explain")
    try:
        asked = _asked(wish)
    except (UsageError, saved_mail.NoMail, OSError) as error:
        text = error.strerror or "it cannot be read" if isinstance(error, OSError) else str(error)
        print(f"clearpost: {wish.file}: {text}", file=sys.stderr)
        return USAGE
    if wish.dns:
        settings = settings.model_copy(update={"dns_servers": wish.dns})
    explained = asyncio.run(_explain(settings, wish, asked))
    print(show_json(explained) if as_json else show(explained))
    reply = explained.reply
    return TAKEN if reply is None else REFUSED if reply.is_permanent else PUT_OFF


def _asked(wish: Wish) -> _Asked:
    if bad := [text for text in wish.dns if not is_name_server(text)]:
        raise UsageError(f"--dns {bad[0]} is no address of a name server, such as 192.0.2.53:53")
    mail = saved_mail.read(wish.file)
    path = wish.reverse_path if wish.reverse_path is not None else mail.reverse_path
    ip = wish.ip or mail.ip
    try:
        ip = str(ipaddress.ip_address(ip)) if ip else None
    except ValueError:
        raise UsageError(f"--ip {ip} is no IP address") from None
    return _Asked(mail, ip, wish.helo or mail.helo or "", _path(path or ""))


def _path(text: str) -> ReversePath:
    parsed = parse_mail(f"FROM:<{text.strip('<>')}>".encode())
    if isinstance(parsed, Reply):
        parsed = parse_mail(f"FROM:<{text.strip('<>')}> SMTPUTF8".encode())
    if isinstance(parsed, Reply):
        raise UsageError("the reverse-path is no address: give one by --mail-from, or <>")
    return parsed[0]


async def _explain(settings: Settings, wish: Wish, asked: _Asked) -> Explained:
    clock = Clock()
    resolver = Resolver(settings=settings, clock=clock)
    try:
        refusal = _content_refusal(asked.mail.content)
        verdicts = await _verdicts(settings, clock, resolver, asked)
        signals, found = await _signals(settings, resolver, asked)
        judged = policy.judge(verdicts, wish.rules, signals, settings.trusted_sealers)
        return Explained(
            client=_client(asked),
            notes=(*asked.mail.notes, *_sources(wish, asked), *found),
            verdicts=verdicts,
            judged=Judgement(refusal, "its content is refused") if refusal else judged,
            author=_from(verdicts),
            added=await added_fields(settings, clock, asked.mail.content, verdicts, wish.recipient),
        )
    finally:
        await resolver.close()


def _client(asked: _Asked) -> dict[str, str]:
    return {
        "client": asked.ip or "not known: neither the message nor --ip tells",
        "HELO": asked.helo or "not known",
        "reverse-path": f"<{asked.reverse_path.wire}>",
    }


def _sources(wish: Wish, asked: _Asked) -> list[str]:
    """Where we have it from, as far as nobody said it on the command line."""
    notes = []
    if (wish.ip is None or wish.helo is None) and asked.mail.ip:
        taken = " and ".join(
            name for name, said in (("client", wish.ip), ("HELO", wish.helo)) if said is None
        )
        notes.append(f"{taken}: as the topmost Received field that names an address has it")
    if wish.reverse_path is None:
        has_it = asked.mail.reverse_path is not None
        notes.append(
            "reverse-path: as the topmost Return-Path field has it"
            if has_it
            else "reverse-path: not told by the message, so the null one is taken; give one by --mail-from"
        )
    return notes


def _content_refusal(content: bytes) -> Reply | None:
    scan = ContentScan()
    scan.feed(content)
    return scan.finish()


async def _verdicts(settings: Settings, clock: Clock, resolver: Resolver, asked: _Asked) -> Verdicts:
    arrivals = Arrivals(settings=settings, clock=clock, resolver=resolver)
    header, content = asked.mail.header, asked.mail.content

    def body(_: threading.Event) -> Iterator[memoryview]:
        yield memoryview(content)[len(header) + _EMPTY_LINE :]

    question = _spf(arrivals, asked)
    try:
        verdicts = await arrivals.check(arrival.Message(header, len(content), body), question)
    finally:
        question.drop()
    return verdicts.with_spam(await _score(settings, clock, asked))


def _spf(arrivals: Arrivals, asked: _Asked) -> SpfQuestion:
    mailbox = asked.reverse_path.mailbox
    if asked.ip:
        return arrivals.ask_spf(client_ip=asked.ip, helo=asked.helo, reverse_path=mailbox)
    return SpfQuestion(asyncio.create_task(_no_spf()), SpfVerdict())


async def _no_spf() -> SpfVerdict:
    return SpfVerdict()


async def _score(settings: Settings, clock: Clock, asked: _Asked) -> float | None:
    if not settings.rspamd_url:
        return None
    content = asked.mail.content

    async def pieces() -> AsyncIterator[bytes]:
        yield content

    spam_filter = SpamFilter(settings, clock)
    try:
        shown = Shown(
            clock.new_id(), asked.ip or "", "", asked.helo, asked.reverse_path.wire, len(content), pieces
        )
        return await spam_filter.score(shown)
    finally:
        await spam_filter.close()


async def _signals(settings: Settings, resolver: Resolver, asked: _Asked) -> tuple[Signals, list[str]]:
    """What else speaks for or against the client, also in words."""
    if asked.ip is None:
        return Signals(), []
    leads_back = await resolver.leads_back(asked.ip)
    seconds = settings.verdict_timeout.total_seconds()
    listings = await blocklists.look_up(resolver, asked.ip, settings.blocklists, seconds)
    listed = [each.zone for each in listings if each.state == "listed"]
    words = {True: "has a", False: "has no", None: "may or may not have, as DNS does not answer, a"}
    found = [f"the client {words[leads_back]} reverse name that leads back to it"]
    found += [f"the client is on the blocklist {zone}" for zone in listed]
    return Signals(leads_back is not False, bool(listed)), found


def _from(verdicts: Verdicts) -> From:
    dmarc = verdicts.dmarc
    if policy.from_must_be_rewritten(verdicts):
        return From(True, f"its domain asks for {dmarc.policy}, and no signature of it holds after us")
    if dmarc.dkim_aligned:
        return From(False, "a signature of its domain goes on to hold")
    if dmarc.policy in ("quarantine", "reject"):
        return From(False, "DNS kept us from checking a signature of its domain, which may hold")
    if dmarc.result == "temperror":
        return From(False, "DNS does not say what its domain asks for")
    return From(False, "its domain asks nobody to act on mail that fails")
