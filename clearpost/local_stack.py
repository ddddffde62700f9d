"""`clearpost up` and `clearpost demo`: the local stack, one real message, and a clean end.

Must never return while a process it started still runs.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable

from pydantic import ValidationError

from clearpost.api_client import ApiClient, ApiError
from clearpost.first_message import (
    JourneyError,
    Sent,
    follow,
    send,
    timeline,
    wait_for_arrival,
    wait_until_gone,
)
from clearpost.local_settings import LocalSettings, first_problem
from clearpost.migrations import Refused
from clearpost.nursery import Nursery
from clearpost.printed_links import print_links
from clearpost.process import EmbeddedError
from clearpost.progress import complain, say, step
from clearpost.run_state import AlreadyRunningError
from clearpost.seed import OWNER, Demo
from clearpost.stack import LocalStack, StackError, check_settings
from clearpost.standins.stripe_catalog import PROMOTION_CODE
from clearpost.supervisor import StartError
from mailcore.clock import Clock

INTERRUPTED = 130
EXPECTED = (
    StackError, StartError, EmbeddedError, AlreadyRunningError, JourneyError, ApiError, Refused, OSError,
)  # fmt: skip


def up() -> int:
    """Start everything, send one message, run until Ctrl-C. Returns the exit code."""
    code = _main(_up)
    return 0 if code == INTERRUPTED else code


def demo() -> int:
    """The same, but end once the message has arrived and its bytes are gone. 0, or the reason is said."""
    return _main(_demo)


async def _first_message(stack: LocalStack, account: Demo) -> tuple[ApiClient, Sent]:
    """Verify the domain as its owner would, send to the alias, print the timeline."""
    if account.lack:
        raise JourneyError(account.lack)
    client = ApiClient(stack.local.web_url, account.api_key)
    await step("domain check", account.domain, _verify(stack, client, account.domain))
    sent = await step(
        "first message", account.alias, send(stack.local.port("fast_mx_port"), account.alias, Clock())
    )
    events = await follow(client, sent.message_id)
    say(f"\n{timeline(events)}\n")
    if not any(event["type"] == "delivered" for event in events):
        raise JourneyError("the first message was not delivered: its timeline above says why")
    return client, sent


async def _verify(stack: LocalStack, client: ApiClient, name: str) -> None:
    """Read what the domain should publish, publish it, and ask for the check, all as its owner would."""
    domain = next(domain for domain in (await client.get("/v1/domains"))["data"] if domain["name"] == name)
    stack.publish(name, domain["records"])
    checked = await client.post(f"/v1/domains/{domain['id']}/check")
    if checked["state"] != "verified":
        cause = checked["found"]["ownership"]["cause"] if checked["found"] else ""
        raise JourneyError(f"{name} is {checked['state']} after its check: {cause}")


async def _up(stack: LocalStack) -> None:
    account = await stack.start()
    try:
        await _first_message(stack, account)
    except (JourneyError, ApiError) as error:  # the user may have changed whatever it stands on
        complain(f"no first message this time: {error}. Everything runs all the same")
    _print_places(stack.local, account)
    await print_links(ApiClient(stack.local.inbox_url, ""), stack.local.web_url)  # until Ctrl-C


async def _demo(stack: LocalStack) -> None:
    account = await stack.start()
    _, sent = await _first_message(stack, account)
    inbox = ApiClient(stack.local.inbox_url, "")
    await step("demo inbox has it", stack.local.inbox_url, wait_for_arrival(inbox))
    await step("bytes are gone", "from the spool", wait_until_gone(stack.var / "spool", sent.token))


def _print_places(local: LocalSettings, account: Demo) -> None:
    places = {
        "Portal": f"{local.web_url}/overview   (as {OWNER}: the link arrives below and in the inbox)",
        "API": f"{local.web_url}/v1   (docs: {local.web_url}/docs)",
        "Demo inbox": local.inbox_url,
        **_stripe_place(local),
        "MX": f"127.0.0.1:{local.port('mx_port')}   fast: 127.0.0.1:{local.port('fast_mx_port')}",
        "DNS": f"127.0.0.1:{local.port('dns_port')}   (add records in {local.var / 'dns.zone'})",
        "Alias": account.alias,
        "API key": account.api_key,
        "Logs": str(local.var / "log"),
    }
    for name, place in places.items():
        say(f"  {name:<11} {place}")
    say("\n  Running. Ctrl-C stops everything.")


def _stripe_place(local: LocalSettings) -> dict[str, str]:
    url = local.stripe_url
    return {"Stripe": f"{url}/control   (a stand-in; promotion code {PROMOTION_CODE})"} if url else {}


def _main(run: Callable[[LocalStack], Awaitable[None]]) -> int:
    try:
        local = LocalSettings()
        check_settings(local)
        return asyncio.run(_run(run, LocalStack(local, Nursery.start())))
    except ValidationError as error:
        complain(first_problem(error))
        return 2
    except KeyboardInterrupt:  # before the loop could listen for it
        return INTERRUPTED


async def _run(run: Callable[[LocalStack], Awaitable[None]], stack: LocalStack) -> int:
    """Run until done or told to stop; whatever happens, all processes are stopped before this returns."""
    running = asyncio.ensure_future(run(stack))
    _listen_for_signals(stack, running)
    try:
        await running
        return 0
    except asyncio.CancelledError:
        say("\n  stopping")
        return INTERRUPTED
    except EXPECTED as error:
        complain(str(error))
        return 1
    finally:
        await stack.stop()


def _listen_for_signals(stack: LocalStack, running: "asyncio.Future[None]") -> None:
    """The first signal ends in order, a second one at once."""
    hurried = False

    def on_signal() -> None:
        nonlocal hurried
        stack.expect_end()
        if not running.cancel() and not hurried:
            hurried = True
            say("  stopping at once")
            stack.kill()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
