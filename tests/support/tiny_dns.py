"""An authoritative DNS server on loopback for one test: a zone in a dict; names may fail or stay silent."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

SERVFAIL = ["servfail"]
SILENCE = ["silence"]
Zone = Mapping[tuple[str, str], Sequence[str]]


class TinyDns(asyncio.DatagramProtocol):
    """Answers from `zone`: {("example.org", "TXT"): ['"v=spf1 -all"']}; `asked` lists every question."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.asked: list[tuple[str, str]] = []
        self.address = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)
        host, port = transport.get_extra_info("sockname")[:2]
        self.address = f"{host}:{port}"

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        response = self._answer(query)
        if response is not None:
            self.transport.sendto(response.to_wire(), addr)

    def _answer(self, query: dns.message.Message) -> dns.message.Message | None:
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        rdtype = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, rdtype))
        records = self.zone.get((name, rdtype), [])
        if records is SILENCE:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        if records is SERVFAIL:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif records:
            response.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", rdtype, list(records)))
        elif not any(known == name for known, _ in self.zone):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response


@asynccontextmanager
async def tiny_dns(zone: Zone) -> AsyncIterator[TinyDns]:
    """A running server; its `address` is "127.0.0.1:port"."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: TinyDns(zone), local_addr=("127.0.0.1", 0)
    )
    try:
        yield server
    finally:
        transport.close()
