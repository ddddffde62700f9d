"""The canary for people and for feed readers: its page with the steps that verify it, its archive, its feed.

Must never show a statement as affirmed once the canary has expired: a page that stays open loads itself anew
at that second, and the feed gets an entry that says so.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from xml.etree import ElementTree

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from api import public
from api.canary import CanaryOut, CanarySignatureOut, look, not_too_often, signatures_of, url_of
from api.runtime import ApiRuntime
from api.security import Runtime
from customers import canaries
from customers.canaries import Published

router = APIRouter(include_in_schema=False)

_ATOM: Final = "http://www.w3.org/2005/Atom"
_IN_FEED: Final = 24
# Browsers count in milliseconds, in 31 bits.
_LONGEST_WAIT: Final = timedelta(days=20)


class ArchivedOut(BaseModel):
    """One that was published. `verified`: it is signed as it must be, now; else it affirms nothing. `lapsed`:
    for a time none stood, as it expired before the next was published or is not verified.
    """

    number: int
    issued: datetime | None
    expires: datetime | None
    published_at: datetime
    verified: bool
    affirmed: int = Field(description="Of the five statements")
    lapsed: bool
    sha256: str
    document: str
    signatures: Sequence[CanarySignatureOut]


class ArchiveOut(BaseModel):
    data: Sequence[ArchivedOut]


@dataclass(frozen=True, slots=True)
class Step:
    """What to type, word by word, and what to see."""

    words: str
    commands: Sequence[str]


@router.get("/canary")
async def show_canary(request: Request, runtime: Runtime) -> HTMLResponse:
    found = await look(request, runtime)
    values = {"found": found, "steps": _steps(found, url_of(runtime, ""))}
    shown = public.show(request, runtime, "canary.html", values)
    return _until_it_expires(shown, found)


@router.get("/canary/archive")
async def show_archive(request: Request, runtime: Runtime) -> HTMLResponse:
    found = await look(request, runtime)
    values = {"found": found, "rows": await _archive(runtime, found.at)}
    shown = public.show(request, runtime, "canary_archive.html", values)
    return _until_it_expires(shown, found)


@router.get("/canary/archive.json")
async def get_archive(request: Request, runtime: Runtime) -> ArchiveOut:
    """The newest first."""
    await not_too_often(request, runtime)
    return ArchiveOut(data=await _archive(runtime, runtime.clock.now()))


@router.get("/canary.atom")
async def send_feed(request: Request, runtime: Runtime) -> Response:
    """An entry for each canary, and one for each that expired without another (RFC 4287)."""
    found = await look(request, runtime)
    rows = await _archive(runtime, found.at, _IN_FEED)
    feed = _feed(runtime, found, rows)
    octets = ElementTree.tostring(feed, encoding="utf-8", xml_declaration=True)
    return Response(octets, media_type="application/atom+xml")


def _until_it_expires(shown: HTMLResponse, found: CanaryOut) -> HTMLResponse:
    """The browser loads the page again at that second, without a script."""
    if found.expires is not None and found.state in ("current", "incomplete"):
        left = min(found.expires - found.at, _LONGEST_WAIT)
        shown.headers["Refresh"] = str(math.ceil(left.total_seconds()))
    return shown


# --- the steps ---


def _steps(found: CanaryOut, base: str) -> Sequence[Step]:
    """None where nothing would verify; and no signature by a key that was replaced since."""
    if found.number is None or found.state == "unverified":
        return ()
    known = {(key.name, key.fingerprint) for key in found.signers}
    names = [each.signer for each in found.signatures if (each.signer, each.fingerprint) in known]
    steps = [
        _fetch(base, found.number, names),
        _verify(found.namespace, names),
        Step(
            "Read what they signed: five statements, each of them affirmed, a fact that was news when it was "
            "issued, and an end that lies after the time now.",
            ["cat document", "date -u +%Y-%m-%dT%H:%M:%SZ"],
        ),
    ]
    return [*steps, _before(base, found.number)] if found.number > 1 else steps


def _fetch(base: str, number: int, names: Sequence[str]) -> Step:
    return Step(
        "In an empty folder, fetch the canary, its signatures, and the public keys of its signers.",
        [
            f"curl -fsS -o document {base}{number}/document",
            *(f"curl -fsS -o {name}.sig {base}{number}/signatures/{name}" for name in names),
            f"curl -fsS -o signers {base}allowed_signers",
        ],
    )


def _verify(namespace: str, names: Sequence[str]) -> Step:
    words = (
        f'Verify each signature. Each line must be answered by Good "{namespace}" signature, with the name '
        "and the fingerprint that stand below."
    )
    command = "ssh-keygen -Y verify -f signers -I {name} -n {space} -s {name}.sig < document"
    return Step(words, [command.format(name=name, space=namespace) for name in names])


def _before(base: str, number: int) -> Step:
    return Step(
        "Compare the hash of the canary before with the one that stands as previous in the document.",
        [f"curl -fsS {base}{number - 1}/document | sha256sum"],
    )


# --- the archive ---


async def _archive(runtime: ApiRuntime, now: datetime, limit: int | None = None) -> Sequence[ArchivedOut]:
    """The newest first; each with whether it lapsed until the one after it, or until now."""
    rows = await canaries.every(runtime.database, limit)
    ends = [now, *(newer.published_at for newer in rows)]
    held = canaries.verified(rows, runtime.settings)
    return [
        _archived(runtime, row, end, is_held) for row, end, is_held in zip(rows, ends, held, strict=False)
    ]


def _archived(runtime: ApiRuntime, row: Published, end: datetime, is_held: bool) -> ArchivedOut:
    document = row.document
    claims = document.claims if document and is_held else ()
    return ArchivedOut(
        number=row.number,
        issued=document.issued if document else None,
        expires=document.expires if document else None,
        published_at=row.published_at,
        verified=is_held,
        affirmed=sum(claim.state == "affirmed" for claim in claims),
        lapsed=not is_held or document is None or document.expires <= end,
        sha256=row.digest,
        document=url_of(runtime, f"{row.number}/document"),
        signatures=signatures_of(runtime, row),
    )


# --- the feed ---

_IN_WORDS: Final = {
    "current": "The canary is current",
    "incomplete": "The canary does not affirm all five statements",
    "expired": "THE CANARY HAS EXPIRED",
    "unverified": "THE CANARY CANNOT BE VERIFIED",
    "none": "No canary published",
}


def _feed(runtime: ApiRuntime, found: CanaryOut, rows: Sequence[ArchivedOut]) -> ElementTree.Element:
    ElementTree.register_namespace("", _ATOM)
    feed = ElementTree.Element(f"{{{_ATOM}}}feed")
    entries = sorted((entry for row in rows for entry in _entries(found, row)), reverse=True)
    _put(feed, "id", f"tag:{found.service},2026:canary")
    _put(feed, "title", f"Warrant canary of {found.service}")
    _put(feed, "subtitle", f"{_IN_WORDS[found.state]}, as of {_moment(found.at)}")
    _put(feed, "updated", _moment(entries[0].at if entries else found.at))
    _put(feed, "link", rel="self", href=f"{url_of(runtime, '').rstrip('/')}.atom")
    _put(feed, "link", href=url_of(runtime, "").rstrip("/"))
    _put(_put(feed, "author"), "name", found.service)
    for entry in entries:
        _put_entry(feed, entry)
    return feed


@dataclass(frozen=True, slots=True, order=True)
class _Entry:
    at: datetime
    id: str
    title: str
    content: str
    link: str


def _entries(found: CanaryOut, row: ArchivedOut) -> Sequence[_Entry]:
    tag = f"tag:{found.service},2026:canary:{row.number}"
    if row.expires is None or not row.verified:
        return [_unverified(found.at, tag, row)]
    until = f"It says nothing any more from {_moment(row.expires)} on."
    said = f"Canary {row.number}: {row.affirmed} of 5 statements affirmed"
    entries = [_Entry(row.published_at, tag, said, f"{said}. {until}", row.document)]
    if row.lapsed:
        title = f"CANARY {row.number} HAS EXPIRED"
        words = f"{title}, and no other stood in its place at {_moment(row.expires)}."
        entries.append(_Entry(row.expires, f"{tag}:expired", title, words, row.document))
    return entries


def _unverified(now: datetime, tag: str, row: ArchivedOut) -> _Entry:
    """In the place of what it said. Since when, nobody knows: it moves on by the hour, for readers to see."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    at = max(hour, row.published_at + timedelta(seconds=1))
    title = f"CANARY {row.number} CANNOT BE VERIFIED"
    words = f"{title}. It is not signed as it must be: treat every statement of it as not made."
    return _Entry(at, tag, title, words, row.document)


def _put_entry(feed: ElementTree.Element, entry: _Entry) -> None:
    element = _put(feed, "entry")
    _put(element, "id", entry.id)
    _put(element, "title", entry.title)
    _put(element, "updated", _moment(entry.at))
    _put(element, "link", href=entry.link)
    _put(element, "content", entry.content)


def _put(
    parent: ElementTree.Element, name: str, words: str | None = None, **attributes: str
) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, f"{{{_ATOM}}}{name}", attributes)
    element.text = words
    return element


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
