"""Envelope addresses and parameters: parse and normalise them by the grammar of RFC 5321.

Bytes of a MAIL or RCPT command in, values or a `Reply` out. Must never guess: what the grammar does not
know is refused. Must never use the stdlib email parser, which accepts comments and decodes encoded words
into another address.
"""

import ipaddress
import re
import unicodedata
from typing import Literal

import idna

from mailcore import replies
from mailcore.replies import Reply
from mailcore.values import value

MAX_PATH_OCTETS = 254  # RFC 5321 section 4.5.3.1.3 less the brackets (erratum 1690)
MAX_LOCAL_PART_OCTETS = 64  # section 4.5.3.1.1
MAX_LONG_LOCAL_PART_OCTETS = 240  # for our own SRS domain: tokens of other forwarders come back longer
MAX_DOMAIN_OCTETS = 253
_MAX_DOMAIN_INPUT = 1_000  # characters handed to IDNA; a decomposed U-label may shrink

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOT_STRING = rf"{_ATEXT}+(?:\.{_ATEXT}+)*"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
# No host name, but DNS holds it, and mail is sent from it: read where a domain is somebody else's.
_LOOSE_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_LOOSE_DOMAIN = rf"{_LOOSE_LABEL}(?:\.{_LOOSE_LABEL})*"
_QUOTED = r'"(?:[^"\\]|\\.)*"'

# Nearly every command has this form, and the pattern alone decides it.
_COMMON_MAIL = re.compile(
    (
        rf"FROM: ?<({_DOT_STRING})@({_LOOSE_DOMAIN})>"
        r"(?: SIZE=([0-9]{1,20}))?(?: BODY=(7BIT|8BITMIME))?"
    ).encode(),
    re.IGNORECASE,
)
_COMMON_RCPT = re.compile(rf"TO: ?<({_DOT_STRING})@({_DOMAIN})>".encode(), re.IGNORECASE)

_ANY_PATH = re.compile(rf'<((?:[^"<>\\ ]|{_QUOTED})*)>(?: +(.*))?'.encode(), re.DOTALL)
_SIZE = re.compile(rb"[0-9]{1,20}")
_NOT_PRINTABLE = re.compile(rb"[^ -~]")
_ASCII_DOT_STRING = re.compile(_DOT_STRING)
_ASCII_DOMAIN = re.compile(_DOMAIN)
_ASCII_LOOSE_DOMAIN = re.compile(_LOOSE_DOMAIN)
# RFC 6531 section 3.3: every non-ASCII character is atext and qtext; which ones we bear is `_is_plain_text`.
_DOT_ATOM = re.compile(rf"(?:{_ATEXT}|[^\x00-\x7f])+(?:\.(?:{_ATEXT}|[^\x00-\x7f])+)*")
_QUOTED_STRING = re.compile(r'"(?:[ !#-\[\]-~]|[^\x00-\x7f]|\\[ -~])*"')
_SOURCE_ROUTE = re.compile(r"@[^@,:\"\\ ]+(?:,@[^@,:\"\\ ]+)*:")
_QUOTED_PAIR = re.compile(r"\\(.)")
_NEEDS_ESCAPE = re.compile(r'(["\\])')
_JOINERS = "\u200c\u200d"  # format characters that Persian and Indic spelling needs
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})


@value
class Mailbox:
    """One address. `domain` is a lower-case A-label name or a literal in brackets, `local_part` unquoted."""

    local_part: str
    domain: str

    @property
    def address(self) -> str:
        """The form on the wire; the local part is quoted only where it must be (RFC 5321 section 4.1.2)."""
        local = _quoted_if_needed(self.local_part)
        return f"{local}@{self.domain}" if self.domain else local

    @property
    def is_ascii(self) -> bool:
        return self.local_part.isascii()


@value
class ReversePath:
    """Where failures are reported; `mailbox` None is the null reverse-path `<>`."""

    mailbox: Mailbox | None

    @property
    def wire(self) -> str:
        """The text between the angle brackets."""
        return self.mailbox.address if self.mailbox else ""


@value
class ForwardPath:
    """One recipient; the domain is empty for a bare `<postmaster>` (RFC 5321 section 4.5.1)."""

    mailbox: Mailbox


@value
class MailParameters:
    """ESMTP parameters of MAIL: SIZE (RFC 1870, octets), BODY (RFC 6152), SMTPUTF8 (RFC 6531)."""

    size: int | None = None
    body: Literal["7BIT", "8BITMIME"] = "7BIT"
    smtputf8: bool = False


def parse_mail(argument: bytes) -> tuple[ReversePath, MailParameters] | Reply:
    """Read what follows "MAIL ": `FROM:<path>` and parameters (RFC 5321 section 4.1.1.2)."""
    common = _COMMON_MAIL.fullmatch(argument)
    if common is None:
        return _parse_any_mail(argument)
    local, domain, size, body = common.groups()
    if len(local) + len(domain) >= MAX_PATH_OCTETS or len(domain) > MAX_DOMAIN_OCTETS:
        return replies.BAD_REVERSE_PATH
    path = ReversePath(Mailbox(local.decode("ascii"), domain.decode("ascii").lower()))
    is_8bit = body is not None and body[:1] == b"8"
    return path, MailParameters(int(size) if size else None, "8BITMIME" if is_8bit else "7BIT")


def parse_rcpt(
    argument: bytes, *, long_local_part_domains: frozenset[str] = frozenset(), smtputf8: bool
) -> ForwardPath | Reply:
    """Read what follows "RCPT ": `TO:<path>`; we announce no parameter of RCPT.

    `long_local_part_domains` may have local parts of up to 240 octets instead of 64.
    """
    mailbox = _rcpt_mailbox(argument, smtputf8)
    if isinstance(mailbox, Reply):
        return mailbox
    is_long = mailbox.domain in long_local_part_domains
    limit = MAX_LONG_LOCAL_PART_OCTETS if is_long else MAX_LOCAL_PART_OCTETS
    if not _fits(mailbox, limit):
        return replies.BAD_FORWARD_PATH
    return ForwardPath(mailbox)


def parse_mailbox(text: str) -> Mailbox | None:
    """Read an address of somebody else that mail can go to: a name in DNS, no literal, no single label."""
    mailbox = _mailbox(text, loose=True) if len(text) <= _MAX_DOMAIN_INPUT else None
    if mailbox is None or not _is_public_form(mailbox.domain):
        return None
    return mailbox if _fits(mailbox, MAX_LOCAL_PART_OCTETS) else None


def normalise_domain(text: str) -> str | None:
    """A host name as lower-case A-labels; None for single labels, IP addresses and what is not a DNS name."""
    domain = _domain_name(text.removesuffix("."))
    return domain if domain and _is_public_form(domain) else None


def _is_public_form(domain: str) -> bool:
    """More than one label, and neither an IP address nor a literal."""
    return "." in domain and domain[0] != "[" and not domain.rpartition(".")[2].isdigit()


def normalise_local_part(text: str) -> str:
    """The key two spellings of one alias share: case does not matter to us, nor does composition."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


def split_tag(local_part: str) -> tuple[str, str]:
    """Plus addressing: "alias+tag" -> ("alias", "tag"). A leading plus belongs to the name."""
    plus = local_part.find("+", 1)
    return (local_part, "") if plus < 0 else (local_part[:plus], local_part[plus + 1 :])


def untagged(address: str) -> str:
    """One spelling for all that one inbox may be reached by: lower case, without what follows a plus."""
    local_part, _, domain = address.strip().lower().rpartition("@")
    return f"{split_tag(local_part)[0]}@{domain}"


def _parse_any_mail(argument: bytes) -> tuple[ReversePath, MailParameters] | Reply:
    split = _split_path(argument, b"FROM:")
    if split is None:
        return replies.BAD_REVERSE_PATH
    path, rest = split
    reverse_path = _reverse_path(path)
    if reverse_path is None:
        return replies.BAD_REVERSE_PATH
    parameters = _mail_parameters(rest)
    if isinstance(parameters, MailParameters) and not (parameters.smtputf8 or path.isascii()):
        return replies.NEEDS_SMTPUTF8
    return parameters if isinstance(parameters, Reply) else (reverse_path, parameters)


def _reverse_path(path: bytes) -> ReversePath | None:
    if not path:
        return ReversePath(None)
    mailbox = _path_mailbox(path, loose=True)
    return ReversePath(mailbox) if mailbox and _fits(mailbox, MAX_PATH_OCTETS) else None


def _mail_parameters(rest: bytes) -> MailParameters | Reply:
    if _NOT_PRINTABLE.search(rest):
        return replies.BAD_ARGUMENT
    seen: dict[bytes, bytes | None] = {}
    for word in rest.split():
        name, equals, value = word.partition(b"=")
        key = name.upper()
        if key not in (b"SIZE", b"BODY", b"SMTPUTF8"):
            return replies.BAD_PARAMETER
        if key in seen:
            return replies.BAD_ARGUMENT
        seen[key] = value if equals else None
    return _checked_parameters(seen)


def _checked_parameters(seen: dict[bytes, bytes | None]) -> MailParameters | Reply:
    size = seen.get(b"SIZE", b"0") or b""
    body = (seen.get(b"BODY", b"7BIT") or b"").upper()
    if not _SIZE.fullmatch(size) or body not in (b"7BIT", b"8BITMIME") or seen.get(b"SMTPUTF8") is not None:
        return replies.BAD_ARGUMENT
    return MailParameters(
        size=int(size) if b"SIZE" in seen else None,
        body="8BITMIME" if body == b"8BITMIME" else "7BIT",
        smtputf8=b"SMTPUTF8" in seen,
    )


def _rcpt_mailbox(argument: bytes, smtputf8: bool) -> Mailbox | Reply:
    common = _COMMON_RCPT.fullmatch(argument)
    if common is not None:
        local, domain = common.groups()
        return Mailbox(local.decode("ascii"), domain.decode("ascii").lower())
    split = _split_path(argument, b"TO:")
    if split is None:
        return replies.BAD_FORWARD_PATH
    path, rest = split
    mailbox = Mailbox("postmaster", "") if path.lower() == b"postmaster" else _path_mailbox(path, loose=False)
    if mailbox is None:
        return replies.BAD_FORWARD_PATH
    if rest:
        return replies.BAD_PARAMETER
    return mailbox if smtputf8 or path.isascii() else replies.NEEDS_SMTPUTF8


def _split_path(argument: bytes, keyword: bytes) -> tuple[bytes, bytes] | None:
    """The text between the brackets and what follows; a space after the colon is common and harmless."""
    if argument[: len(keyword)].upper() != keyword:
        return None
    match = _ANY_PATH.fullmatch(argument[len(keyword) :].strip(b" "))
    if match is None:
        return None
    return match[1], match[2] or b""


def _path_mailbox(path: bytes, *, loose: bool) -> Mailbox | None:
    if len(path) > MAX_PATH_OCTETS:
        return None
    try:
        text = path.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return _mailbox(_without_source_route(text), loose=loose)


def _without_source_route(text: str) -> str:
    """RFC 5321 section 3.6.1 and appendix C: a source route is read and ignored."""
    route = _SOURCE_ROUTE.match(text)
    if route is None or not all(_domain(hop) for hop in route[0][1:-1].split(",@")):
        return text  # still starts with "@", which no mailbox does
    return text[route.end() :]


def _mailbox(text: str, *, loose: bool) -> Mailbox | None:
    """`loose`: the domain may hold underscores; never so where it could be one of ours (RCPT)."""
    local = _QUOTED_STRING.match(text) or _DOT_ATOM.match(text)
    if local is None or text[local.end() : local.end() + 1] != "@":
        return None
    local_part = local[0]
    if local_part[0] == '"':
        local_part = _QUOTED_PAIR.sub(r"\1", local_part[1:-1])
    # An empty quoted string is in the grammar, but no mailbox of ours or of anybody has no name.
    if not local_part or not _is_plain_text(local_part):
        return None
    domain = _domain(text[local.end() + 1 :], loose=loose)
    return Mailbox(local_part, domain) if domain else None


def _is_plain_text(text: str) -> bool:
    """No control, format, or separator character: they hide in logs and break lines."""
    if text.isascii():
        return True  # the patterns have refused ASCII controls
    return not any(
        unicodedata.category(character) in _REFUSED_CATEGORIES
        for character in text
        if character > "\x7f" and character not in _JOINERS
    )


def _domain(text: str, *, loose: bool = False) -> str | None:
    if text[:1] == "[":
        return _address_literal(text)
    return _domain_name(text, loose=loose)


def _address_literal(text: str) -> str | None:
    """RFC 5321 section 4.1.3, in its canonical form; tags other than IPv6 are not registered."""
    inside = text[1:-1]
    if text[-1] != "]" or not inside.isascii() or "%" in inside:
        return None
    try:
        if inside[:5].lower() == "ipv6:":
            return f"[ipv6:{ipaddress.IPv6Address(inside[5:])}]"
        return f"[{ipaddress.IPv4Address(inside)}]"
    except ValueError:
        return None


def _domain_name(text: str, *, loose: bool = False) -> str | None:
    if not text.isascii():
        return _a_labels(text)
    grammar = _ASCII_LOOSE_DOMAIN if loose else _ASCII_DOMAIN
    if len(text) > MAX_DOMAIN_OCTETS or not grammar.fullmatch(text):
        return None
    return text.lower()


def _a_labels(text: str) -> str | None:
    if len(text) > _MAX_DOMAIN_INPUT:
        return None
    try:
        name = idna.encode(text, uts46=True).decode("ascii")
    except UnicodeError:  # idna's own error is one
        return None
    return _domain_name(name)


def _quoted_if_needed(local_part: str) -> str:
    if _ASCII_DOT_STRING.fullmatch(local_part) or _DOT_ATOM.fullmatch(local_part):
        return local_part
    return '"' + _NEEDS_ESCAPE.sub(r"\\\1", local_part) + '"'


def _fits(mailbox: Mailbox, local_part_limit: int) -> bool:
    local = _quoted_if_needed(mailbox.local_part).encode()
    return len(local) <= local_part_limit and len(local) + 1 + len(mailbox.domain) <= MAX_PATH_OCTETS
