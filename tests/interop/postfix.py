"""A Postfix of one's own (Debian's): hosts mailboxes, relays the rest, and ends with the test.

Must never touch the system's own Postfix, ask DNS, or leave a process or a folder behind.

    async with postfix("you@inbox.test", host="127.0.0.2", port=4025, message_size_limit="5000") as inbox:
        (letter,) = await inbox.wait_for("you@inbox.test")
"""

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from clearpost.process import Program, spawn, stop
from tests.support.stack import until

_DAEMONS = "/usr/lib/postfix/sbin"
_ENVIRONMENT = {
    "PATH": os.defpath,
    "LC_ALL": "C",
    "TZ": "UTC",
    # as `postfix start` has it: without, what goes wrong before the log is open is told to syslog alone
    "POSTLOG_SERVICE": "postlog",
    "POSTLOG_HOSTNAME": "localhost",
}
_NOBODY = pwd.getpwnam("nobody")

_MAIN: Mapping[str, str] = {
    "compatibility_level": "3.6",
    "command_directory": "/usr/sbin",
    "daemon_directory": _DAEMONS,
    "mail_owner": "postfix",
    "setgid_group": "postdrop",
    "maillog_file_prefixes": tempfile.gettempdir(),
    # nobody is asked for a name: not who the host is, nor who a client is, nor where mail goes
    "inet_interfaces": "127.0.0.1",
    "inet_protocols": "ipv4",
    "disable_dns_lookups": "yes",
    "smtp_host_lookup": "native",
    "smtpd_peername_lookup": "no",
    "mydestination": "",
    "alias_maps": "",
    "alias_database": "",
    "mynetworks": "127.0.0.0/8",
    "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
    # what it passes on are the bytes it got, below its own Received
    "local_header_rewrite_clients": "",
    "smtpd_client_connection_count_limit": "0",
    "smtpd_tls_security_level": "may",
    "smtpd_tls_received_header": "yes",
    "smtp_tls_security_level": "may",
    "smtputf8_enable": "yes",
    "message_size_limit": "60000000",
    "virtual_mailbox_limit": "0",
    "virtual_minimum_uid": "1",
    "virtual_uid_maps": f"static:{_NOBODY.pw_uid}",
    "virtual_gid_maps": f"static:{_NOBODY.pw_gid}",
    # what is deferred is tried again at once, as far as Postfix will go
    "minimal_backoff_time": "1s",
    "maximal_backoff_time": "1s",
    "queue_run_delay": "1s",
}
_SERVICES = """
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n -  0 cleanup
qmgr      unix  n - n 1  1 qmgr
tlsmgr    unix  - - n -  1 tlsmgr
rewrite   unix  - - n -  - trivial-rewrite
bounce    unix  - - n -  0 bounce
defer     unix  - - n -  0 bounce
trace     unix  - - n -  0 bounce
verify    unix  - - n -  1 verify
flush     unix  n - n -  0 flush
proxymap  unix  - - n -  - proxymap
smtp      unix  - - n -  - smtp
relay     unix  - - n -  - smtp
error     unix  - - n -  - error
retry     unix  - - n -  - error
full      unix  - n n -  - pipe
  user=nobody argv=/bin/sh -c {echo 5.2.2 the mailbox ${recipient} is full; exit 77}
virtual   unix  - n n -  - virtual
anvil     unix  - - n -  1 anvil
scache    unix  - - n -  1 scache
postlog   unix-dgram n - n - 1 postlogd
"""
_QUEUE = "active bounce corrupt defer deferred flush hold incoming private saved trace"
_OWN_FIELDS = re.compile(rb"Return-Path: <(.*)>\r\nX-Original-To: .*\r\nDelivered-To: .*\r\n")


@dataclass(frozen=True, slots=True)
class Letter:
    """One file of a mailbox. `content` is what Postfix received, its own Received included; CRLF."""

    file: Path
    return_path: str
    content: bytes

    @classmethod
    def read(cls, file: Path) -> "Letter":
        whole = file.read_bytes().replace(b"\n", b"\r\n")
        own = _OWN_FIELDS.match(whole)
        assert own, f"no mail as Postfix delivers it: {whole[:200]!r}"
        return cls(file, own[1].decode(), whole[own.end() :])


@dataclass(frozen=True, slots=True)
class Postfix:
    """One that runs. `host` and `port` are where it listens."""

    folder: Path
    host: str
    port: int

    @property
    def route(self) -> str:
        """As the setting `routes` wants it, or Postfix's own `relayhost` in brackets."""
        return f"{self.host}:{self.port}"

    @property
    def log(self) -> str:
        return _text(self.folder / "mail.log")

    def letters(self, address: str) -> list[Letter]:
        """What this mailbox has got, oldest first. Maildir: a file in `new` is whole."""
        files = (self.folder / "mail" / address / "new").glob("*")
        return [Letter.read(file) for file in sorted(files, key=lambda file: file.stat().st_mtime_ns)]

    async def wait_for(self, address: str, count: int = 1) -> list[Letter]:
        """The letters of this mailbox, once there are so many."""

        async def are_there() -> bool:
            return len(self.letters(address)) >= count

        await self._until(are_there, f"{count} letters for one mailbox")
        return self.letters(address)

    async def said(self, pattern: str) -> re.Match[str]:
        """Returns once a line of its log matches."""

        async def has_said() -> bool:
            return re.search(pattern, self.log) is not None

        await self._until(has_said, f"the log line {pattern!r}")
        found = re.search(pattern, self.log)
        assert found
        return found

    async def idle(self) -> None:
        """Returns once its queue is empty."""

        async def is_empty() -> bool:
            return not self.waiting()

        await self._until(is_empty, "an empty queue")

    def waiting(self) -> list[str]:
        """Ids of the messages in its queue."""
        queues = ("maildrop", "incoming", "active", "deferred")
        return [
            file.name
            for name in queues
            for file in (self.folder / "queue" / name).rglob("*")
            if file.is_file()
        ]

    async def _until(self, condition: Callable[[], Awaitable[bool]], wanted: str) -> None:
        try:
            await until(condition)
        except TimeoutError:
            raise AssertionError(f"{self.host} never came to {wanted}. Its log:\n{self.log}") from None


@asynccontextmanager
async def postfix(
    *mailboxes: str, host: str, port: int, name: str = "", **main: str
) -> AsyncIterator[Postfix]:
    """One that listens there and keeps mail for these addresses; `main`: main.cf, over what stands above.

    `name` is how it calls itself, else after the domain of the first mailbox. All other addresses of those
    domains are refused 550 5.1.1. Its folder is none of pytest's: those are closed to the users it runs as.
    """
    assert os.geteuid() == 0, "Postfix is started by root alone: run `make interop` as root"
    folder = Path(tempfile.mkdtemp(prefix="clearpost-postfix-"))
    instance = Postfix(folder, host, port)
    try:
        domains = sorted({address.rpartition("@")[2] for address in mailboxes})
        _furnish(instance, mailboxes, {"myhostname": name or f"mail.{domains[0]}", **main})
        master = spawn(_master(folder))
        try:
            await _started(instance, master)
            yield instance
        finally:
            stop(master, signal.SIGTERM)
    finally:
        shutil.rmtree(folder)


def _furnish(instance: Postfix, mailboxes: tuple[str, ...], main: Mapping[str, str]) -> None:
    """Files and folders as `postfix check` would make them, which takes a second."""
    folder = instance.folder
    folder.chmod(0o711)
    for name in _QUEUE.split():
        _folder(folder / "queue" / name, "postfix", "root", 0o700)
    _folder(folder / "queue" / "maildrop", "postfix", "postdrop", 0o730)
    _folder(folder / "queue" / "public", "postfix", "postdrop", 0o710)
    _folder(folder / "queue" / "pid", "root", "root", 0o755)
    _folder(folder / "data", "postfix", "root", 0o700)
    _folder(folder / "mail", "nobody", "root", 0o700)
    settings = {
        **_MAIN,
        "queue_directory": f"{folder}/queue",
        "data_directory": f"{folder}/data",
        "maillog_file": f"{folder}/mail.log",
        "virtual_mailbox_domains": " ".join(sorted({each.rpartition("@")[2] for each in mailboxes})),
        "virtual_mailbox_base": f"{folder}/mail",
        "virtual_mailbox_maps": f"texthash:{folder}/mailboxes",
        **main,
    }
    _file(folder / "mailboxes", "".join(f"{address} {address}/\n" for address in mailboxes))
    _file(folder / "etc" / "main.cf", "".join(f"{key} = {value}\n" for key, value in settings.items()))
    _file(folder / "etc" / "master.cf", f"{instance.route} inet n - n - - smtpd{_SERVICES}")


def _file(path: Path, text: str) -> None:
    """Postfix waits until a file has rested for two seconds, lest it be still written to."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    os.utime(path, (0, 0))


def _folder(path: Path, user: str, group: str, mode: int) -> None:
    path.mkdir(parents=True)
    shutil.chown(path, user, group)
    path.chmod(mode)


def _master(folder: Path) -> Program:
    """Its other processes end when it does. It would outlive us if we were killed, since it forgets its death
    signal with each change of its user: a shell keeps that for it.
    """
    keeper = 'trap "kill \\$!" TERM; setsid "$@" & wait; wait'
    argv = ("/bin/sh", "-c", keeper, "sh", f"{_DAEMONS}/master", "-d", "-c", str(folder / "etc"))
    return Program("postfix", argv, folder / "master.log", _ENVIRONMENT, death_signal=signal.SIGTERM)


async def _started(instance: Postfix, master: "subprocess.Popen[bytes]") -> None:
    """Its sockets listen before it says so."""

    async def has_said_so() -> bool:
        return "daemon started" in instance.log or master.poll() is not None

    await instance._until(has_said_so, "its start")
    if master.poll() is not None:
        raise AssertionError(f"Postfix did not start. Its words:\n{instance.log}")


def _text(file: Path) -> str:
    return file.read_text("utf-8", "replace") if file.exists() else ""
