"""What goes on top of a message, what is cut out of it, and that nothing else of it changes."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from mailcore import rewriting
from mailcore.authenticity import arc, dkim
from mailcore.authenticity.from_rewrite import token
from mailcore.authenticity.results import authentication_results
from mailcore.authenticity.signing_keys import KeyFolder, SigningKey, SigningKeys
from mailcore.authenticity.verdicts import ArcVerdict, DmarcVerdict, SpfVerdict, Verdicts
from mailcore.contents import Mail
from mailcore.dressing import Dressed, Dressing
from mailcore.keyring import Keyring
from mailcore.our_fields import FieldMaker
from mailcore.settings import Settings
from tests.support.ground import SteppedClock
from tests.support.leased import ALIAS, claimed
from tests.support.signed_mail import Records

DOMAIN = "clearpost.test"
CONTENT = (
    b"Received: from x\r\n by y; now\r\nFrom: Ann <ann@example.org>\r\nSubject: hello\r\n\r\n"
    b"Dear  Bob, \r\n.\r\n\r\n\r\n"
)
LINE = b" of a large message\r\n"
FORGED = b"Authentication-Results: clearpost.test; dmarc=pass\r\n"
KEPT = b"Authentication-Results: other.test; dmarc=pass\r\n"
FOUND = Verdicts(spf=SpfVerdict("pass", "example.org"), dmarc=DmarcVerdict("pass", "example.org", "none"))
SPF_ONLY = Verdicts(
    spf=SpfVerdict("pass", "example.org"),
    dmarc=DmarcVerdict("pass", "example.org", "reject", spf_aligned=True),
)
RESULTS = authentication_results(DOMAIN, FOUND)


class BusyOnce(SigningKeys):
    """Who asks first waits until `free`: a message that takes long."""

    free: threading.Event
    asked: threading.Event

    def signing(self, domain: str) -> SigningKey | None:
        if not self.asked.is_set():
            self.asked.set()
            self.free.wait()
        return super().signing(domain)


class House:
    """A dressing with its keys, and a name server that shows them."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.settings = Settings(_env_file=None, key_dir=folder / "keys", **changes)
        self.keyring = Keyring(self.settings.key_dir)
        self.folder = KeyFolder(self.settings.key_dir)
        self.folder.ensure(DOMAIN)
        self.clock = SteppedClock()
        self.maker = FieldMaker.open(
            self.settings.key_dir, DOMAIN, arc_seal=self.settings.arc_seal, clock=self.clock
        )
        self.dressing = Dressing(clock=self.clock, keyring=self.keyring, maker=self.maker)
        self.mark = rewriting.loop_mark(self.keyring.key("loop"), ALIAS)

    async def of(self, content: bytes, verdicts: Verdicts | None = FOUND, **changes: Any) -> Dressed:
        return await self.dressing.of(claimed(**changes), Mail(content, verdicts))

    @property
    def records(self) -> Records:
        return Records({key.record_name: key.record for key in self.folder.keys(DOMAIN)})

    async def chain(self, dressed: Dressed) -> ArcVerdict:
        header, body = parts(dressed)
        return await arc.verify(header, [body], self.records)

    async def signatures(self, dressed: Dressed) -> list[str]:
        header, body = parts(dressed)
        found = await dkim.verify(header, [body], self.records, now=self.clock.now())
        return [each.result for each in found]


def whole(dressed: Dressed) -> bytes:
    return b"".join(dressed.pieces)


def parts(dressed: Dressed) -> tuple[bytes, bytes]:
    header, _, body = whole(dressed).partition(b"\r\n\r\n")
    return header + b"\r\n", body


@asynccontextmanager
async def house(folder: Path, **changes: Any) -> AsyncIterator[House]:
    made = House(folder, **changes)
    try:
        yield made
    finally:
        await made.dressing.close()


def unsealed(lack: str) -> float:
    return REGISTRY.get_sample_value("clearpost_unsealed_total", {"lack": lack}) or 0.0


async def test_forwarded_mail_gets_a_seal_the_mark_and_the_results_and_stays_what_it_was(
    tmp_path: Path,
) -> None:
    async with house(tmp_path) as h:
        dressed = await h.of(CONTENT)
        seal, _, below = whole(dressed).partition(h.mark)
        assert below == RESULTS + CONTENT
        assert seal.startswith(b"ARC-Seal: i=1; a=rsa-sha256; cv=none;")
        assert dressed.size == len(whole(dressed))
        assert dressed.header + b"\r\nDear" == whole(dressed)[: len(dressed.header) + 6]
        assert not dressed.note
        verdict = await h.chain(dressed)
        assert (verdict.result, verdict.sets, verdict.sealers) == ("pass", 1, (DOMAIN,))


async def test_without_arc_the_mark_and_the_results_are_all(tmp_path: Path) -> None:
    async with house(tmp_path, arc_seal=False) as h:
        assert whole(await h.of(CONTENT)) == h.mark + RESULTS + CONTENT


async def test_forged_results_of_our_name_are_cut_and_others_stay(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        dressed = await h.of(FORGED + KEPT + CONTENT.replace(b"Subject", FORGED + b"Subject"))
        assert whole(dressed).partition(h.mark)[2] == RESULTS + KEPT + CONTENT
        assert (await h.chain(dressed)).result == "pass"


async def test_what_was_cut_counts_neither_for_the_size_nor_for_8bitmime(tmp_path: Path) -> None:
    forged = b"Authentication-Results: clearpost.test; x=\xc3\xa4\r\n"
    async with house(tmp_path) as h:
        dressed = await h.of(forged + CONTENT)
        assert not dressed.eight_bit
        assert dressed.header.isascii()
        assert dressed.size == len(whole(dressed))
        assert (await h.of(b"Subject: \xc3\xa4\r\n" + CONTENT)).eight_bit
        assert (await h.of(CONTENT + b"\xc3\xa4\r\n")).eight_bit


async def test_from_is_rewritten_where_only_spf_aligned_and_signed_by_us(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        dressed = await h.of(FORGED + CONTENT, SPF_ONLY)
        _, _, below = whole(dressed).partition(h.mark)
        local_part = token(h.keyring.key("from"), "hello@shop.test", "ann@example.org")
        assert below == authentication_results(DOMAIN, SPF_ONLY) + CONTENT.replace(
            b"From: Ann <ann@example.org>\r\n",
            b'From: "Ann via hello at shop.test"\r\n <' + local_part.encode() + b"@clearpost.test>\r\n"
            b"Reply-To: Ann <ann@example.org>\r\nX-Original-From: Ann <ann@example.org>\r\n",
        )
        assert dressed.note == "From rewritten"
        assert await h.signatures(dressed) == ["pass"]
        assert (await h.chain(dressed)).result == "pass"


async def test_mail_of_our_own_is_signed_and_has_no_seal(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        for origin in ("dsn", "notice"):
            dressed = await h.of(CONTENT, None, origin=origin, alias_id=None)
            assert whole(dressed).startswith(b"DKIM-Signature: v=1;")
            assert whole(dressed).partition(b"Received:")[2] == CONTENT.partition(b"Received:")[2]
            assert await h.signatures(dressed) == ["pass"]


async def test_mail_of_our_own_from_another_domain_is_signed_with_its_key(tmp_path: Path) -> None:
    content = CONTENT.replace(b"ann@example.org", b"team@letters.test")
    async with house(tmp_path) as h:
        h.folder.make("letters.test")
        dressed = await h.of(content, None, origin="notice", alias_id=None)
    assert b" d=letters.test;" in whole(dressed).partition(b"Received:")[0]


async def test_mail_that_nobody_judged_gets_the_mark_and_a_signature_and_no_seal(tmp_path: Path) -> None:
    """Of a release that made no verdicts, or where they are switched off."""
    async with house(tmp_path) as h:
        dressed = await h.of(CONTENT, None)
        signature, mark, rest = whole(dressed).partition(h.mark)
        assert (signature[:15], mark, rest) == (b"DKIM-Signature:", h.mark, CONTENT)
        assert await h.signatures(dressed) == ["pass"]
        assert FORGED not in whole(await h.of(FORGED + CONTENT, None))


async def test_one_seal_does_for_all_destinations_of_an_alias(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        mail = Mail(CONTENT, FOUND)
        several = await asyncio.gather(*(h.dressing.of(claimed(), mail) for _ in range(8)))
        assert len({whole(each) for each in several}) == 1


async def test_what_was_made_ahead_is_what_is_sent(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        mail = Mail(CONTENT, FOUND)
        h.dressing.ahead(claimed(), mail)
        h.clock.jump(timedelta(seconds=2))
        dressed = await h.dressing.of(claimed(), mail)
        assert f"t={int(h.clock.now().timestamp()) - 2}".encode() in dressed.header
        assert (await h.chain(dressed)).result == "pass"


async def test_what_breaks_ahead_breaks_only_where_it_is_asked_for(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.maker.domain = Broken()  # type: ignore[assignment]
        mail = Mail(FORGED + CONTENT, FOUND)
        h.dressing.ahead(claimed(), mail)
        with pytest.raises(AttributeError):
            await h.dressing.of(claimed(), mail)


async def test_a_message_is_parted_once_for_all_its_attempts(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        mail = Mail(FORGED + CONTENT, FOUND)
        await h.dressing.of(claimed(), mail)
        header = h.dressing.header(mail)
        assert header == rewriting.header_section(mail.content)
        await h.dressing.of(claimed(), mail)
        assert h.dressing.header(mail) is header


@pytest.mark.parametrize("slow", [CONTENT + LINE * 4_000, b"Comments: " + LINE * 1_000 + CONTENT])
async def test_a_message_that_takes_long_holds_up_no_other_however_many_destinations_it_has(
    tmp_path: Path, slow: bytes
) -> None:
    async with house(tmp_path) as h:
        busy = BusyOnce(h.folder, h.clock)
        busy.free, busy.asked = threading.Event(), threading.Event()
        h.maker.keys = busy
        mail = Mail(slow, FOUND)
        waiting = [asyncio.create_task(h.dressing.of(claimed(), mail)) for _ in range(8)]
        try:
            await asyncio.to_thread(busy.asked.wait)
            async with asyncio.timeout(5):
                assert whole(await h.of(CONTENT)).startswith(b"ARC-Seal")
        finally:
            busy.free.set()
        assert len({whole(each) for each in await asyncio.gather(*waiting)}) == 1


async def test_a_message_that_is_gone_leaves_nothing_behind(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        mail = Mail(CONTENT, FOUND)
        await h.dressing.of(claimed(), mail)
        assert len(h.dressing._messages) == 1
        del mail
        assert len(h.dressing._messages) == 0


async def test_without_a_key_mail_goes_unsealed_and_is_counted(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.folder.state_file(DOMAIN).unlink()
        before = unsealed("key")
        with capture_logs():
            assert whole(await h.of(CONTENT)) == h.mark + RESULTS + CONTENT
        assert unsealed("key") == before + 1


@pytest.mark.parametrize(
    "found",
    [ArcVerdict("temperror", 1), ArcVerdict("fail", 1), ArcVerdict("pass", 50)],
    ids=lambda verdict: f"{verdict.result} {verdict.sets}",
)
async def test_what_cannot_be_sealed_goes_as_it_is_and_is_counted(tmp_path: Path, found: ArcVerdict) -> None:
    verdicts = replace(FOUND, arc=found)
    async with house(tmp_path) as h:
        before = unsealed("message")
        dressed = await h.of(b"ARC-Seal: i=1\r\n" + CONTENT, verdicts)
        assert whole(dressed).startswith(h.mark)
        assert unsealed("message") == before + 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\r\n",
        b"\r\nbody only\r\n",
        b"Subject: no body\r\n",
        b"Subject: no end of line",
        b"no colon\r\n\r\nbody\r\n",
        b"From: a@b.test\r\n\r\n",
        b"From: a@b.test\r\n\r\n\r\n\r\n",
        b": odd\r\nFrom : x\r\n\r\n\xff\r\n",
        b"DKIM-Signature: nonsense\r\nARC-Seal: nonsense\r\n\r\n.\r\n",
    ],
)
@pytest.mark.parametrize("verdicts", [FOUND, SPF_ONLY, None])
async def test_odd_mail_is_sent_all_the_same(
    tmp_path: Path, content: bytes, verdicts: Verdicts | None
) -> None:
    async with house(tmp_path) as h:
        with capture_logs() as logged:
            for origin in ("smtp", "dsn"):
                dressed = await h.of(content, verdicts, origin=origin)
                assert dressed.size == len(whole(dressed))
                if not dressed.note:
                    assert whole(dressed).endswith(content)
        assert logged == []


class Broken:
    """What no code of ours expects in the place of anything."""


def broken(**changes: Any) -> Verdicts:
    return replace(SPF_ONLY, **changes)


async def faulty(h: House, verdicts: Verdicts = SPF_ONLY) -> Dressed:
    """Dressed in spite of a fault, which is counted and told by its type and place."""
    before = unsealed("fault")
    with capture_logs() as logged:
        dressed = await h.of(FORGED + CONTENT, verdicts)
    assert unsealed("fault") == before + len(logged) > before
    assert {(line["event"], line["error"]) for line in logged} == {("not_sealed", "AttributeError")}
    assert all(":" in line["where"] for line in logged)
    return dressed


async def test_where_from_cannot_be_rewritten_mail_is_sealed_and_sent_without_that(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.maker.from_key = Broken()  # type: ignore[assignment]
        before = unsealed("fault")
        with capture_logs():
            dressed = await h.of(FORGED + CONTENT, SPF_ONLY)
        assert unsealed("fault") == before + 1
        assert whole(dressed).partition(h.mark)[2] == authentication_results(DOMAIN, SPF_ONLY) + CONTENT
        assert not dressed.note
        assert (await h.chain(dressed)).result == "pass"


async def test_where_results_cannot_be_written_from_is_rewritten_all_the_same(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        dressed = await faulty(h, broken(spf=Broken()))
        assert whole(dressed).startswith(b"DKIM-Signature")
        assert b"ARC-Seal" not in whole(dressed)
        assert FORGED not in whole(dressed)
        assert dressed.note == "From rewritten"
        assert await h.signatures(dressed) == ["pass"]


async def test_where_nothing_can_be_made_of_the_verdicts_forged_results_are_cut_and_mail_goes(
    tmp_path: Path,
) -> None:
    async with house(tmp_path) as h:
        assert whole(await faulty(h, broken(dmarc=Broken()))) == h.mark + CONTENT


async def test_where_forged_results_cannot_be_cut_mail_is_held(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.maker.domain = Broken()  # type: ignore[assignment]
        with pytest.raises(AttributeError):
            await h.of(FORGED + CONTENT)


_NAMES = st.sampled_from(
    [b"From", b"Subject", b"ARC-Seal", b"ARC-Message-Signature", b"ARC-Authentication-Results",
     b"Authentication-Results", b"DKIM-Signature", b"Reply-To", b"X-Odd", b"", b"\xff"]
)  # fmt: skip
_VALUES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [b" i=1; a=rsa-sha256; cv=none; b=", b" clearpost.test; x", b" A <a@b.test>", b"\r\n\t x"]
    ),
)


@given(
    fields=st.lists(st.tuples(_NAMES, _VALUES), max_size=8),
    body=st.binary(max_size=200),
    verdicts=st.sampled_from([FOUND, SPF_ONLY, None]),
    origin=st.sampled_from(["smtp", "dsn"]),
)
@settings(max_examples=200, deadline=None)
def test_whatever_a_message_holds_it_is_dressed(
    shared: House, fields: list[tuple[bytes, bytes]], body: bytes, verdicts: Verdicts | None, origin: str
) -> None:
    lines = [name + b":" + value.replace(b"\r\n\r\n", b"\r\n ") + b"\r\n" for name, value in fields]
    content = b"".join(lines) + b"\r\n" + body
    with capture_logs() as logged:
        dressed = asyncio.run(shared.of(content, verdicts, origin=origin))
    assert logged == []
    assert dressed.size == len(whole(dressed))
    assert whole(dressed).endswith(b"\r\n" + body)
    assert dressed.eight_bit == (not whole(dressed).isascii())


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("house"))
    yield made
    asyncio.run(made.dressing.close())


async def test_a_large_message_is_not_copied(tmp_path: Path) -> None:
    content = memoryview(CONTENT + b"x" * 5_000_000)
    async with house(tmp_path) as h:
        dressed = await h.dressing.of(claimed(), Mail(content, FOUND))
        large = dressed.pieces[-1]
        assert isinstance(large, memoryview)
        assert large.obj is content.obj
        assert (await h.chain(dressed)).result == "pass"
