"""Apps that an account registers, so that other people can let them act: OAuth 2 clients."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.errors import responses
from api.etags import IfMatch
from api.fields import Body, CursorText, Flag, Limit, Page, Text, id_after, id_cursor
from api.routes import Route
from api.security import Doer, MakesSecrets, ReadsAccount, Runtime, Session, WritesAccount
from customers import audit, oauth_apps, oauth_grants
from customers.audit import Subject
from customers.callers import Scope
from customers.oauth_apps import MOST_URIS, Registration
from mailcore.models import OauthApp

router = APIRouter(prefix="/v1/oauth/apps", route_class=Route, tags=["OAuth"], responses=responses(403))

_cursor = id_cursor("oauth-apps")
Name = Annotated[Text, Field(min_length=1, max_length=60, examples=["Mail sorter"])]
Homepage = Annotated[Text, Field(description="https", examples=["https://sorter.example"])]
Address = Annotated[str, Field(max_length=1000, examples=["https://sorter.example/callback"])]
Addresses = Annotated[
    list[Address],
    Field(
        min_length=1,
        max_length=MOST_URIS,
        description="https, or http to 127.0.0.1, [::1], localhost, there with any port; compared by letter.",
        examples=[["https://sorter.example/callback"]],
    ),
]
Scopes = Annotated[
    list[Scope],
    Field(
        min_length=1,
        max_length=len(Scope),
        description="The most it may ask for",
        examples=[["aliases:read"]],
    ),
]


class OauthAppNew(Body):
    name: Name
    homepage: Homepage
    redirect_uris: Addresses
    scopes: Scopes
    confidential: Flag = Field(
        False, description="Whether it runs on a server of yours, where a secret stays one", examples=[False]
    )


class OauthAppChange(Body):
    """Only what is given changes."""

    name: Name | None = None
    homepage: Homepage | None = None
    redirect_uris: Addresses | None = None
    scopes: Scopes | None = None


class OauthAppOut(BaseModel):
    id: UUID
    client_id: str = Field(examples=["app_6f1c2b90a7d34e5f8a9b0c1d"])
    name: str = Field(examples=["Mail sorter"])
    homepage: str = Field(examples=["https://sorter.example"])
    redirect_uris: list[str] = Field(examples=[["https://sorter.example/callback"]])
    scopes: list[Scope] = Field(examples=[["aliases:read"]])
    confidential: bool
    created_at: datetime

    @classmethod
    def of(cls, app: OauthApp) -> Self:
        return cls(**_fields(app))


class OauthAppSecretOut(OauthAppOut):
    """`client_secret` is shown this once; a public app has none."""

    client_secret: str | None = Field(examples=["cp_secret_..."])


@router.get("", summary="List the apps")
async def list_oauth_apps(
    who: ReadsAccount, session: Session, limit: Limit = 50, cursor: CursorText = None
) -> Page[OauthAppOut]:
    after = id_after("oauth-apps", cursor)
    rows = await oauth_apps.list_of(session, who.account_id, after=after, limit=limit + 1)
    return Page.of(rows, limit, OauthAppOut.of, lambda row: _cursor(row.id))


@router.post("", status_code=201, summary="Register an app")
async def create_oauth_app(
    body: OauthAppNew, who: MakesSecrets, doer: Doer, session: Session, runtime: Runtime
) -> OauthAppSecretOut:
    """Other people can then let it act for their accounts, by OAuth 2 with PKCE.

    `/.well-known/oauth-authorization-server` tells a client library where.
    """
    wanted = Registration(body.name, body.homepage, body.redirect_uris, body.scopes)
    clock, keyring = runtime.clock, runtime.keyring
    app, secret = await oauth_apps.register(
        session, clock, keyring, who.account_id, wanted, confidential=body.confidential
    )
    subject = Subject(app.id, app.name)
    audit.record(
        session, clock, who.account_id, doer, "oauth_app.created", subject,
        redirect_uris=app.redirect_uris, scopes=app.scopes, confidential=body.confidential,
    )  # fmt: skip
    return OauthAppSecretOut(**_fields(app), client_secret=secret)


@router.get("/{app_id}", summary="Show an app", responses=responses(404))
async def get_oauth_app(app_id: UUID, who: ReadsAccount, session: Session) -> OauthAppOut:
    return OauthAppOut.of(await oauth_apps.get(session, who.account_id, app_id))


@router.patch("/{app_id}", summary="Change an app", responses=responses(403, 404, 412))
async def update_oauth_app(
    app_id: UUID,
    body: OauthAppChange,
    who: MakesSecrets,  # where codes are sent to is as good as a secret
    doer: Doer,
    session: Session,
    runtime: Runtime,
    if_match: IfMatch,
) -> OauthAppOut:
    """Scopes that it loses end for tokens that exist; scopes that it gains need a new consent."""
    app = await oauth_apps.get(session, who.account_id, app_id, lock=True)
    await if_match.holds(lambda: _as_shown(app))
    wanted = Registration(
        name=app.name if body.name is None else body.name,
        homepage=app.homepage if body.homepage is None else body.homepage,
        redirect_uris=app.redirect_uris if body.redirect_uris is None else body.redirect_uris,
        scopes=[Scope(scope) for scope in app.scopes] if body.scopes is None else body.scopes,
    )
    oauth_apps.describe(app, wanted)
    changed = body.model_dump(exclude_none=True)
    subject = Subject(app.id, app.name)
    audit.record(session, runtime.clock, who.account_id, doer, "oauth_app.changed", subject, **changed)
    return OauthAppOut.of(app)


@router.post("/{app_id}/secret", summary="Replace the secret of an app", responses=responses(404))
async def roll_oauth_app_secret(
    app_id: UUID, who: MakesSecrets, doer: Doer, session: Session, runtime: Runtime
) -> OauthAppSecretOut:
    """The old one ends at once. Tokens that people's grants have stay valid."""
    app = await oauth_apps.get(session, who.account_id, app_id, lock=True)
    secret = oauth_apps.roll_secret(app, runtime.keyring)
    subject = Subject(app.id, app.name)
    audit.record(session, runtime.clock, who.account_id, doer, "oauth_app.secret_rolled", subject)
    return OauthAppSecretOut(**_fields(app), client_secret=secret)


@router.delete("/{app_id}", status_code=204, summary="Delete an app", responses=responses(403, 404, 412))
async def delete_oauth_app(
    app_id: UUID, who: WritesAccount, doer: Doer, runtime: Runtime, if_match: IfMatch
) -> None:
    """All that people let it do ends at once, and their accounts' audit logs say so."""
    # As the service: the grants are other accounts'. The app is the caller's own, or it is not found.
    async with runtime.database.session() as session:
        app = await oauth_apps.get(session, who.account_id, app_id, lock=True)
        await if_match.holds(lambda: _as_shown(app))
        await oauth_grants.end_all_of(session, runtime.clock, app)
        subject = Subject(app.id, app.name)
        audit.record(session, runtime.clock, who.account_id, doer, "oauth_app.deleted", subject)
        await session.delete(app)


async def _as_shown(app: OauthApp) -> OauthAppOut:
    return OauthAppOut.of(app)


def _fields(app: OauthApp) -> dict[str, object]:
    return {
        **app.model_dump(exclude={"account_id", "secret_hash"}),
        "confidential": app.secret_hash is not None,
    }
