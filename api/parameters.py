"""Query parameters: one that an operation does not know is an error, not a guess, as in a body.

Must never answer before the caller is known: who has no key learns nothing but that.
"""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from api.security import caller
from mailcore.callers import Caller


async def only_known(request: Request, _: Annotated[Caller, Depends(caller)]) -> None:
    """Raises RequestValidationError that names each unknown parameter once."""
    route = request.scope["route"]
    assert isinstance(route, APIRoute)
    known = {field.alias for field in route.dependant.query_params}
    if unknown := [name for name in request.query_params if name not in known]:
        problem = {"type": "extra_forbidden", "msg": "There is no such parameter"}
        raise RequestValidationError([{**problem, "loc": ("query", name)} for name in unknown])
