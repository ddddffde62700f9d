"""`clearpost canary draft|check|publish`: what people sign is written, judged and brought to this server.

Must never sign anything, nor ask for a private key: that is done by people, with ssh-keygen, elsewhere.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlmodel.ext.asyncio.session import AsyncSession

from clearpost.progress import complain, say
from clearpost.with_database import DONE, OPERATOR, UNABLE, run
from customers import canaries, canary_rules, canary_signers
from customers import canary_document as documents
from customers.canary_document import CLAIMS, Claim, Document, Fact
from customers.canary_rules import Ground, Signed
from customers.canary_signers import NAMESPACE, QUORUM, Signers
from mailcore.clock import Clock
from mailcore.errors import BusinessError
from mailcore.settings import Settings

_NEXT: Final = """\
  {file} says: {claims}; it would end at {expires}.
  Read it. Then {quorum} of the signers, each on their own machine:
    ssh-keygen -Y sign -f THEIR_KEY -n {namespace} < {file} > NAME.sig
  And here: clearpost canary publish {file} NAME.sig NAME.sig"""


@dataclass(frozen=True, slots=True)
class Wish:
    """`without`: statements that are not affirmed this time."""

    fact: Fact
    lasts: timedelta
    without: Sequence[str]


class Unfit(BusinessError):
    """A file that cannot be used, or a canary that could not be published."""


def draft_here(settings: Settings, file: Path, wish: Wish, *, as_json: bool) -> int:
    """The next one of this server's. 0 written, 1 not and why."""
    clock = Clock()

    async def work(session: AsyncSession) -> str:
        return _keep(file, _draft(await canaries.ground(session, clock, settings), wish))

    return run(settings, work, lambda text: _what_next(file, text, as_json))


def draft_away(service: str, before: Path | None, file: Path, wish: Wish, *, as_json: bool) -> int:
    """The same without a server: the first of a service, or the one after a document."""
    try:
        text = _keep(file, _draft(_ground_of(service, before), wish))
    except BusinessError as error:
        return _unable(error)
    _what_next(file, text, as_json)
    return DONE


def check_here(settings: Settings, file: Path, signatures: Sequence[Path], *, as_json: bool) -> int:
    """Whether this server would publish it now. 0 it would, 1 not and why."""
    return _with_server(settings, file, signatures, as_json, is_published=False)


def publish(settings: Settings, file: Path, signatures: Sequence[Path], *, as_json: bool) -> int:
    return _with_server(settings, file, signatures, as_json, is_published=True)


def check_away(
    signers: Path, before: Path | None, file: Path, signatures: Sequence[Path], *, as_json: bool
) -> int:
    """Whether a server with these signers, and this one before, would publish it now."""
    try:
        text, given = _texts(file, signatures)
        trusted = canary_signers.read(_text(signers))
        if not isinstance(trusted, Signers):
            raise Unfit(trusted)
        document = documents.read(text)
        service = document.service if isinstance(document, Document) and before is None else ""
        judged = canary_rules.judge(text, given, trusted, _ground_of(service, before))
        if not isinstance(judged, Signed):
            raise Unfit("; ".join(judged))
    except BusinessError as error:
        return _unable(error)
    _show(judged, as_json, is_published=False)
    return DONE


def _with_server(
    settings: Settings, file: Path, signatures: Sequence[Path], as_json: bool, *, is_published: bool
) -> int:
    try:
        text, given = _texts(file, signatures)
    except BusinessError as error:
        return _unable(error)
    clock = Clock()

    async def work(session: AsyncSession) -> Signed:
        if is_published:
            return await canaries.publish(session, clock, settings, OPERATOR, text, given)
        return await canaries.check(session, clock, settings, text, given)

    return run(settings, work, lambda signed: _show(signed, as_json, is_published=is_published))


# --- a draft ---


def _draft(ground: Ground, wish: Wish) -> str:
    """Raises Unfit for what could not be published."""
    issued = ground.now.replace(microsecond=0)
    states: Sequence[Claim] = [
        Claim(name, text, "not affirmed" if name in wish.without else "affirmed")
        for name, text in CLAIMS.items()
    ]
    document = Document(
        service=ground.service,
        number=ground.number + 1,
        issued=issued,
        expires=issued + wish.lasts,
        previous=None if ground.before is None else documents.digest(ground.before),
        claims=states,
        fact=wish.fact,
    )
    text = documents.write(document)
    read = documents.read(text)
    faults = [read] if isinstance(read, str) else canary_rules.faults(document, ground)
    if faults:
        raise Unfit(f"it could not be published: {'; '.join(faults)}")
    return text


def _ground_of(service: str, before: Path | None) -> Ground:
    """By files alone. Raises Unfit."""
    now = Clock().now()
    if before is None:
        return Ground(service, now)
    text = _text(before)
    document = documents.read(text)
    if isinstance(document, str):
        raise Unfit(f"{before}: {document}")
    return Ground(document.service, now, text, document.number)


def _keep(file: Path, text: str) -> str:
    """Raises Unfit where there is a file already: it may be signed."""
    try:
        with file.open("xb") as opened:
            opened.write(text.encode())
    except OSError as error:
        raise Unfit(f"{file}: {error.strerror or error}") from None
    return text


def _what_next(file: Path, text: str, as_json: bool) -> None:
    document = documents.read(text)
    assert isinstance(document, Document)
    if as_json:
        say(json.dumps({"file": str(file), "number": document.number, "sha256": documents.digest(text)}))
        return
    say(
        _NEXT.format(
            file=file, claims=_claims(document), expires=_end(document), quorum=QUORUM, namespace=NAMESPACE
        )
    )


# --- what came of it ---


def _show(signed: Signed, as_json: bool, *, is_published: bool) -> None:
    document, names = signed.document, sorted(signed.signatures)
    if as_json:
        found = {
            "number": document.number,
            "expires": _end(document),
            "signers": names,
            "published": is_published,
        }
        say(json.dumps(found))
        return
    say(f"  canary {document.number} of {document.service}: {_claims(document)}, until {_end(document)}")
    say(f"  signed by {' and '.join(names)}")
    say("  published" if is_published else "  fit to be published")


def _claims(document: Document) -> str:
    without = [claim.id for claim in document.claims if claim.state != "affirmed"]
    return f"all but {', '.join(without)} affirmed" if without else "all five statements affirmed"


def _end(document: Document) -> str:
    return document.expires.strftime("%Y-%m-%dT%H:%M:%SZ")


def _texts(file: Path, signatures: Sequence[Path]) -> tuple[str, list[str]]:
    return _text(file), [_text(each) for each in signatures]


def _text(file: Path) -> str:
    """Byte for byte. Raises Unfit."""
    try:
        return file.read_bytes().decode()
    except OSError as error:
        raise Unfit(f"{file}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise Unfit(f"{file}: this is no text") from None


def _unable(error: BusinessError) -> int:
    complain(error.detail)
    return UNABLE
