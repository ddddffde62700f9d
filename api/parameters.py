"""Query parameters: one that an operation does not know, or is given twice, is an error, not a guess.

Must never answer before the caller is known: who has no key learns nothing but that.
"""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.params import Query
from fastapi.routing import APIRoute

from api.security import caller, person
from customers.browser_sessions import SignedIn
from customers.callers import Caller


async def only_known(request: Request, _: Annotated[Caller, Depends(caller)]) -> None:
    """Raises RequestValidationError that names each parameter that is unknown, or given twice, once."""
    _refuse_guesses(request)


async def only_known_to_people(request: Request, _: Annotated[SignedIn, Depends(person)]) -> None:
    """The same where a person needs no account."""
    _refuse_guesses(request)


def _refuse_guesses(request: Request) -> None:
    route = request.scope["route"]
    assert isinstance(route, APIRoute)
    parameters = get_flat_params(route.dependant)  # of what it depends on, too
    known = {field.alias for field in parameters if isinstance(field.field_info, Query)}
    unknown = {"type": "extra_forbidden", "msg": "There is no such parameter"}
    twice = {"type": "given_twice", "msg": "Give it once"}
    wrong = [(name, unknown) for name in request.query_params if name not in known]
    wrong += [(name, twice) for name in known if len(request.query_params.getlist(name)) > 1]
    if wrong:
        raise RequestValidationError([{**problem, "loc": ("query", name)} for name, problem in wrong])
