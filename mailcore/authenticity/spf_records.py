"""SPF records as they are written: terms, domains with macros in them (RFC 7208 sections 4.6, 5, 6 and 7).

Pure. Must never take a record of which a part does not follow the grammar, nor time beyond linear for it.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import quote

from mailcore.envelope import MAX_DOMAIN_OCTETS
from mailcore.values import value

Ip = IPv4Address | IPv6Address

LONGEST_RECORD: Final = 8192  # the standard asks for 512 octets (section 3.4)
LONGEST_KEPT: Final = 1024  # longer ones are read anew each time
_RECORDS_KEPT: Final = 1024
_IPV4_BITS: Final = 32
_IPV6_BITS: Final = 128

_VERSION: Final = re.compile(r"v=spf1(?= |\Z)", re.IGNORECASE)
_MODIFIER: Final = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)=(.*)", re.DOTALL)
_DIRECTIVE: Final = re.compile(r"([+?~-]?)([A-Za-z][A-Za-z0-9]*)(.*)", re.DOTALL)
_CIDR: Final = re.compile(r"(:.+?)?(?:/(0|[1-9][0-9]?))?(?://(0|[1-9][0-9]{0,2}))?", re.DOTALL)
_RESULTS: Final = {"": "pass", "+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}

_TRANSFORMED: Final = r"(?:0{0,3}[1-9][0-9]{0,3})?[rR]?[-.+,/_=]*\}"
_LITERAL: Final = r"[!-$&-~]|%[%_-]"
_DOMAIN_SPEC: Final = re.compile(rf"(?:{_LITERAL}|%\{{[slodiphvSLODIPHV]{_TRANSFORMED})++")
# In modifiers that nobody knows, the letters of explanations may stand too.
_MACRO_STRING: Final = re.compile(rf"(?:{_LITERAL}|%\{{[slodiphvcrtSLODIPHVCRT]{_TRANSFORMED})*+")
_TOP_LABEL: Final = r"\.(?:[0-9]*[A-Za-z][A-Za-z0-9]*|[A-Za-z0-9]+-[A-Za-z0-9-]*[A-Za-z0-9])\.?"
_DOMAIN_END: Final = re.compile(rf"(?:{_TOP_LABEL}|%\{{[^{{}}]*\}})\Z")
_MACRO: Final = re.compile(r"%(?:\{([a-zA-Z])([0-9]*)([rR]?)([-.+,/_=]*)\}|([%_-]))")
_ONCE: Final = ("redirect", "exp")
_PLAIN: Final = {"%": "%", "_": " ", "-": "%20"}


@dataclass(frozen=True, slots=True)
class Mechanism:
    """`result` if it matches. `domain` with its macros, empty where the one that is checked is meant; bits of
    an address that must agree, by the IP version of the client; `network` of ip4 and ip6 only.
    """

    name: str
    result: str
    domain: str = ""
    bits: tuple[int, int] = (_IPV4_BITS, _IPV6_BITS)
    network: IPv4Network | IPv6Network | None = None

    def has(self, ip: Ip, address: str) -> bool:
        """Is this one of the addresses that `address` stands for?"""
        bits = self.bits[ip.version == 6]
        other = ip_address(address)
        return ip.version == other.version and (int(ip) ^ int(other)) >> (ip.max_prefixlen - bits) == 0


@dataclass(frozen=True, slots=True)
class Record:
    """The mechanisms in their order, and where to look if none matches."""

    mechanisms: tuple[Mechanism, ...]
    redirect: str = ""


def is_policy(text: str) -> bool:
    """Whether a TXT record is an SPF record (section 4.5)."""
    return _VERSION.match(text) is not None


def read_record(text: str) -> Record | None:
    """None for what does not follow the grammar, all of it."""
    if len(text) > LONGEST_RECORD or not text.isascii():
        return None
    return _kept(text) if len(text) <= LONGEST_KEPT else _read(text)


def _read(text: str) -> Record | None:
    mechanisms: list[Mechanism] = []
    modifiers: dict[str, str] = {}
    for term in filter(None, text.split(" ")[1:]):
        if modifier := _MODIFIER.fullmatch(term):
            name, value = modifier[1].lower(), modifier[2]
            if not _is_modifier(name, value) or (name in _ONCE and name in modifiers):
                return None
            modifiers[name] = value
            continue
        mechanism = _mechanism(term)
        if mechanism is None:
            return None
        mechanisms.append(mechanism)
    return Record(tuple(mechanisms), modifiers.get("redirect", ""))


_kept = lru_cache(_RECORDS_KEPT)(_read)  # few senders write most of the mail


def _is_modifier(name: str, value: str) -> bool:
    """Of one that nobody knows, the value may be any text with macros (section 6)."""
    return _is_domain(value) if name in _ONCE else _MACRO_STRING.fullmatch(value) is not None


def _mechanism(term: str) -> Mechanism | None:
    directive = _DIRECTIVE.fullmatch(term)
    if directive is None:
        return None
    result, name, rest = _RESULTS[directive[1]], directive[2].lower(), directive[3]
    match name:
        case "all":
            return None if rest else Mechanism(name, result)
        case "ip4" | "ip6":
            return _of_network(name, result, rest)
        case "a" | "mx":
            return _of_addresses(name, result, rest)
        case "include" | "exists":
            return Mechanism(name, result, rest[1:]) if rest[:1] == ":" and _is_domain(rest[1:]) else None
        case "ptr":
            fits = not rest or (rest[0] == ":" and _is_domain(rest[1:]))
            return Mechanism(name, result, rest[1:]) if fits else None
        case _:
            return None


def _of_network(name: str, result: str, rest: str) -> Mechanism | None:
    """Host bits may be set: they are not looked at."""
    address, slash, bits = rest[1:].partition("/")
    if rest[:1] != ":" or (slash and not re.fullmatch("0|[1-9][0-9]{0,2}", bits)):
        return None
    try:
        network = ip_network(rest[1:], strict=False)
    except ValueError:
        return None
    if f"ip{network.version}" != name or "%" in address:
        return None
    return Mechanism(name, result, network=network)


def _of_addresses(name: str, result: str, rest: str) -> Mechanism | None:
    found = _CIDR.fullmatch(rest)
    if found is None:
        return None
    domain, ipv4, ipv6 = (found[1] or "")[1:], int(found[2] or _IPV4_BITS), int(found[3] or _IPV6_BITS)
    if ipv4 > _IPV4_BITS or ipv6 > _IPV6_BITS or (found[1] and not _is_domain(domain)):
        return None
    return Mechanism(name, result, domain, (ipv4, ipv6))


def _is_domain(spec: str) -> bool:
    return _DOMAIN_SPEC.fullmatch(spec) is not None and _DOMAIN_END.search(spec) is not None


# --- macros ---


@value
class Letters:
    """What the letters of macros stand for (section 7.2); `p` is asked for only where it is needed."""

    ip: Ip
    helo: str
    local_part: str
    sender_domain: str

    def of(self, letter: str, domain: str, name: str) -> str:
        match letter:
            case "s":
                return f"{self.local_part}@{self.sender_domain}"
            case "l":
                return self.local_part
            case "o":
                return self.sender_domain
            case "d":
                return domain
            case "i":
                return str(self.ip) if self.ip.version == 4 else ".".join(f"{int(self.ip):032x}")
            case "p":
                return name
            case "v":
                return "in-addr" if self.ip.version == 4 else "ip6"
            case _:
                return self.helo


def needs_name(spec: str) -> bool:
    """Whether it names the client by its reverse name."""
    return any(macro[1] in ("p", "P") for macro in _MACRO.finditer(spec))


def expand(spec: str, letters: Letters, domain: str, name: str) -> str:
    """The domain that a term means; of one that is too long, as much of its end as DNS can hold."""
    if "%" not in spec:
        return spec
    found = _MACRO.sub(lambda macro: _expanded(macro, letters, domain, name), spec).removesuffix(".")
    while len(found) > MAX_DOMAIN_OCTETS and "." in found:
        found = found.partition(".")[2]
    return found


def _expanded(macro: "re.Match[str]", letters: Letters, domain: str, name: str) -> str:
    letter, digits, reverse, delimiters, plain = macro.groups()
    if plain:
        return _PLAIN[plain]
    value = letters.of(letter.lower(), domain, name)
    if digits or reverse or delimiters:
        parts = re.split(f"[{re.escape(delimiters or '.')}]", value)
        parts = parts[::-1] if reverse else parts
        value = ".".join(parts[-int(digits) :] if digits else parts)
    return quote(value, safe="") if letter.isupper() else value
