"""POST /webhooks/stripe: events of Stripe's come in, signed. Kept once, answered 200, fetched by a worker.

Must never act on a body whose signature does not hold, nor say more than that it does not.
"""

from fastapi import APIRouter, Request, Response

from api.errors import responses
from api.security import Runtime
from billing import webhooks
from mailcore.errors import BusinessError, NotFound

router = APIRouter(tags=["Webhooks"])


class NotGenuine(BusinessError):
    code = "signature_invalid"
    status = 400


@router.post("/webhooks/stripe", include_in_schema=False, responses=responses(404))
async def take_stripe_event(request: Request, runtime: Runtime) -> Response:
    """What does not concern us is answered 200 too, or Stripe would send it for days: unknown types, unknown
    customers, the other mode's events.
    """
    if runtime.till is None:
        raise NotFound("Nothing is sold here.", code="billing_off")
    body, header = await request.body(), request.headers.get("stripe-signature", "")
    secrets = webhooks.secrets_of(runtime.settings)
    if not webhooks.is_genuine(body, header, secrets, runtime.clock.now()):
        raise NotGenuine("No valid signature of Stripe's was sent.")
    if (event := webhooks.read(body)) is None:
        raise NotGenuine("This is no event.")
    if event.is_wanted and event.is_live == runtime.till.gateway.is_live:
        await runtime.stripe_events.keep(event)
    return Response()
