"""The OpenAPI document: FastAPI's, with plain names, our own shape of errors, and who may ask what.

Must never name a scope that the code does not ask for: they are read from the operations themselves.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts

from api import errors
from api.security import Needs
from customers.callers import IN_WORDS

_PAGE: Final = re.compile(r"Page_(\w+)Out_")
_OUT: Final = re.compile(r"(\w+)Out$")
_KEY, _APP, _PERSON = "HTTPBearer", "OAuth2", "BrowserSession"
_BY_APP: Final[dict[str, Any]] = {
    "type": "oauth2",
    "description": "An app of somebody else, for a person who agreed.",
    "flows": {
        "authorizationCode": {
            "authorizationUrl": "/oauth/authorize",
            "tokenUrl": "/oauth/token",
            "refreshUrl": "/oauth/token",
            "scopes": {str(scope): words for scope, words in IN_WORDS.items()},
        }
    },
}


def document_of(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        servers=app.servers,
    )
    document["components"]["schemas"]["Problem"] = errors.SCHEMA
    document["components"].setdefault("securitySchemes", {})[_APP] = _BY_APP
    _say_who_may(document, _needs(app))
    return _with_plain_names(document)


def _needs(app: FastAPI) -> dict[str, list[Needs]]:
    """What each operation asks of its caller, by operation id."""
    found = {}
    for route in iter_route_contexts(app.routes):
        dependant = getattr(route, "dependant", None)
        if dependant is not None and (needs := list(_among(dependant))):
            found[str(route.unique_id)] = needs
    return found


def _among(dependant: Dependant) -> Iterator[Needs]:
    for each in dependant.dependencies:
        if isinstance(each.call, Needs):
            yield each.call
        yield from _among(each)


def _say_who_may(document: dict[str, Any], needs: dict[str, list[Needs]]) -> None:
    """`security` for clients; for the reference `x-scopes`, and `x-role`: the least of people."""
    for item in document["paths"].values():
        for operation in item.values():
            asked = needs.get(operation["operationId"], [])
            if not asked and {_KEY: []} not in operation.get("security", []):
                continue  # for anybody, or a person's own
            scopes = sorted({str(need.scope) for need in asked})
            may: list[dict[str, list[str]]] = [{_PERSON: []}]
            if all(need.apps for need in asked):
                may.insert(0, {_APP: scopes})
            if not any(need.person for need in asked):
                may.insert(0, {_KEY: []})
            operation["security"] = may
            operation["x-scopes"] = scopes
            operation["x-role"] = next((str(need.role) for need in asked if need.role), "")


def _with_plain_names(document: dict[str, Any]) -> dict[str, Any]:
    """Schemas are called by what they show, as generated clients will call them: Domain, DomainPage."""
    text = json.dumps(document)
    names = {name: _OUT.sub(r"\1", _PAGE.sub(r"\1Page", name)) for name in document["components"]["schemas"]}
    assert len(set(names.values())) == len(names), "two schemas would have one name"
    for name, plain in names.items():
        text = text.replace(f'"#/components/schemas/{name}"', f'"#/components/schemas/{plain}"')
        text = text.replace(f'"{name}": {{', f'"{plain}": {{')
        text = text.replace(f'"title": "{_title(name)}"', f'"title": "{plain}"')
    renamed: dict[str, Any] = json.loads(text)
    return renamed


def _title(name: str) -> str:
    """As pydantic writes the title of a page: Page[DomainOut]."""
    match = _PAGE.fullmatch(name)
    return f"Page[{match[1]}Out]" if match else name
