"""TLS on the way out: each need against each server, what waits, what goes on, and what the owner is told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mailcore import tls_need
from mailcore.clock import Clock
from mailcore.dns_answers import Tlsa
from mailcore.next_hops import NextHop, NextHops
from mailcore.outcome import RESPONSE_CHARACTERS, Outcome
from mailcore.resolver import Resolver
from mailcore.settings import Settings
from mailcore.tls_need import OPPORTUNISTIC, TlsNeed
from mailcore.transport import Parcel, Transport
from tests.support.authority import Authority, ServerCertificate
from tests.support.destination import Destination

CONTENT = b"Subject: hello\r\n\r\nHello there.\r\n"
PARCEL = Parcel(
    "sender@origin.test", "jo@inbox.test", [CONTENT], len(CONTENT), smtputf8=False, eight_bit=False
)
NAME = "mx.inbox.test"
AUTHORITY = Authority()
SOUND = AUTHORITY.certificate(NAME)
WRONG = {
    "has expired": AUTHORITY.expired(NAME),
    "is not valid yet": AUTHORITY.certificate(NAME, days=(1, 2)),
    "is for another name": AUTHORITY.certificate("mx.other.test"),
    "is from no authority that we know": Authority().certificate(NAME),
}
OWNER = tls_need.of_owner(NAME)
ENFORCED = tls_need.of_policy(NAME, testing=False, named=True)
TESTED = tls_need.of_policy(NAME, testing=True, named=True)
UNNAMED = tls_need.of_policy(NAME, testing=True, named=False)
ENCRYPTED = tls_need.of_records(NAME, [Tlsa(2, 1, 1, bytes(32))])


def by_dane(certificate: ServerCertificate, selector: int = 1) -> TlsNeed:
    data = certificate.public_key if selector else certificate.der
    return tls_need.of_records(NAME, [Tlsa(3, selector, 0, data)])


DANE = by_dane(SOUND)


class Answered(NextHops):
    """Next hops on loopback, as if DNS had named them."""

    def __init__(self, *hops: NextHop) -> None:
        self.hops = hops

    async def find(self, domain: str, *, require_tls: bool = False) -> tuple[NextHop, ...] | Outcome:
        return self.hops


@pytest.fixture
def authorities(tmp_path: Path) -> Path:
    return AUTHORITY.pem(tmp_path)


@asynccontextmanager
async def transport_over(authorities: Path, hops: Answered) -> AsyncIterator[Transport]:
    settings = Settings(authorities=authorities)
    resolver = Resolver(settings=settings, clock=Clock())
    transport = Transport(settings=settings, resolver=resolver, clock=Clock(), next_hops=hops)
    try:
        yield transport
    finally:
        await transport.close()
        await resolver.close()


async def attempt(authorities: Path, *hops: NextHop) -> Outcome:
    async with transport_over(authorities, Answered(*hops)) as transport:
        return await transport.send(PARCEL, may_commit=lambda: True)


def hop_to(destination: Destination, need: TlsNeed) -> NextHop:
    return NextHop(NAME, destination.host, destination.port, need)


def server(certificate: ServerCertificate, **changes: Any) -> Destination:
    return Destination(tls="sound", context=certificate.context(), **changes)


# What is needed and there


@pytest.mark.parametrize(
    ("need", "told"),
    [
        (OPPORTUNISTIC, "[TLSv1.3]"),
        (ENCRYPTED, "[TLSv1.3]"),
        (OWNER, "[TLSv1.3, verified]"),
        (ENFORCED, "[TLSv1.3, verified]"),
        (TESTED, "[TLSv1.3, verified, MTA-STS testing]"),
        (DANE, "[TLSv1.3, DANE]"),
        (by_dane(SOUND, selector=0), "[TLSv1.3, DANE]"),
    ],
)
async def test_sound_server_meets_every_need(authorities: Path, need: TlsNeed, told: str) -> None:
    async with server(SOUND) as destination:
        outcome = await attempt(authorities, hop_to(destination, need))
    assert (outcome.kind, outcome.response) == ("delivered", f"250 2.0.0 Accepted {told}")
    assert (outcome.tls, destination.messages[0].tls, destination.connections) == ("TLSv1.3", True, 1)


@pytest.mark.parametrize("certificate", WRONG.values(), ids=WRONG.keys())
async def test_record_in_dns_is_proof_enough(authorities: Path, certificate: ServerCertificate) -> None:
    async with server(certificate) as destination:
        outcome = await attempt(authorities, hop_to(destination, by_dane(certificate)))
    assert (outcome.kind, outcome.response) == ("delivered", "250 2.0.0 Accepted [TLSv1.3, DANE]")


# Opportunistic: whatever is wrong, mail goes on


@pytest.mark.parametrize("certificate", WRONG.values(), ids=WRONG.keys())
async def test_opportunistic_takes_any_certificate(authorities: Path, certificate: ServerCertificate) -> None:
    async with server(certificate) as destination:
        for need in (OPPORTUNISTIC, ENCRYPTED):
            outcome = await attempt(authorities, hop_to(destination, need))
            assert (outcome.kind, outcome.response) == ("delivered", "250 2.0.0 Accepted [TLSv1.3]")


@pytest.mark.parametrize("tls", ["", "broken", "refused", "dies"])
async def test_opportunistic_goes_on_in_clear_text(authorities: Path, tls: Any) -> None:
    async with Destination(tls=tls) as destination:
        outcome = await attempt(authorities, hop_to(destination, OPPORTUNISTIC))
    assert (outcome.kind, outcome.response) == ("delivered", "250 2.0.0 Accepted [no TLS]")


# Required: whatever is wrong, mail waits


def nothing_was_said(destination: Destination) -> bool:
    """No envelope and no content: not even the address may cross the wire in the clear."""
    return not any(line.startswith(("MAIL", "RCPT", "DATA")) for _, line in destination.commands)


@pytest.mark.parametrize("need", [OWNER, ENFORCED], ids=["owner", "MTA-STS"])
@pytest.mark.parametrize("wrong", WRONG)
async def test_unproven_name_waits(authorities: Path, need: TlsNeed, wrong: str) -> None:
    async with server(WRONG[wrong]) as destination:
        outcome = await attempt(authorities, hop_to(destination, need))
    assert (outcome.kind, outcome.reason, outcome.enhanced) == ("transient", "tls", "4.7.5")
    assert outcome.response == f"451 4.7.5 TLS is required by {need.by}: the server's certificate {wrong}"
    assert nothing_was_said(destination)


async def test_certificate_that_is_not_the_one_in_dns_waits(authorities: Path) -> None:
    async with server(SOUND) as destination:
        outcome = await attempt(authorities, hop_to(destination, by_dane(AUTHORITY.certificate(NAME))))
    told = "451 4.7.5 TLS is required by DANE: the server's certificate is not the one in DNS"
    assert (outcome.kind, outcome.reason, outcome.response) == ("transient", "tls", told)
    assert nothing_was_said(destination)


@pytest.mark.parametrize("need", [OWNER, ENFORCED, DANE, ENCRYPTED])
@pytest.mark.parametrize(
    ("tls", "enhanced"), [("", "4.7.4"), ("broken", "4.7.5"), ("refused", "4.7.5"), ("dies", "4.7.5")]
)
async def test_server_without_tls_that_works_waits(
    authorities: Path, need: TlsNeed, tls: Any, enhanced: str
) -> None:
    certificate = AUTHORITY.certificate(NAME)
    need = replace(need, records=by_dane(certificate).records) if need.level == "dane" else need
    context = certificate.context() if tls == "dies" else None
    async with Destination(tls=tls, context=context) as destination:
        outcome = await attempt(authorities, hop_to(destination, need))
    assert (outcome.kind, outcome.reason, outcome.enhanced) == ("transient", "tls", enhanced)
    assert outcome.response.startswith(f"451 {enhanced} TLS is required by {need.by}: ")
    assert (destination.connections, nothing_was_said(destination)) == (1, True)


async def test_server_that_knows_no_ehlo_waits(authorities: Path) -> None:
    """Somebody in between who has only HELO answered must gain nothing."""
    async with Destination({"EHLO": "502 what?"}, tls="sound", context=SOUND.context()) as destination:
        outcome = await attempt(authorities, hop_to(destination, ENFORCED))
    assert (outcome.kind, outcome.enhanced) == ("transient", "4.7.4")


async def test_next_host_is_tried_where_one_has_not_the_tls_needed(authorities: Path) -> None:
    async with Destination() as plain, server(SOUND) as sound:
        outcome = await attempt(authorities, hop_to(plain, ENFORCED), hop_to(sound, ENFORCED))
    assert (outcome.kind, len(sound.messages)) == ("delivered", 1)
    assert nothing_was_said(plain)


# MTA-STS in testing mode: mail goes on, and the owner is told


@pytest.mark.parametrize("wrong", WRONG)
async def test_testing_mode_goes_on_and_tells_of_the_certificate(authorities: Path, wrong: str) -> None:
    async with server(WRONG[wrong]) as destination:
        outcome = await attempt(authorities, hop_to(destination, TESTED))
    told = f"250 2.0.0 Accepted [TLSv1.3, MTA-STS testing: the server's certificate {wrong}]"
    assert (outcome.kind, outcome.response) == ("delivered", told)


@pytest.mark.parametrize(
    ("tls", "missing"), [("", "the server offers no STARTTLS"), ("broken", "STARTTLS failed")]
)
async def test_testing_mode_goes_on_in_clear_text(authorities: Path, tls: Any, missing: str) -> None:
    async with Destination(tls=tls) as destination:
        outcome = await attempt(authorities, hop_to(destination, TESTED))
    assert outcome.response == f"250 2.0.0 Accepted [no TLS, MTA-STS testing: {missing}]"


async def test_testing_mode_tells_of_a_host_that_the_policy_does_not_name(authorities: Path) -> None:
    async with server(SOUND) as destination:
        outcome = await attempt(authorities, hop_to(destination, UNNAMED))
    told = "250 2.0.0 Accepted [TLSv1.3, MTA-STS testing: the policy does not name this host]"
    assert outcome.response == told


# What is told


async def test_long_reply_never_hides_which_tls_was_used(authorities: Path) -> None:
    async with Destination({"DOT": "250 2.0.0 " + "x" * 490}) as destination:
        outcome = await attempt(authorities, hop_to(destination, OPPORTUNISTIC))
    assert len(outcome.response) == RESPONSE_CHARACTERS
    assert outcome.response.endswith("xxx [no TLS]")


async def test_refusals_tell_it_too(authorities: Path) -> None:
    async with server(SOUND, script={"RCPT": "550 5.1.1 No such user"}) as destination:
        outcome = await attempt(authorities, hop_to(destination, ENFORCED))
    assert outcome.response == "550 5.1.1 No such user [TLSv1.3, verified]"


# Kept connections


async def test_kept_connection_is_used_for_the_same_need_alone(authorities: Path) -> None:
    async with server(SOUND) as destination:
        hops = Answered(hop_to(destination, OPPORTUNISTIC))
        async with transport_over(authorities, hops) as transport:
            for need in (OPPORTUNISTIC, OPPORTUNISTIC, OWNER, OWNER, DANE, by_dane(SOUND, 0), OPPORTUNISTIC):
                hops.hops = (hop_to(destination, need),)
                outcome = await transport.send(PARCEL, may_commit=lambda: True)
                assert outcome.kind == "delivered"
        assert [message.connection for message in destination.messages] == [1, 1, 2, 2, 3, 4, 1]


async def test_unproven_connection_is_never_used_where_proof_is_needed(authorities: Path) -> None:
    async with server(WRONG["is for another name"]) as destination:
        hops = Answered(hop_to(destination, OPPORTUNISTIC))
        async with transport_over(authorities, hops) as transport:
            assert (await transport.send(PARCEL, may_commit=lambda: True)).kind == "delivered"
            hops.hops = (hop_to(destination, OWNER),)
            assert (await transport.send(PARCEL, may_commit=lambda: True)).reason == "tls"
    assert len(destination.messages) == 1
