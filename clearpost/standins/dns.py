"""A small authoritative DNS server on loopback: the world's zones for tests and the local stack.

Names it holds are answered with authority, everything else is NXDOMAIN. Must never ask another server.
"""

import asyncio
import contextlib
import logging
import struct
from enum import StrEnum
from pathlib import Path
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.CNAME
import dns.rrset
import dns.zonefile

TTL = 5
LONGEST_ALIAS_CHAIN = 8

_log = logging.getLogger(__name__)

Key = tuple[dns.name.Name, dns.rdatatype.RdataType]


class Fault(StrEnum):
    """What a name answers instead of its records."""

    SERVFAIL = "SERVFAIL"
    REFUSED = "REFUSED"
    NXDOMAIN = "NXDOMAIN"
    TIMEOUT = "TIMEOUT"  # no answer at all


class Zone:
    """The records served now. Change them at any time: the next question sees it.

    `file`, if given, is a plain zone file (`name. ttl IN TYPE value` lines) whose records are added to those
    put by code; it is read again when it has changed. Where it can't be parsed, the last good one stays
    in force and a warning names the line.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._records: dict[Key, dns.rrset.RRset] = {}
        self._faults: dict[tuple[dns.name.Name, dns.rdatatype.RdataType | None], Fault] = {}
        self._signed: set[dns.name.Name] = set()
        self._file = file
        self._seen: tuple[int, int] | None = None
        self._from_file: dict[Key, dns.rrset.RRset] = {}

    def put(self, name: str, rdtype: str, *values: str, ttl: int = TTL) -> None:
        """Set all values of this name and type, as in a zone file: put("a.test", "MX", "10 mx.a.test.")."""
        rrset = dns.rrset.from_text(_name(name), ttl, "IN", rdtype, *values)
        self._records[rrset.name, rrset.rdtype] = rrset

    def put_txt(self, name: str, *texts: str) -> None:
        """Set the TXT records of this name, each cut into strings of 255 octets as the format asks."""
        self.put(name, "TXT", *(_quoted(text) for text in texts))

    def remove(self, name: str, rdtype: str | None = None) -> None:
        """Forget one type, or all, of this name. What was not there is not missed."""
        wanted = None if rdtype is None else dns.rdatatype.from_text(rdtype)
        for key in [key for key in self._records if key[0] == _name(name) and wanted in (None, key[1])]:
            del self._records[key]

    def fail(self, name: str, fault: Fault, rdtype: str | None = None) -> None:
        """From now on, each question for this name, or for one type of it, meets the fault."""
        self._faults[_name(name), None if rdtype is None else dns.rdatatype.from_text(rdtype)] = fault

    def heal(self, name: str) -> None:
        for key in [key for key in self._faults if key[0] == _name(name)]:
            del self._faults[key]

    def sign(self, name: str) -> None:
        """From now on, what is said of this name and those below it looks validated (DNSSEC)."""
        self._signed.add(_name(name))

    def is_signed(self, name: dns.name.Name) -> bool:
        return any(name.is_subdomain(signed) for signed in self._signed)

    def fault(self, name: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> Fault | None:
        return self._faults.get((name, rdtype)) or self._faults.get((name, None))

    def find(self, name: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> dns.rrset.RRset | None:
        self._reread()
        put, filed = self._records.get((name, rdtype)), self._from_file.get((name, rdtype))
        if put is None or filed is None:
            return put or filed
        return dns.rrset.from_rdata_list(name, put.ttl, [*put, *filed])

    def knows(self, name: dns.name.Name) -> bool:
        """Whether the name exists: it has records, or a name below it has."""
        return any(key[0].is_subdomain(name) for key in (*self._records, *self._from_file))

    def _reread(self) -> None:
        if self._file is None:
            return
        try:
            status = self._file.stat()
            if self._seen == (status.st_mtime_ns, status.st_size):
                return
            text = self._file.read_text(encoding="utf-8")
        except FileNotFoundError:
            self._from_file, self._seen = {}, None
            return
        self._seen = (status.st_mtime_ns, status.st_size)
        try:
            self._from_file = {(rrset.name, rrset.rdtype): rrset for rrset in _parse(text)}
        except (dns.exception.DNSException, ValueError) as error:
            _log.warning("%s is not understood and was left aside: %s", self._file, error)


class DnsStandin:
    """Serves a zone over UDP and TCP on one port of 127.0.0.1; port 0 takes a free one.

    What does not exist may be remembered for `negative_ttl` seconds: not at all, where zones change.
    """

    def __init__(self, zone: Zone | None = None, port: int = 0, negative_ttl: int = 0) -> None:
        self.zone = zone or Zone()
        self.port = port
        soa = f"ns.standin.test. hostmaster.standin.test. 1 60 60 600 {negative_ttl}"
        self._soa = dns.rrset.from_text(".", negative_ttl, "IN", "SOA", soa)
        self.questions: list[tuple[str, str]] = []  # (name, type) in order of arrival, for tests
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._streams: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}

    @property
    def address(self) -> str:
        """As the setting `dns_servers` wants it."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        self._tcp = await asyncio.start_server(self._serve_stream, "127.0.0.1", self.port)
        self.port = self._tcp.sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        try:
            self._udp, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self), local_addr=("127.0.0.1", self.port)
            )
        except OSError:
            await self.stop()
            raise

    async def stop(self) -> None:
        if self._udp is not None:
            self._udp.close()
            self._udp = None
        if self._tcp is not None:
            self._tcp.close()
            tasks = [task for task in self._streams.values() if task is not None]
            for stream in self._streams:
                stream.close()
            await asyncio.gather(*tasks)
            await self._tcp.wait_closed()
            self._tcp = None

    async def __aenter__(self) -> "DnsStandin":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def answer(self, wire: bytes) -> dns.message.Message | None:
        """The answer to one question, or None where silence is the answer (a fault, or not a question)."""
        try:
            query = dns.message.from_wire(wire)
            response = dns.message.make_response(query)
        except dns.exception.DNSException:
            return None
        if len(query.question) != 1:
            response.set_rcode(dns.rcode.FORMERR)
            return response
        name, rdtype = query.question[0].name, query.question[0].rdtype
        self.questions.append((name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(rdtype)))
        fault = self.zone.fault(name, rdtype)
        if fault is Fault.TIMEOUT:
            return None
        response.flags |= dns.flags.AA
        if fault is not None:
            response.set_rcode(dns.rcode.from_text(fault))
        else:
            self._fill(response, name, rdtype)
            names = {name, *(rrset.name for rrset in response.answer)}
            if query.flags & dns.flags.AD and all(self.zone.is_signed(each) for each in names):
                response.flags |= dns.flags.AD  # as the validating resolver that it stands in for
        return response

    def _fill(
        self, response: dns.message.Message, name: dns.name.Name, rdtype: dns.rdatatype.RdataType
    ) -> None:
        """Records, or the chain of CNAMEs to them; else NODATA or NXDOMAIN with the SOA (RFC 2308)."""
        for _ in range(LONGEST_ALIAS_CHAIN):
            rrset = self.zone.find(name, rdtype)
            alias = self.zone.find(name, dns.rdatatype.CNAME)
            if rrset is not None or alias is None:
                break
            response.answer.append(alias)
            target = alias[0]
            assert isinstance(target, dns.rdtypes.ANY.CNAME.CNAME)
            name = target.target
        if rrset is not None:
            response.answer.append(rrset)
            return
        response.authority.append(self._soa)
        if not self.zone.knows(name):
            response.set_rcode(dns.rcode.NXDOMAIN)

    async def _serve_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._streams[writer] = asyncio.current_task()
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    (length,) = struct.unpack("!H", await reader.readexactly(2))
                    self._reply(writer, await reader.readexactly(length))
                    await writer.drain()
        finally:
            del self._streams[writer]
            writer.close()

    def _reply(self, writer: asyncio.StreamWriter, question: bytes) -> None:
        response = self.answer(question)
        if response is not None:
            wire = response.to_wire(max_size=65535)
            writer.write(struct.pack("!H", len(wire)) + wire)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DnsStandin) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # uvloop's is no subclass of it

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        response = self._server.answer(data)
        if response is not None and self._transport is not None:
            self._transport.sendto(_datagram(response), addr)


def _datagram(response: dns.message.Message) -> bytes:
    """At most what the asker takes; more is cut with the TC flag, so that it comes back over TCP."""
    try:
        return response.to_wire(max_size=max(512, response.request_payload))
    except dns.exception.TooBig:
        cut = dns.message.Message(id=response.id)
        cut.flags = response.flags | dns.flags.TC
        cut.question = response.question
        return cut.to_wire()


def _name(text: str) -> dns.name.Name:
    return dns.name.from_text(text.lower())


def _quoted(text: str) -> str:
    parts = (text[start : start + 255] for start in range(0, max(len(text), 1), 255))
    return " ".join('"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in parts)


def _parse(text: str) -> list[dns.rrset.RRset]:
    return dns.zonefile.read_rrsets(
        text, rdclass=None, default_ttl=TTL, origin=dns.name.root, relativize=False
    )
