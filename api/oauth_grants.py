"""What people of the account let apps do, and taking it back."""

from datetime import datetime
from typing import Self
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.errors import responses
from api.fields import CursorText, Limit, Page, id_after, id_cursor
from api.routes import Route
from api.security import Doer, ReadsAccount, Runtime, Session, closes_doors
from customers import oauth_grants
from customers.callers import Scope
from mailcore.models import OauthApp, OauthGrant

router = APIRouter(prefix="/v1/oauth/grants", route_class=Route, tags=["OAuth"], responses=responses(403))

_cursor = id_cursor("oauth-grants")


class GrantingApp(BaseModel):
    """The app of a grant. Others' apps show no more than this."""

    name: str = Field(examples=["Mail sorter"])
    homepage: str = Field(examples=["https://sorter.example"])


class OauthGrantOut(BaseModel):
    """`person_id` let the app act. It may what `scopes` say as far as that person's role allows it now."""

    id: UUID
    app: GrantingApp
    person_id: UUID
    scopes: list[Scope] = Field(examples=[["aliases:read"]])
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime = Field(description="Unless the app comes back before")

    @classmethod
    def of(cls, row: tuple[OauthGrant, OauthApp]) -> Self:
        grant, app = row
        shown = GrantingApp(name=app.name, homepage=app.homepage)
        return cls(**grant.model_dump(exclude={"account_id", "app_id", "revoked_at"}), app=shown)


@router.get("", summary="List what apps may do for the account")
async def list_oauth_grants(
    who: ReadsAccount, session: Session, runtime: Runtime, limit: Limit = 50, cursor: CursorText = None
) -> Page[OauthGrantOut]:
    """One entry for each time somebody said yes: two machines with the same app are two."""
    after, now = id_after("oauth-grants", cursor), runtime.clock.now()
    rows = await oauth_grants.list_of(session, who.account_id, now, after=after, limit=limit + 1)
    return Page.of(rows, limit, OauthGrantOut.of, lambda row: _cursor(row[0].id))


@router.delete(
    "/{grant_id}", status_code=204, summary="Take back what an app may do", responses=responses(404)
)
async def revoke_oauth_grant(
    grant_id: UUID, who: ReadsAccount, doer: Doer, session: Session, runtime: Runtime
) -> None:
    """From the app's next request on. People take back what they gave; what others gave needs
    `account:write`, and the role admin.
    """
    grant, app = await oauth_grants.get(session, who.account_id, grant_id)
    if who.person_id != grant.person_id:
        await closes_doors(who)
    oauth_grants.revoke(session, runtime.clock, grant, app, doer)
