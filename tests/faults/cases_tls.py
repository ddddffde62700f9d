"""F60: destinations that lie about TLS, where nothing is required of it and where something is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from clearpost.standins.dns import Fault
from tests.faults.case import Run, case
from tests.faults.load import Letter
from tests.faults.rig import until
from tests.support.authority import Authority, ServerCertificate
from tests.support.destination import CAPABILITIES, Tls
from tests.support.policy_host import policy_text

BROKEN: Final[tuple[Tls, ...]] = ("refused", "broken", "dies")
SINK: Final = "tls"  # the one that MX records lead to


def _certificates(run: Run, domain: str) -> tuple[ServerCertificate, dict[str, ServerCertificate]]:
    """A sound one for the domain's mail host, and all that are not."""
    authority, host = run.rig.authority, f"mx.{domain}"
    wrong = {
        "has expired": authority.expired(host),
        "is for another name": authority.certificate("mx.another.example"),
        "is from no authority that we know": Authority().certificate(host),
    }
    return authority.certificate(host), wrong


def _leads_here(run: Run, domain: str) -> None:
    run.rig.zone.put(domain, "MX", f"10 mx.{domain}.")
    run.rig.zone.put(f"mx.{domain}", "A", run.rig.sinks[SINK].host)
    run.rig.sinks[SINK].commands.clear()


@asynccontextmanager
async def _server(run: Run, tls: Tls, certificate: ServerCertificate | None = None) -> AsyncIterator[None]:
    """The mail host behaves like this meanwhile; connections from before are cut."""
    sink = run.rig.sinks[SINK]
    sink.tls, sink.context = tls, certificate.context() if certificate else None
    sink.capabilities = (*CAPABILITIES, "STARTTLS") if tls else CAPABILITIES
    await sink.cut()
    try:
        yield
    finally:
        sink.tls, sink.context, sink.capabilities = "", None, CAPABILITIES
        await sink.cut()


async def _goes(run: Run, alias: str, words: str, domain: str = "shop.test") -> None:
    """Delivered at the first attempt, and its owner is told how."""
    letter = await run.load.accepted(run.load.letter(alias, domain=domain))
    await run.rig.until_event(letter.id, "delivered", f"[{words}]")
    assert [kind for kind, _, _ in await run.rig.events(letter.id)] == ["received", "delivered"]


async def _waits(run: Run, letter: Letter, words: str) -> None:
    """From now on it is tried again and again, and its owner is told why; nothing of it left us."""
    before = len(await run.rig.events(letter.id))

    async def said() -> bool:
        later = (await run.rig.events(letter.id))[before:]
        return any(kind == "soft-bounced" and words in response for kind, _, response in later)

    await until(said, 30, f"no {words}")
    assert not run.load.arrived(letter)
    commands = [line for _, line in run.rig.sinks[SINK].commands]
    assert not any(line.startswith(("MAIL", "RCPT")) for line in commands), "an envelope went out"


async def _waits_for_sound_tls(
    run: Run, alias: str, destination: str, by: str, domain: str = "shop.test"
) -> None:
    """Through every kind of bad server; then it is delivered, once."""
    sound, wrong = _certificates(run, destination)
    letter = run.load.letter(alias, domain=domain)
    async with _server(run, ""):
        await run.load.accepted(letter)
        await _waits(run, letter, f"4.7.4 TLS is required by {by}: the server offers no STARTTLS")
    for tls in BROKEN:
        async with _server(run, tls, sound):
            await _waits(run, letter, f"4.7.5 TLS is required by {by}: STARTTLS failed")
    for words, certificate in wrong.items():
        async with _server(run, "sound", certificate):
            await _waits(run, letter, f"4.7.5 TLS is required by {by}: the server's certificate {words}")
    async with _server(run, "sound", sound):
        run.fault()
        await run.rig.until_event(letter.id, "delivered", "[TLSv1.3, verified]")
        run.recovered()
    assert run.load.arrived(letter) == 1


@case("F60", "STARTTLS refused, broken, dying: opportunistic goes on without", reduced=True)
async def broken_tls(run: Run) -> None:
    _leads_here(run, "plain.example")
    for tls in BROKEN:
        async with _server(run, tls):
            await _goes(run, "plain", "no TLS")
        assert not run.rig.sinks[SINK].messages[-1].tls


@case("F60 cert", "expired, another name, unknown: opportunistic goes on, encrypted")
async def wrong_certificate(run: Run) -> None:
    _leads_here(run, "plain.example")
    for certificate in _certificates(run, "plain.example")[1].values():
        async with _server(run, "sound", certificate):
            await _goes(run, "plain", "TLSv1.3")
        assert run.rig.sinks[SINK].messages[-1].tls


@case("F60 enforce", "MTA-STS enforced: mail waits for TLS and a proven name", reduced=True)
async def enforced(run: Run) -> None:
    _leads_here(run, "enforce.example")
    text = policy_text("mx.enforce.example")
    run.rig.policies.publish(run.rig.zone, "enforce.example", text, "1")
    await _waits_for_sound_tls(run, "enforce", "enforce.example", "MTA-STS")


@case("F60 hosts", "MTA-STS enforced: forged MX records lead nowhere")
async def forged_mx(run: Run) -> None:
    _leads_here(run, "forged.example")
    text = policy_text("mx.of.forged.example")
    run.rig.policies.publish(run.rig.zone, "forged.example", text, "1")
    letter = await run.load.accepted(run.load.letter("forged"))
    await _waits(run, letter, "4.7.5 The domain's MTA-STS policy names none of its mail hosts")
    run.rig.policies.publish(run.rig.zone, "forged.example", policy_text("*.forged.example"), "2")
    async with _server(run, "sound", _certificates(run, "forged.example")[0]):
        await run.rig.until_event(letter.id, "delivered", "[TLSv1.3, verified]")


@case("F60 kept", "MTA-STS is blocked and we start anew: the policy still holds")
async def blocked_policy(run: Run) -> None:
    rig = run.rig
    _leads_here(run, "kept.example")
    rig.policies.publish(rig.zone, "kept.example", policy_text("mx.kept.example"), "1")
    async with _server(run, "sound", _certificates(run, "kept.example")[0]):
        await _goes(run, "kept", "TLSv1.3, verified")
    rig.zone.fail("_mta-sts.kept.example", Fault.SERVFAIL)
    rig.policies.status = 503
    try:
        await rig.replace("mx")
        await rig.replace("worker")
        rig.sinks[SINK].commands.clear()
        letter = await run.load.accepted(run.load.letter("kept"))
        await _waits(run, letter, "4.7.4 TLS is required by MTA-STS")
        async with _server(run, "sound", _certificates(run, "kept.example")[0]):
            await rig.until_event(letter.id, "delivered", "[TLSv1.3, verified]")
    finally:
        rig.policies.status = 200
        rig.zone.heal("_mta-sts.kept.example")


@case("F60 testing", "MTA-STS in testing: mail goes on, and its owner is told what is wrong")
async def testing(run: Run) -> None:
    _leads_here(run, "testing.example")
    text = policy_text("mx.testing.example", mode="testing")
    run.rig.policies.publish(run.rig.zone, "testing.example", text, "1")
    sound, wrong = _certificates(run, "testing.example")
    async with _server(run, "sound", sound):
        await _goes(run, "testing", "TLSv1.3, verified, MTA-STS testing")
    for words, certificate in wrong.items():
        async with _server(run, "sound", certificate):
            await _goes(run, "testing", f"TLSv1.3, MTA-STS testing: the server's certificate {words}")
    for tls in BROKEN:
        async with _server(run, tls, sound):
            await _goes(run, "testing", "no TLS, MTA-STS testing: STARTTLS failed")


@case("F60 DANE", "TLSA records: mail waits for that certificate, and where they can't be had", reduced=True)
async def dane(run: Run) -> None:
    """The name server here stands in for a resolver that has validated; see the TLS lab for a real one."""
    rig = run.rig
    port = rig.settings.smtp_port
    sound, wrong = _certificates(run, "dane.example")
    rig.zone.sign("dane.example")
    _leads_here(run, "dane.example")
    rig.zone.put(f"_{port}._tcp.mx.dane.example", "TLSA", sound.tlsa)
    rig.zone.fail(f"_{port}._tcp.mx.dane.example", Fault.SERVFAIL)
    letter = await run.load.accepted(run.load.letter("dane"))
    await _waits(run, letter, "4.7.5 DNS gave no answer about the certificates")
    rig.zone.heal(f"_{port}._tcp.mx.dane.example")
    await _waits(run, letter, "4.7.4 TLS is required by DANE: the server offers no STARTTLS")
    for certificate in wrong.values():
        async with _server(run, "sound", certificate):
            await _waits(
                run, letter, "4.7.5 TLS is required by DANE: the server's certificate is not the one"
            )
    async with _server(run, "sound", sound):
        run.fault()
        await rig.until_event(letter.id, "delivered", "[TLSv1.3, DANE]")
        run.recovered()


@case("F60 owner", "the owner requires TLS: mail waits for it, that of others goes on", reduced=True)
async def owner(run: Run) -> None:
    _leads_here(run, "plain.example")
    async with _server(run, ""):
        await _goes(run, "plain", "no TLS")
    run.rig.sinks[SINK].commands.clear()
    await _waits_for_sound_tls(run, "plain", "plain.example", "the owner of the alias", domain="private.test")
