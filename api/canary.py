"""/canary.json and the files behind it: the warrant canary as people signed it, for everybody.

Must never call it current a second after it has expired, nor let an answer be kept that could: nothing here
is cached, and what it is worth is decided anew for each answer.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field

from api.errors import responses
from api.fields import Body
from api.rate_limits import asker
from api.runtime import ApiRuntime
from api.security import Runtime
from api.staff import StaffDoer, StaffMe, StaffSession
from customers import canaries, canary_signers
from customers.canaries import Published, Standing
from customers.canary_document import LARGEST
from customers.canary_rules import State
from customers.canary_signers import NAMESPACE, QUORUM, SIGNERS, Signers
from mailcore import sshsig
from mailcore.errors import NotFound
from mailcore.rates import Rate
from mailcore.sshsig import PublicKey, Signature

router = APIRouter(tags=["Canary"], responses=responses())
files = APIRouter(include_in_schema=False)
for_staff = APIRouter(prefix="/staff/v1/canary", include_in_schema=False, responses=responses(403, 409))

RATE: Final = Rate(120, timedelta(minutes=1))
SLOWLY: Final = "A canary does not change that often."
Number = Annotated[int, Path(ge=1, le=1_000_000)]


class CanaryStatementOut(BaseModel):
    """`state`: what it says now; nothing is affirmed by a canary that has expired or is not signed."""

    id: str = Field(examples=["tls-keys"])
    text: str
    state: Literal["affirmed", "not affirmed", "expired", "unverified"]


class CanaryFactOut(BaseModel):
    """Something public that nobody could know before that day."""

    text: str
    url: str
    date: date


class CanaryKeyOut(BaseModel):
    """A signer's public key. `fingerprint` as ssh-keygen says it."""

    name: str = Field(examples=["alice"])
    kind: str = Field(examples=["ssh-ed25519"])
    fingerprint: str = Field(examples=["SHA256:L3k/oJubblSY0lB9Ulsl7emDMnRPKm/8udf2ccwk560"])
    key: str = Field(
        examples=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFOG6kY7Rf4UtCFvPwKgo/BztXck2xC4a2WyA34XtIwZ"]
    )

    @classmethod
    def of(cls, name: str, key: PublicKey) -> "CanaryKeyOut":
        return cls(name=name, kind=key.kind, fingerprint=key.fingerprint, key=key.line)


class CanarySignatureOut(BaseModel):
    """`fingerprint` of the key it was made with; empty where it cannot be read any more."""

    signer: str
    fingerprint: str
    url: str


class CanaryOut(BaseModel):
    """`state`: `current`, or `incomplete` (a statement is not affirmed), `expired` (to the second),
    `unverified` (not signed by two of the three), `none` (nothing was published).
    """

    state: State
    at: datetime = Field(description="When this was decided")
    service: str = Field(examples=["example.org"])
    number: int | None = Field(examples=[3])
    issued: datetime | None
    expires: datetime | None = Field(description="From this second on it says nothing")
    published_at: datetime | None
    statements: list[CanaryStatementOut]
    fact: CanaryFactOut | None
    previous: str | None = Field(description="SHA-256 of the document before this one")
    sha256: str | None = Field(description="Of this document")
    document: str | None = Field(description="Where the exact text is that was signed")
    namespace: str = Field(description="That it is signed under", examples=[NAMESPACE])
    signatures: list[CanarySignatureOut]
    signers: list[CanaryKeyOut] = Field(description="Whose signatures count")
    needed: int = Field(description="Different signers it takes", examples=[QUORUM])


@router.get("/canary.json", summary="Show the warrant canary")
async def get_canary(request: Request, response: Response, runtime: Runtime) -> CanaryOut:
    """For everybody, without a key. Verify it yourself: the page /canary says how."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    return await look(request, runtime)


@files.get("/canary/allowed_signers", response_class=PlainTextResponse)
async def send_signers(request: Request, runtime: Runtime) -> str:
    """As `ssh-keygen -Y verify -f` reads it."""
    await not_too_often(request, runtime)
    signers = canary_signers.of(runtime.settings.canary_signers)
    if not isinstance(signers, Signers):
        raise NotFound("This service names no signers of a canary.")
    return signers.text


@files.get("/canary/{number}/document")
async def send_document(request: Request, runtime: Runtime, number: Number) -> Response:
    """Byte for byte what was signed."""
    found = await _one(request, runtime, number)
    return Response(found.text.encode(), media_type="application/json")


@files.get("/canary/{number}/signatures/{signer}", response_class=PlainTextResponse)
async def send_signature(request: Request, runtime: Runtime, number: Number, signer: str) -> str:
    found = await _one(request, runtime, number)
    if signer not in found.signatures:
        raise NotFound("There is no such signature of this canary.")
    return found.signatures[signer]


# --- for our staff ---


class CanaryNew(Body):
    """`document`: exactly the text that was signed; `signatures`: the files that ssh-keygen wrote."""

    model_config = ConfigDict(str_strip_whitespace=False)

    document: Annotated[str, Field(min_length=1, max_length=LARGEST)]
    signatures: Annotated[
        list[Annotated[str, Field(max_length=8192)]], Field(min_length=1, max_length=SIGNERS)
    ]


@for_staff.get("")
async def show_staff_canary(me: StaffMe, runtime: Runtime) -> CanaryOut:
    return await _shown(runtime)


@for_staff.post("", status_code=201)
async def publish_canary(
    session: StaffSession, doer: StaffDoer, runtime: Runtime, body: CanaryNew
) -> dict[str, int]:
    """Or a 422 that says all that is wrong with it. A line in the service's log says who brought it."""
    signed = await canaries.publish(
        session, runtime.clock, runtime.settings, doer, body.document, body.signatures
    )
    return {"number": signed.document.number}


# --- what is shown of it ---


async def look(request: Request, runtime: ApiRuntime) -> CanaryOut:
    """Raises TooMany for who asks without end."""
    await not_too_often(request, runtime)
    return await _shown(runtime)


async def not_too_often(request: Request, runtime: ApiRuntime) -> None:
    await runtime.rates.need("canary", asker(request), RATE, SLOWLY)


def url_of(runtime: ApiRuntime, path: str) -> str:
    return f"{runtime.settings.web_url.rstrip('/')}/canary/{path}"


async def _one(request: Request, runtime: ApiRuntime, number: int) -> Published:
    await not_too_often(request, runtime)
    found = await canaries.one(runtime.database, number)
    if found is None:
        raise NotFound("No canary with this number was published.")
    return found


async def _shown(runtime: ApiRuntime) -> CanaryOut:
    standing = await canaries.standing(runtime.database, runtime.settings)
    # After the database was asked: it may have taken seconds.
    now = runtime.clock.now()
    state, newest = standing.state(now), standing.newest
    document = newest.document if newest else None
    return CanaryOut(
        state=state,
        at=now,
        service=runtime.settings.service_domain,
        number=newest.number if newest else None,
        issued=document.issued if document else None,
        expires=document.expires if document else None,
        published_at=newest.published_at if newest else None,
        statements=_statements(standing, state),
        fact=CanaryFactOut(text=document.fact.text, url=document.fact.url, date=document.fact.day)
        if document
        else None,
        previous=document.previous if document else None,
        sha256=newest.digest if newest else None,
        document=url_of(runtime, f"{newest.number}/document") if newest else None,
        namespace=NAMESPACE,
        signatures=signatures_of(runtime, newest) if newest else [],
        signers=_signers(standing),
        needed=QUORUM,
    )


def _statements(standing: Standing, state: State) -> list[CanaryStatementOut]:
    """As the document has them; but what it does not stand for any more is affirmed by nobody."""
    if standing.newest is None or standing.newest.document is None:
        return []
    return [
        CanaryStatementOut(
            id=claim.id,
            text=claim.text,
            state=state if state == "expired" or state == "unverified" else claim.state,
        )
        for claim in standing.newest.document.claims
    ]


def _signers(standing: Standing) -> list[CanaryKeyOut]:
    keys = standing.signers.keys if standing.signers else {}
    return [CanaryKeyOut.of(name, key) for name, key in sorted(keys.items())]


def signatures_of(runtime: ApiRuntime, one: Published) -> Sequence[CanarySignatureOut]:
    return [
        CanarySignatureOut(
            signer=signer,
            fingerprint=_fingerprint(text),
            url=url_of(runtime, f"{one.number}/signatures/{signer}"),
        )
        for signer, text in sorted(one.signatures.items())
    ]


def _fingerprint(text: str) -> str:
    found = sshsig.read_signature(text)
    return found.key.fingerprint if isinstance(found, Signature) else ""
