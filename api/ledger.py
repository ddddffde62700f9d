"""The counted identity, for anybody with a key: every delivery that began has ended, waits, or is held."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.errors import responses
from api.routes import Route
from api.security import ReadsAccount, Runtime
from mailcore import ledger

router = APIRouter(prefix="/v1/ledger", route_class=Route, tags=["Ledger"], responses=responses())


class BalanceOut(BaseModel):
    """created = delivered + hard_bounced + waiting + held, over the whole service; `difference` must be 0."""

    origin: str = Field(description="smtp, dsn or notice", examples=["smtp"])
    created: int = Field(examples=[1042])
    delivered: int = Field(examples=[1030])
    hard_bounced: int = Field(examples=[9])
    waiting: int = Field(examples=[3])
    held: int = Field(examples=[0])
    difference: int = Field(examples=[0])


class LedgerOut(BaseModel):
    balances: list[BalanceOut]


@router.get("", summary="Show the counts of the whole service")
async def get_ledger(_: ReadsAccount, runtime: Runtime) -> LedgerOut:
    return LedgerOut(balances=[_shown(line) for line in await ledger.balance(runtime.database)])


def _shown(line: ledger.Balance) -> BalanceOut:
    return BalanceOut(
        origin=line.origin,
        created=line.created,
        delivered=line.delivered,
        hard_bounced=line.hard_bounced,
        waiting=line.waiting,
        held=line.held,
        difference=line.difference,
    )
