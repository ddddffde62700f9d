"""Words that a text must not give away: how a server could dress them, and how they are found again.

    words = Words("quagga@okapi.test", more=("127.0.0.77",))
    words.seen_in(b"...")   # what of them the text shows, plain or decoded

Must never be cleverer at hiding than at finding: `test_blind.py` finds every disguise again.
"""

import base64
import binascii
import contextlib
import html
import quopri
import re
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.header import Header

import idna

_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/_-]{8,}")
_HEX_RUN = re.compile(rb"(?:[0-9A-Fa-f]{2}){6,}")
_XTEXT = re.compile(rb"\+([0-9A-Fa-f]{2})")
_BRACED = re.compile(rb"\\x\{([0-9A-Fa-f]{2,5})\}")
_ESCAPED = re.compile(rb"\\x([0-9A-Fa-f]{2})")
_DEPTH = 2


@dataclass(frozen=True, slots=True)
class Words:
    """`address` is local@domain.test, in U-labels where it has any; `more`: what else must not be seen."""

    address: str
    more: tuple[str, ...] = ()

    @property
    def needles(self) -> tuple[str, ...]:
        """Each part by itself, so that no way to join them (SRS, VERP, percent) needs a thought."""
        local, _, domain = self.address.rpartition("@")
        name = domain.removesuffix(".test")
        encoded = idna.encode(name).decode()
        return tuple(word.casefold() for word in {local, name, encoded, *self.more})

    def seen_in(self, text: bytes) -> set[str]:
        return {needle for reading in readings(text) for needle in self.needles if needle in reading}


def readings(text: bytes, depth: int = _DEPTH) -> Iterator[str]:
    """The text as somebody determined could read it: decoded, unfolded, both again, backwards"""
    seen: set[bytes] = set()
    layer = {text}
    for _ in range(depth + 1):
        layer = {further for each in layer for further in _read(each)} - seen
        seen |= layer
    for each in seen:
        shown = each.decode("utf-8", "replace").casefold()
        yield shown
        yield shown[::-1]


def _read(text: bytes) -> Iterator[bytes]:
    yield text
    yield re.sub(rb"\r?\n[ \t]*|[ \t]+", b"", text)
    yield quopri.decodestring(text)
    yield quopri.decodestring(text, header=True)
    yield urllib.parse.unquote_to_bytes(text)
    yield _XTEXT.sub(lambda found: bytes.fromhex(found[1].decode()), text)
    yield _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), text)
    yield _BRACED.sub(lambda found: chr(min(int(found[1], 16), 0x10FFFF)).encode("utf-8", "replace"), text)
    yield html.unescape(text.decode("utf-8", "replace")).encode()
    yield b" ".join(_from_base64(run[0]) for run in _BASE64_RUN.finditer(text))
    yield b" ".join(bytes.fromhex(run[0].decode()) for run in _HEX_RUN.finditer(text))


def _from_base64(run: bytes) -> bytes:
    """At each of the four places where it could begin."""
    standard = run.replace(b"-", b"+").replace(b"_", b"/")
    found = []
    for start in range(4):
        cut = standard[start:]
        cut = cut[:-1] if len(cut) % 4 == 1 else cut
        with contextlib.suppress(binascii.Error):
            found.append(binascii.a2b_base64(cut + b"=" * (-len(cut) % 4)))
    return b" ".join(found)


def disguises(address: str) -> dict[str, str]:
    """How a server could write an address so that a careless filter lets it pass."""
    local, _, domain = address.rpartition("@")
    raw = address.encode()
    return {name: dress(address) for name, dress in _DRESSES.items()} | {
        "srs": f"SRS0=AbCd=XY={domain}={local}@relay.test",
        "verp": f"bounces+{local}={domain}@relay.test",
        "percent hack": f"{local}%{domain}@relay.test",
        "bang path": f"{domain}!{local}",
        "words": f"{local} at {domain.replace('.', ' dot ')}",
        "halves": f"{local}\n@{domain}",
        "every letter apart": " ".join(address),
        "base64 of quoted-printable": base64.b64encode(quopri.encodestring(raw, quotetabs=True)).decode(),
        "percent of base64": urllib.parse.quote(base64.b64encode(raw).decode() + "=="),
    }


_DRESSES: dict[str, Callable[[str], str]] = {
    "plain": str,
    "upper case": str.upper,
    "backwards": lambda text: text[::-1],
    "quoted-printable": lambda text: "".join(f"={octet:02X}" for octet in text.encode()),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 off by one": lambda text: base64.b64encode(b"x" + text.encode()).decode(),
    "base64url": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "encoded word b": lambda text: str(Header(text, "utf-8").encode()),
    "encoded word q": lambda text: "=?utf-8?q?" + "".join(f"={octet:02X}" for octet in text.encode()) + "?=",
    "percent": lambda text: "".join(f"%{octet:02X}" for octet in text.encode()),
    "xtext": lambda text: "".join(f"+{octet:02X}" for octet in text.encode()),
    "rfc 6533": lambda text: "".join(f"\\x{{{ord(character):02X}}}" for character in text),
    "escapes": lambda text: "".join(f"\\x{octet:02x}" for octet in text.encode()),
    "entities": lambda text: "".join(f"&#{ord(character)};" for character in text),
    "hexadecimal": lambda text: text.encode().hex(),
}
