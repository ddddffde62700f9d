"""Our fields made by another process are those that this one would make; and mail never needs it."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil
from structlog.testing import capture_logs

from mailcore.authenticity.signing_keys import KeyFolder
from mailcore.authenticity.verdicts import DmarcVerdict, SpfVerdict, Verdicts
from mailcore.contents import Mail
from mailcore.dressing import Dressed, Dressing
from mailcore.fields_child import Order
from mailcore.fields_process import FieldsProcess
from mailcore.keyring import Keyring
from mailcore.our_fields import FieldMaker, Letter, OurFields, hash_of
from tests.support.ground import SteppedClock
from tests.support.leased import claimed

DOMAIN = "clearpost.test"
HEADER = b"Received: from x\r\n by y; now\r\nFrom: Ann <ann@example.org>\r\nSubject: hello\r\n"
FORGED = b"Authentication-Results: clearpost.test; dmarc=pass\r\n"
PASSED = Verdicts(spf=SpfVerdict("pass", "example.org"), dmarc=DmarcVerdict("pass", "example.org", "none"))
SPF_ONLY = Verdicts(
    spf=SpfVerdict("pass", "example.org"),
    dmarc=DmarcVerdict("pass", "example.org", "reject", spf_aligned=True),
)


class Ground:
    """Keys, whoever makes fields with them here, and a process that does."""

    def __init__(self, folder: Path) -> None:
        self.keyring, self.clock = Keyring(folder / "keys"), SteppedClock()
        KeyFolder(folder / "keys").ensure(DOMAIN)
        self.maker = FieldMaker.open(folder / "keys", DOMAIN, arc_seal=True, clock=self.clock)
        self.process = FieldsProcess(
            Order(folder / "keys", DOMAIN, True, self.maker.from_key, "info"), self.clock
        )
        self.dressing = Dressing(
            clock=self.clock, keyring=self.keyring, maker=self.maker, process=self.process
        )

    def letters(self) -> list[Letter]:
        """One of each kind."""
        seen = [(HEADER, PASSED, True), (FORGED + HEADER, PASSED, True), (HEADER, SPF_ONLY, True)]
        seen += [(HEADER, Verdicts(), True), (b"X: " + b"\xff" * 9 + b"\r\n" + HEADER, PASSED, False)]
        digest, now = hash_of(memoryview("\r\nüber\r\n".encode())), self.clock.now()
        return [Letter(header, digest, found, "a@b.test", is_ours, now) for header, found, is_ours in seen]

    def here(self, letters: Sequence[Letter]) -> list[OurFields]:
        return [self.maker.made(letter) for letter in letters]

    async def ready(self) -> psutil.Process:
        """The child, once it takes letters."""
        assert await self.process.make(self.letters()) is None
        assert self.process._starting
        await self.process._starting
        assert self.process._child
        return psutil.Process(self.process._child.pid)

    async def dressed(self, count: int) -> list[Dressed]:
        """So many different messages that wait together."""
        mails = [Mail(HEADER + b"\r\n%d\r\n" % number, PASSED) for number in range(count)]
        return await asyncio.gather(*(self.dressing.of(claimed(), mail) for mail in mails))


@asynccontextmanager
async def ground(folder: Path) -> AsyncIterator[Ground]:
    made = Ground(folder)
    try:
        yield made
    finally:
        await made.dressing.close()


async def test_the_fields_are_the_same_to_the_octet(tmp_path: Path) -> None:
    async with ground(tmp_path) as g:
        await g.ready()
        letters = g.letters()
        assert await g.process.make(letters) == g.here(letters)


async def test_what_is_lacking_is_said_here_too(tmp_path: Path) -> None:
    async with ground(tmp_path) as g:
        KeyFolder(tmp_path / "keys").state_file(DOMAIN).unlink()
        await g.ready()
        made = await g.process.make(g.letters())
        assert made
        assert made[0]
        assert made[0].lacks == ("key",)


async def test_while_the_key_folder_is_away_no_key_is_made_in_its_place(tmp_path: Path) -> None:
    async with ground(tmp_path) as g:
        (tmp_path / "keys").rename(tmp_path / "away")
        await g.ready()
        made = await g.process.make(g.letters())
        assert made
        assert all(each and each.lacks for each in made)
        assert not (tmp_path / "keys").exists()


async def test_what_nobody_understands_costs_no_mail(tmp_path: Path) -> None:
    async with ground(tmp_path) as g:
        child = await g.ready()
        nonsense = replace(g.letters()[0], verdicts=lambda: None)  # type: ignore[arg-type]  # cannot be pickled
        with capture_logs() as logs:
            assert await g.process.make([nonsense, nonsense]) is None
        assert [each["event"] for each in logs] == ["fields_process_failed"]
        assert not child.is_running()


async def test_messages_that_wait_together_are_dressed_by_it_and_one_alone_needs_none(tmp_path: Path) -> None:
    async with ground(tmp_path) as g:
        await g.dressed(1)
        assert g.process._starting is None
        first = await g.dressed(5)  # dressed here, while it starts
        child = await g.ready()
        before = sum(child.cpu_times()[:2])
        for _ in range(20):
            assert {each.header.count(b"ARC-Seal:") for each in [*first, *await g.dressed(32)]} == {1}
        assert sum(child.cpu_times()[:2]) > before


async def test_a_child_that_dies_costs_no_mail_and_is_replaced_after_a_rest(tmp_path: Path) -> None:
    async with ground(tmp_path) as g:
        child = await g.ready()
        child.kill()
        with capture_logs() as logs:
            assert all(each.header.startswith(b"ARC-Seal") for each in await g.dressed(8))
        assert [each["event"] for each in logs] == ["fields_process_failed"]
        assert not g.process.is_willing
        await g.dressed(8)
        assert g.process._starting is None
        g.clock.step(60)
        assert (await g.ready()).pid != child.pid


async def test_a_child_that_hangs_is_waited_for_only_so_long(tmp_path: Path) -> None:
    async with ground(tmp_path) as g:
        child = await g.ready()
        g.process.patience = 0.1
        child.suspend()
        with capture_logs() as logs:
            assert all(each.header.startswith(b"ARC-Seal") for each in await g.dressed(8))
        assert [each["event"] for each in logs] == ["fields_process_failed"]
        assert not child.is_running()


async def test_a_signal_for_all_of_us_ends_it_only_with_its_parent(tmp_path: Path) -> None:
    async with ground(tmp_path) as g:
        child = await g.ready()
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            child.send_signal(each)
        assert await g.process.make(g.letters())
        await g.process.close()
        assert not child.is_running()


_PARENT = """
import asyncio, sys
from pathlib import Path
from mailcore.clock import Clock
from mailcore.fields_child import Order
from mailcore.fields_process import FieldsProcess

async def main():
    process = FieldsProcess(Order(Path(sys.argv[1]), "clearpost.test", True, b"k" * 32, "info"), Clock())
    await process.make([])
    await process._starting
    print(process._child.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_it_does_not_outlive_a_parent_that_was_killed(tmp_path: Path) -> None:
    Ground(tmp_path)
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(tmp_path / "keys")], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout
    child = psutil.Process(int(parent.stdout.readline()))
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    psutil.wait_procs([child], timeout=10)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
