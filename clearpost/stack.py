"""Every process of the local stack: in which order they start, what they are told, how they stop.

Must never listen outside loopback, and never leave a process behind.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

from clearpost import running_stack
from clearpost.embedded.postgres import EmbeddedPostgres
from clearpost.embedded.valkey import EmbeddedValkey
from clearpost.first_message import SENDER_DOMAIN
from clearpost.local_settings import INBOX_DOMAIN, PORTS, LocalSettings, process_environment, setting_name
from clearpost.migrations import upgrade
from clearpost.nursery import Nursery
from clearpost.ports import holder, is_allowed, is_taken
from clearpost.process import Program
from clearpost.progress import complain, say, step
from clearpost.run_state import RunState, stop_leftovers
from clearpost.seed import Demo, seed_demo
from clearpost.standins.dns import DnsStandin, Zone
from clearpost.supervisor import Service, Supervisor
from customers.domains import spf_include
from mailcore import keys_in_place
from mailcore.authenticity.signing_keys import KeyFolder
from mailcore.keyring import Keyring
from mailcore.keys_in_place import KeysAway
from mailcore.settings import Settings

ZONE_HELP = """\
; Records you add here are served by the local stack's DNS at once, as in any zone file:
; example.test.  60 IN TXT "clearpost-verification=..."
; example.test.  60 IN MX  10 mx.clearpost.test.
"""


class StackError(Exception):
    """The stack can't start here; the text is one line that says what to do."""


class LocalStack:
    """The servers and processes of one folder, in the order they start and in reverse as they stop."""

    def __init__(self, local: LocalSettings, nursery: Nursery) -> None:
        self.local = local
        self.var = local.var
        self.zone = Zone(self.var / "dns.zone")
        self._state = RunState(self.var, local.web_url)
        self._supervisor = Supervisor(self._state, complain)
        self._dns = DnsStandin(self.zone, local.port("dns_port"))
        self._nursery = nursery
        self._postgres: EmbeddedPostgres | None = None
        self._environment: dict[str, str] = {}

    async def start(self) -> Demo:
        """Raises StackError, StartError, EmbeddedError, AlreadyRunningError, Refused, OSError: one line."""
        _refuse_live_key(self.local)
        self._prepare_folder()
        leftovers = stop_leftovers(self._state.take())
        if leftovers:
            say(f"  stopped what a killed start had left: {', '.join(leftovers)}")
        self._check_ports()
        database_url, redis_url = await self._start_servers()
        self._environment = dict(process_environment(self.local, database_url, redis_url))
        settings = self._settings()
        await step("migrations", "", upgrade(database_url))
        account = await step("demo account", "", seed_demo(settings))
        self._publish_world(settings)
        await self._dns.start()
        asyncio.get_running_loop().add_reader(self._nursery.fileno(), self._nursery_spoke)
        await self._start_processes()
        running_stack.announce(self.var, self._environment)
        return account

    async def stop(self) -> None:
        running_stack.withdraw(self.var)
        await self._supervisor.stop()
        asyncio.get_running_loop().remove_reader(self._nursery.fileno())
        self._nursery.close()
        await self._dns.stop()
        if self._postgres is not None:
            self._postgres.release()
        self._state.release()

    def expect_end(self) -> None:
        """The same signal may have reached the processes: none of them is started again."""
        self._supervisor.expect_end()

    def kill(self) -> None:
        """In a hurry: ours are killed, the database shuts down fast."""
        self._supervisor.kill()

    def _nursery_spoke(self) -> None:
        self._nursery.listen()
        if self._nursery.is_gone:
            asyncio.get_running_loop().remove_reader(self._nursery.fileno())
        self._supervisor.look()

    def _prepare_folder(self) -> None:
        """Only the owner looks into it: it holds keys, mail and a database."""
        folders = (self.var, *(self.var / name for name in ("spool", "keys", "log")))
        for folder in folders:
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise StackError(f"{folder} can't be written ({error.strerror}): {_remedy(folder)}") from None
            if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                raise StackError(f"{folder} can't be written: {_remedy(folder)}")
        try:
            keys_in_place.check(self.var / "spool", self.var / "keys")
        except KeysAway as reason:
            raise StackError(str(reason)) from None
        zone = self.var / "dns.zone"
        if not zone.exists():
            zone.write_text(ZONE_HELP, encoding="utf-8")

    def _check_ports(self) -> None:
        unused = {"postgres_port"} if self.local.database_url else set()
        unused |= {"valkey_port"} if self.local.redis_url else set()
        unused |= set() if self.local.stripe_url else {"stripe_port"}
        for name in PORTS:
            port = self.local.port(name)
            if name in unused:
                continue
            if not is_allowed(port):
                raise StackError(
                    f"port {port} may not be opened by this user (ports below 1024 need root): set "
                    f"{setting_name(name)} (or CLEARPOST_PORT_BASE for all ports) to a higher one"
                )
            if is_taken(port):
                who = holder(port) or "another program"
                raise StackError(
                    f"port {port} is in use by {who}: stop it, or set {setting_name(name)} "
                    "(or CLEARPOST_PORT_BASE for all ports)"
                )

    async def _start_servers(self) -> tuple[str, str]:
        """Postgres and Valkey, unless settings name others; returns both URLs."""
        database_url, redis_url = self.local.database_url, self.local.redis_url
        if not database_url:
            postgres = EmbeddedPostgres(
                self.var / "postgres", self.local.port("postgres_port"), self._log("postgres")
            )
            self._postgres = postgres
            service = Service(
                "postgres", postgres.prepare, lambda process: postgres.is_ready(process.pid),
                start_seconds=60, hurry_signal=signal.SIGINT,  # its fast shutdown: no recovery next time
            )  # fmt: skip
            await self._start(service, f"127.0.0.1:{postgres.port}")
            database_url = postgres.url
        if not redis_url:
            valkey = EmbeddedValkey(self.var / "valkey", self.local.port("valkey_port"), self._log("valkey"))
            await self._start(
                Service("valkey", valkey.prepare, lambda _: valkey.is_ready()), f"127.0.0.1:{valkey.port}"
            )
            redis_url = valkey.url
        return database_url, redis_url

    async def _start_processes(self) -> None:
        """All at once; they stop one after another, what takes mail in first."""
        port = self.local.port
        inbox = ("clearpost.standins.inbox_server", str(port("inbox_smtp_port")), str(port("inbox_port")))
        identity = ("clearpost.standins.identity_server", str(port("identity_port")))
        starts = [
            *self._stripe_standin(),
            self._start(self._python("inbox", inbox), self.local.inbox_url),
            self._start(self._python("identity provider", identity), self.local.identity_url),
            self._start(self._python("api", ("clearpost", "api")), self.local.web_url),
            self._start(self._lane_process("upkeep", None, "upkeep_metrics_port"), ""),
        ]
        for lane in ("standard", "fast"):
            worker = self._lane_process("worker", lane, f"{lane}_worker_metrics_port")
            starts.append(self._start(worker, ""))
        for lane, mx_port in (("standard", "mx_port"), ("fast", "fast_mx_port")):
            mx = self._lane_process("mx", lane, f"{lane}_mx_metrics_port")
            starts.append(self._start(mx, f"127.0.0.1:{port(mx_port)}"))
        await _all(starts)

    def _stripe_standin(self) -> list[Coroutine[None, None, None]]:
        """None beside a key of Stripe's own."""
        if not self.local.stripe_url:
            return []
        file = str(self.var / "stripe.json")
        module = ("clearpost.standins.stripe_server", str(self.local.port("stripe_port")), file)
        return [self._start(self._python("stripe", module), self.local.stripe_url)]

    async def _start(self, service: Service, where: str) -> None:
        await step(service.name, where, self._supervisor.start(service))

    def _lane_process(self, command: str, lane: str | None, metrics: str) -> Service:
        arguments = ("clearpost", command) if lane is None else ("clearpost", command, "--lane", lane)
        name = command if lane is None else f"{command} {lane}"
        return self._python(name, arguments, {"CLEARPOST_METRICS_PORT": str(self.local.port(metrics))})

    def _python(self, name: str, module: tuple[str, ...], more: dict[str, str] | None = None) -> Service:
        environment = {**self._environment, **(more or {})}
        argv = (sys.executable, "-m", *module)
        program = Program(name, argv, self._log(name.replace(" ", "-")), environment)
        return Service(name, lambda: program, spawn=self._nursery.spawn)

    def _log(self, name: str) -> Path:
        """A fresh log for this start; the one before is kept beside it."""
        log = self.var / "log" / f"{name}.log"
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        return log

    def _settings(self) -> Settings:
        return _settings_of(self._environment)

    def publish(self, domain: str, records: list[dict[str, Any]]) -> None:
        """What an owner would enter at the registrar, into the zone file: there it outlives this start."""
        file = self.var / "dns.zone"
        text = file.read_text(encoding="utf-8")
        lines = [zone_line(record) for record in records]
        lines.append(f'{domain}. IN TXT "v=spf1 include:{spf_include(self._settings())} ~all"')
        if fresh := [line for line in lines if line not in text]:
            file.write_text(text + "\n".join(fresh) + "\n", encoding="utf-8")

    def _publish_world(self, settings: Settings) -> None:
        """What the world around us publishes: our own names, the sender's, and the demo inbox's."""
        names = (settings.fast_mx_name, settings.mx_name)
        for name in (settings.service_domain, spf_include(settings)):
            self.zone.put_txt(name, "v=spf1 ip4:127.0.0.1 -all")
        self.zone.put_txt(SENDER_DOMAIN, "v=spf1 ip4:127.0.0.1 -all")
        self.zone.put(INBOX_DOMAIN, "MX", f"10 mx.{INBOX_DOMAIN}.")
        self.zone.put("1.0.0.127.in-addr.arpa", "PTR", "localhost.")
        for name in (*names, f"mx.{INBOX_DOMAIN}"):
            self.zone.put(name, "A", "127.0.0.1")
        self._publish_keys(settings)

    def _publish_keys(self, settings: Settings) -> None:
        """Made here, so that no process of the first start signs before the world can check."""
        Keyring(settings.key_dir)
        keys = KeyFolder(settings.key_dir)
        keys.ensure(settings.service_domain)
        for key in keys.keys(settings.service_domain):
            self.zone.put_txt(key.record_name, key.record)


def check_settings(local: LocalSettings) -> None:
    """What the processes will be told, read as they will read it. Raises ValidationError."""
    _settings_of(process_environment(local, local.database_url, local.redis_url))


def _refuse_live_key(local: LocalSettings) -> None:
    if "_live_" in local.stripe_secret_key.get_secret_value():
        raise StackError("CLEARPOST_STRIPE_SECRET_KEY is a live key: a local stack takes no real money")


def _settings_of(environment: Mapping[str, str]) -> Settings:
    ours = {
        name.removeprefix("CLEARPOST_").lower(): value
        for name, value in environment.items()
        if name.startswith("CLEARPOST_")
    }
    return Settings(**ours)  # type: ignore[arg-type]


def _remedy(folder: Path) -> str:
    """Whose it is decides what helps: other rights, or another place. Its data is never in the way."""
    present = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    elsewhere = "set CLEARPOST_VAR_DIR to a folder of your own"
    if not present.is_dir():
        return f"{present} is no folder; {elsewhere}"
    if present.stat().st_uid == os.geteuid():
        return f"give yourself the right with `chmod u+rwx {present}`, or {elsewhere}"
    return f"{present} belongs to another user; {elsewhere}"


def zone_line(record: dict[str, Any]) -> str:
    """A record as the API shows it, as a line of a zone file."""
    if record["type"] == "MX":
        return f"{record['name']}. IN MX {record['priority']} {record['value']}."
    return f'{record["name"]}. IN TXT "{record["value"]}"'


async def _all(starts: list[Coroutine[None, None, None]]) -> None:
    """All of them, or the first error, with the others called off."""
    try:
        async with asyncio.TaskGroup() as group:
            for start in starts:
                group.create_task(start)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
