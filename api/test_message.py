"""A test message to an alias, through the real path: what the log shows of it is what happened."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.errors import CODES, responses
from api.routes import Route
from api.runtime import ApiRuntime
from api.security import Doer, Runtime, WritesAliases
from customers import accounts, audit, trial_message
from customers.audit import Subject
from customers.callers import Caller
from customers.trial_message import NoAnswer, Refused
from mailcore.alias_lookup import CATCH_ALL
from mailcore.errors import BusinessError, Conflict
from mailcore.models import Alias, Domain
from mailcore.plans import Lane
from mailcore.rates import Rate

router = APIRouter(prefix="/v1/aliases", route_class=Route, tags=["Aliases"], responses=responses(404))

_RATE: Final = Rate(10, timedelta(hours=1))
_INSTEAD_OF_ANY: Final = "test"


class TestSentOut(BaseModel):
    """`message_id` is the message's in the log, where its events appear within moments."""

    __test__ = False  # not one of pytest's

    message_id: UUID
    address: str = Field(description="Whom it was sent to", examples=["hello@example.org"])


@router.post(
    "/{alias_id}/test", status_code=202, summary="Send a test message", responses=responses(404, 409)
)
async def send_test(
    alias_id: UUID, who: WritesAliases, runtime: Runtime, doer: Doer, response: Response
) -> TestSentOut:
    """Through our own mx, as anybody's mail, at most 10 in an hour. `Location` leads to its timeline."""
    address, lane = await _address(runtime, who, alias_id)
    await runtime.rates.need(
        "test message", str(who.account_id), _RATE, "10 test messages in an hour are enough."
    )
    clock = runtime.clock
    async with runtime.database.session(who.tenant) as session:
        audit.record(session, clock, who.account_id, doer, "alias.tested", Subject(alias_id, address))
    sent = await trial_message.send(runtime.settings, lane, address, clock.new_id(), clock.now())
    if isinstance(sent, Refused):
        raise Conflict(f"Our mx did not take it: {sent.reply}", code="test_refused", reply=sent.reply)
    if isinstance(sent, NoAnswer):
        raise _Silent(CODES["unavailable"], retry_after=5)
    response.headers["Location"] = f"/v1/logs/messages/{sent.message_id}"
    return TestSentOut(message_id=sent.message_id, address=address)


class _Silent(BusinessError):
    """No mx answered: a fault of ours."""

    code = "unavailable"
    status = 503


async def _address(runtime: ApiRuntime, who: Caller, alias_id: UUID) -> tuple[str, Lane]:
    """Whom to write to, and the lane of the account; in a transaction that is over before the mx is asked."""
    async with runtime.database.session(who.tenant) as session:
        alias = await accounts.get_owned(session, Alias, who.account_id, alias_id)
        domain = await accounts.get_owned(session, Domain, who.account_id, alias.domain_id)
        lane = accounts.limits_of(await accounts.get(session, who.account_id)).lane
    local_part = _INSTEAD_OF_ANY if alias.local_part == CATCH_ALL else alias.local_part
    return f"{local_part}@{domain.name}", lane
