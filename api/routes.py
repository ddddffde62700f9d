"""How every operation under /v1 is carried out: a POST at most once, a GET with its ETag.

Must never be left out: a router under /v1 is made with `route_class=Route`.
"""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from fastapi import Depends, Request, Response, params
from fastapi.routing import APIRoute

from api import errors, etags, idempotency

_UNCHANGED: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "You have this: `If-None-Match`"}}


class Route(APIRoute):
    """An operation with its manners; what they add to its answers is in the document too."""

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        methods: set[str] | list[str] | None = None,
        dependencies: Sequence[params.Depends] | None = None,
        responses: dict[int | str, dict[str, Any]] | None = None,
        **options: Any,
    ) -> None:
        own = {str(method) for method in methods or ()}
        if "POST" in own:
            dependencies = [*(dependencies or ()), Depends(idempotency.once, scope="function")]
            responses = {**errors.only(409), **(responses or {})}
        if "GET" in own:
            responses = {**_UNCHANGED, **(responses or {})}
        super().__init__(
            path, endpoint, methods=methods, dependencies=dependencies, responses=responses, **options
        )

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        operate = super().get_route_handler()

        async def handle(request: Request) -> Response:
            """The operation's transaction is open until this returns."""
            try:
                response = await operate(request)
            except idempotency.Replay as replay:
                return replay.response
            if request.method in ("GET", "PATCH"):
                response = etags.tagged(request, response)
            await idempotency.keep(request, response)
            return response

        return handle
