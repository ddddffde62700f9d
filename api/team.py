"""The people of the account: list, change a role, remove or leave, hand the account over."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlmodel.ext.asyncio.session import AsyncSession

from api.errors import responses
from api.etags import IfMatch
from api.fields import Body, CursorText, Limit, Page, Text, id_after, id_cursor
from api.routes import Route
from api.security import AsAdmin, AsMember, Doer, OwnsAccount, ReadsAccount, Runtime, Session, as_admin
from customers import accounts, team
from customers.callers import Role
from customers.team import Member
from mailcore import changes

router = APIRouter(prefix="/v1", route_class=Route, tags=["Team"], responses=responses(403, 404))

_cursor = id_cursor("members")


class MemberOut(BaseModel):
    """A person in the account. `id` is that of their membership; `person_id` stands in the request log."""

    id: UUID
    person_id: UUID
    email: str = Field(examples=["ada@example.org"])
    name: str = Field(examples=["Ada"])
    role: Role
    created_at: datetime

    @classmethod
    def of(cls, member: Member) -> "MemberOut":
        return cls(
            id=member.id,
            person_id=member.person_id,
            email=member.email,
            name=member.name,
            role=member.role,
            created_at=member.created_at,
        )


class MemberChange(Body):
    role: Role = Field(description="`owner` can be given by an owner only", examples=["viewer"])


class Transfer(Body):
    member_id: UUID = Field(description="Who owns the account from now on; you stay as an admin")
    name: Text = Field(description="The account's name, to confirm", examples=["Demo"])


@router.get("/members", summary="List the people of the account")
async def list_members(
    who: ReadsAccount, session: Session, cursor: CursorText = None, limit: Limit = 50
) -> Page[MemberOut]:
    after = id_after("members", cursor)
    rows = await team.list_of(session, who.account_id, after=after, limit=limit + 1)
    return Page[MemberOut].of(rows, limit, MemberOut.of, lambda member: _cursor(member.id))


@router.get("/members/{member_id}", summary="Show one of the people")
async def get_member(who: ReadsAccount, session: Session, member_id: UUID) -> MemberOut:
    return MemberOut.of(await team.get(session, who.account_id, member_id))


@router.patch(
    "/members/{member_id}", summary="Change a person's role", responses=responses(403, 404, 409, 412)
)
async def update_member(
    who: AsAdmin,
    doer: Doer,
    session: Session,
    runtime: Runtime,
    if_match: IfMatch,
    member_id: UUID,
    body: MemberChange,
) -> MemberOut:
    """For people. Only an owner makes owners, or takes that from one; the last owner stays one. Whom somebody
    invited can't accept what that person may not give any more.
    """
    await if_match.holds(lambda: _locked(session, who.account_id, member_id))
    member = await team.change_role(session, runtime.clock, who, doer, member_id, body.role)
    await changes.note(session, who.account_id, "account")
    return MemberOut.of(member)


@router.delete(
    "/members/{member_id}",
    status_code=204,
    summary="Remove a person, or leave the account yourself",
    responses=responses(403, 404, 409, 412),
)
async def remove_member(
    who: AsMember, doer: Doer, session: Session, runtime: Runtime, if_match: IfMatch, member_id: UUID
) -> None:
    """For people. Everybody may leave but the last owner; to remove somebody else takes an admin."""
    member = await team.get(session, who.account_id, member_id)
    if member.person_id != who.person_id:
        await as_admin(who)
    await if_match.holds(lambda: _locked(session, who.account_id, member_id))
    await team.remove(session, runtime.clock, who, doer, member_id)
    await changes.note(session, who.account_id, "account")


async def _locked(session: AsyncSession, account_id: UUID, member_id: UUID) -> MemberOut:
    """Roles in an account change one at a time, behind its row."""
    await accounts.get(session, account_id, lock=True)
    return MemberOut.of(await team.get(session, account_id, member_id))


@router.post("/account/transfer", summary="Hand the account over to another member", tags=["Account"])
async def transfer_account(
    who: OwnsAccount, doer: Doer, session: Session, runtime: Runtime, body: Transfer
) -> MemberOut:
    """For an owner in their browser. Answers with the new owner. 403 `sign_in_again` as for passkeys."""
    member = await team.transfer(session, runtime.clock, who, doer, body.member_id, body.name)
    await changes.note(session, who.account_id, "account")
    return MemberOut.of(member)
