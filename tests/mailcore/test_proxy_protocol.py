"""The PROXY header: what the document allows is read, all else is refused, wherever it is cut."""

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore.proxy_protocol import HEADER_CAP, Header, Incomplete, Malformed, parse

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
LOCAL, PROXY = 0x20, 0x21
TCP4, TCP6 = 0x11, 0x21
V4 = (ipaddress.ip_address("192.0.2.7"), ipaddress.ip_address("198.51.100.25"))
V6 = (ipaddress.ip_address("2001:db8::7"), ipaddress.ip_address("2001:db8::25"))


def v2(body: bytes = b"", *, command: int = PROXY, family: int = TCP4, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return SIGNATURE + struct.pack("!BBH", command, family, size) + body


Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def ends(pair: tuple[Address, Address]) -> bytes:
    return pair[0].packed + pair[1].packed + struct.pack("!HH", 40_000, 25)


def tlv(kind: int, value: bytes) -> bytes:
    return struct.pack("!BH", kind, len(value)) + value


WHOLE = {
    "v1 over IPv4": (b"PROXY TCP4 192.0.2.7 198.51.100.25 40000 25\r\n", "192.0.2.7", "198.51.100.25"),
    "v1 over IPv6": (b"PROXY TCP6 2001:db8::7 2001:DB8::25 65535 0\r\n", "2001:db8::7", "2001:db8::25"),
    "v1 mapped": (b"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:198.51.100.25 1 25\r\n", "192.0.2.7", "198.51.100.25"),
    "v1 unknown": (b"PROXY UNKNOWN\r\n", "", ""),
    "v1 unknown with more": (b"PROXY UNKNOWN ffff:f...f:ffff what ever\r\n", "", ""),
    "v2 over IPv4": (v2(ends(V4)), "192.0.2.7", "198.51.100.25"),
    "v2 over IPv6": (v2(ends(V6), family=TCP6), "2001:db8::7", "2001:db8::25"),
    "v2 with TLVs": (
        v2(ends(V4) + tlv(0x03, b"\0\0\0\0") + tlv(0x02, b"mx.example.org") + tlv(0x04, b"\0" * 1500)),
        "192.0.2.7",
        "198.51.100.25",
    ),
    "v2 health check": (v2(command=LOCAL, family=0), "", ""),
    "v2 health check that names ends": (v2(ends(V4), command=LOCAL), "", ""),
    "v2 unspecified": (v2(b"whatever", family=0), "", ""),
    "v2 of UDP": (v2(ends(V4), family=0x12), "", ""),
    "v2 of a UNIX socket": (v2(b"/tmp/socket".ljust(216, b"\0"), family=0x31), "", ""),
}


@pytest.mark.parametrize("name", WHOLE)
def test_what_the_document_allows_is_read(name: str) -> None:
    wire, client, local = WHOLE[name]
    assert parse(wire) == Header(len(wire), client, local)
    assert parse(wire + b"EHLO early.test\r\n") == Header(len(wire), client, local)


@pytest.mark.parametrize("name", WHOLE)
def test_a_header_cut_anywhere_may_still_become_one(name: str) -> None:
    wire = WHOLE[name][0]
    assert [parse(wire[:cut]) for cut in range(len(wire))] == [Incomplete()] * len(wire)


@pytest.mark.parametrize(
    "wire",
    [
        b"EHLO client.test\r\n",
        b"proxy TCP4 192.0.2.7 198.51.100.25 40000 25\r\n",
        b" PROXY TCP4 192.0.2.7 198.51.100.25 40000 25\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.25 40000 25\n\r\n",
        b"PROXY TCP4  192.0.2.7 198.51.100.25 40000 25\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.25 40000 25 \r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.25 40000\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.25 65536 25\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.25 025 25\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.25 -1 25\r\n",
        b"PROXY TCP4 192.0.2.007 198.51.100.25 40000 25\r\n",
        b"PROXY TCP4 192.0.2.300 198.51.100.25 40000 25\r\n",
        b"PROXY TCP4 2001:db8::7 2001:db8::25 40000 25\r\n",
        b"PROXY TCP6 192.0.2.7 198.51.100.25 40000 25\r\n",
        b"PROXY TCP6 2001:db8::7 198.51.100.25 40000 25\r\n",
        b"PROXY TCP6 fe80::1%eth0 2001:db8::25 40000 25\r\n",
        b"PROXY TCP4 mail.test mx.test 40000 25\r\n",
        b"PROXY UDP4 192.0.2.7 198.51.100.25 40000 25\r\n",
        b"PROXY UNKNOWN\rmore\r\n",
        b"PROXY UNKNOWNS\r\n",
        b"PROXY \r\n",
        b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",
        b"PROXY " + b"x" * 200,
        SIGNATURE[:-1] + b"X" + v2(ends(V4))[12:],
        v2(ends(V4), command=0x11),
        v2(ends(V4), command=0x22),
        v2(ends(V4), command=0x01),
        v2(ends(V4), family=0x13),
        v2(ends(V4), family=0x41),
        v2(ends(V4)[:-1]),
        v2(ends(V4), family=TCP6),
        v2(length=HEADER_CAP - 15),
        v2(length=0xFFFF),
        v2(length=0xFFFF, command=LOCAL),
    ],
    ids=lambda wire: repr(wire[:60]),
)
def test_anything_else_is_malformed(wire: bytes) -> None:
    assert parse(wire) == Malformed()


def test_the_longest_header_is_read_and_no_longer_one_is_waited_for() -> None:
    longest = v2(ends(V4).ljust(HEADER_CAP - 16, b"\x04"))
    assert len(longest) == HEADER_CAP
    assert parse(longest) == Header(HEADER_CAP, "192.0.2.7", "198.51.100.25")
    line = b"PROXY UNKNOWN ".ljust(105, b"x") + b"\r\n"
    assert parse(line) == Header(107)


@given(
    st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, v2(ends(V4))[:14]]), st.binary(max_size=4000)
)
def test_no_octets_raise_nor_are_waited_for_without_end(start: bytes, rest: bytes) -> None:
    wire = start + rest
    found = parse(wire)
    if isinstance(found, Incomplete):
        assert len(wire) < HEADER_CAP
    if isinstance(found, Header):
        assert 0 < found.length <= min(len(wire), HEADER_CAP)
        assert parse(wire[: found.length]) == found
        for ip in filter(None, (found.client, found.local)):
            ipaddress.ip_address(ip)


@given(st.data())
def test_one_octet_changed_is_read_as_a_header_or_refused(data: st.DataObject) -> None:
    wire = bytearray(WHOLE[data.draw(st.sampled_from(sorted(WHOLE)))][0])
    wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    whole = parse(bytes(wire))
    seen = [parse(bytes(wire[:cut])) for cut in range(len(wire) + 1)]
    decided = [each for each in seen if not isinstance(each, Incomplete)]
    assert all(each == whole for each in decided), "a longer look may not change the mind"


@given(st.ip_addresses(), st.ip_addresses(), st.integers(0, 65535))
def test_both_versions_tell_the_same(
    client: Address,
    local: Address,
    port: int,
) -> None:
    if client.version != local.version:
        local = client
    family = TCP4 if client.version == 4 else TCP6
    line = f"PROXY TCP{client.version} {client} {local} {port} 25\r\n".encode()
    binary = v2(ends((client, local)), family=family)
    told = [parse(line), parse(binary)]
    assert all(isinstance(each, Header) for each in told)
    assert len({(each.client, each.local) for each in told if isinstance(each, Header)}) == 1
