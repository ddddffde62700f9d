"""/statements: what we attest to every hour, for everybody, with all that it takes to check it.

Must never show a statement other than it was signed, nor a private key.
"""

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as InPath
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from api.errors import responses
from api.pages import opens_pages
from api.public import show
from api.rate_limits import asker
from api.runtime import ApiRuntime
from api.security import Runtime
from customers import statements
from customers.statements import Statement
from mailcore.attestation import Signer
from mailcore.errors import NotFound
from mailcore.rates import Rate

router = APIRouter(prefix="/statements", tags=["Openness"], responses=responses())

_VERIFIER: Final = Path(__file__).parents[1] / "tools" / "verify_statements.py"
_RATE: Final = Rate(120, timedelta(minutes=1))
_MOST: Final = 500
_A_DAY: Final = 24
_ROW: Final = 2**63 - 1
# Where a cache holds what a browser gets and what a program gets, it holds two things.
_PUBLIC: Final = {
    "Cache-Control": "public, max-age=60", "Access-Control-Allow-Origin": "*", "Vary": "Accept",
}  # fmt: skip
Number = Annotated[int, InPath(ge=1, le=_ROW, examples=[1])]


class StatementOut(BaseModel):
    """`signature` is that of the line "clearpost statement", a line break, and `statement` as it stands."""

    number: int = Field(examples=[1])
    statement: str = Field(
        description="The exact text that was signed: JSON", examples=['{"number": 1, "at": "..."}']
    )
    key: str = Field(description="The id of the key: 16 digits of its SHA-256", examples=["21fe31dfa154a261"])
    signature: str = Field(description="Ed25519 (RFC 8032), in hex", examples=["00" * 64])

    @classmethod
    def of(cls, statement: Statement) -> "StatementOut":
        signed = statement.signed
        return cls(number=statement.number, statement=signed.text, key=signed.key, signature=signed.signature)


class StatementsOut(BaseModel):
    data: list[StatementOut]


class StatementKeyOut(BaseModel):
    id: str = Field(examples=["21fe31dfa154a261"])
    key: str = Field(description="The public key in hex", examples=["d75a980182b10ab7d54bfed3c964073a"])


class StatementKeysOut(BaseModel):
    data: list[StatementKeyOut]


@router.get("", summary="List the signed statements", response_model=StatementsOut)
async def list_statements(
    request: Request,
    response: Response,
    runtime: Runtime,
    after: Annotated[
        int | None, Query(ge=0, le=_ROW, description="Those that follow this number, the oldest first")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=_MOST)] = 50,
) -> Any:
    """For everybody, without a key; the newest first, unless `after` is given. A browser gets a page with the
    steps to check them.
    """
    await _need(request, runtime)
    if opens_pages(request):
        return await _page(request, runtime)
    response.headers.update(_PUBLIC)
    database = runtime.database
    found = (
        await statements.latest(database, limit)
        if after is None
        else await statements.after(database, after, limit)
    )
    return StatementsOut(data=[StatementOut.of(each) for each in found])


@router.get("/head", summary="Show the newest statement", responses=responses(404))
async def get_newest_statement(request: Request, response: Response, runtime: Runtime) -> StatementOut:
    """Keep it: whoever has it sees whether what came before is changed later."""
    await _need(request, runtime)
    response.headers.update(_PUBLIC)
    return _found(await statements.newest(runtime.database))


@router.get("/keys", summary="List the keys that sign statements")
async def list_statement_keys(request: Request, response: Response, runtime: Runtime) -> StatementKeysOut:
    """All that ever signed one, and those that may sign the next. Receipts of deleted accounts are signed by
    the same.
    """
    await _need(request, runtime)
    response.headers.update(_PUBLIC)
    return await _keys(runtime)


@router.get("/verify.py", include_in_schema=False)
async def send_verifier() -> PlainTextResponse:
    return PlainTextResponse(_VERIFIER.read_text(encoding="utf-8"), headers=_PUBLIC)


@router.get("/{number}", summary="Show a statement", responses=responses(404))
async def get_statement(
    number: Number, request: Request, response: Response, runtime: Runtime
) -> StatementOut:
    await _need(request, runtime)
    response.headers.update(_PUBLIC)
    return _found(await statements.find(runtime.database, number))


def _found(statement: Statement | None) -> StatementOut:
    if statement is None:
        raise NotFound("There is no such statement.")
    return StatementOut.of(statement)


async def _need(request: Request, runtime: ApiRuntime) -> None:
    detail = "There is one statement an hour: ask less often."
    await runtime.rates.need("statements", asker(request), _RATE, detail)


async def _keys(runtime: ApiRuntime) -> StatementKeysOut:
    known = {**Signer(runtime.keyring).public_keys, **await statements.announced(runtime.database)}
    return StatementKeysOut(data=[StatementKeyOut(id=name, key=key) for name, key in known.items()])


async def _page(request: Request, runtime: ApiRuntime) -> Response:
    found = await statements.latest(runtime.database, _A_DAY)
    values = {
        "found": _told(found),
        "keys": (await _keys(runtime)).data,
        "url": runtime.settings.web_url,
        "lines": len(_VERIFIER.read_text(encoding="utf-8").splitlines()),
    }
    answer = show(request, runtime, "statements.html", values)
    answer.headers["Vary"] = "Accept"
    return answer


def _told(found: Sequence[Statement]) -> list[dict[str, Any]]:
    """What each says, with the moment it was made and the key that signed it."""
    return [{**json.loads(each.signed.text), "made": each.at, "key": each.signed.key} for each in found]
