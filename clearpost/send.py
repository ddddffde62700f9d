"""`clearpost send`: one test message through our MX, and its timeline as it grows.

Goes the way of everybody else's mail: SMTP in, the API to look. Must never read the log past the API.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any, Final
from urllib.parse import quote

from clearpost.api_client import ApiClient, ApiError
from clearpost.checks.ports import reachable_from_here
from clearpost.first_message import SENDER, TERMINAL, JourneyError
from clearpost.first_message import send as hand_over
from clearpost.seed import KEY_FILE
from mailcore.clock import Clock
from mailcore.envelope import parse_mailbox
from mailcore.plans import Lane
from mailcore.settings import Settings

DELIVERED: Final = 0
NOT_DELIVERED: Final = 1
USAGE: Final = 2
TOO_SLOW: Final = 3
_POLL: Final = 0.1


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asked for; empty texts mean: choose for me."""

    to: str
    lane: Lane = Lane.STANDARD
    sender: str = ""
    api_key: str = ""
    seconds: float = 60.0


@dataclass(slots=True)
class Journey:
    """What is known of one message so far."""

    message_id: str
    timeline: dict[str, Any]
    expected: int

    @property
    def events(self) -> Sequence[dict[str, Any]]:
        events: Sequence[dict[str, Any]] = self.timeline.get("events", [])
        return events

    @property
    def ended(self) -> Sequence[str]:
        """How the deliveries that have ended did end."""
        return [str(event["type"]) for event in self.events if event["type"] in TERMINAL]

    @property
    def is_over(self) -> bool:
        return len(self.ended) >= self.expected

    @property
    def result(self) -> str:
        if not self.is_over:
            return "timeout"
        return "delivered" if set(self.ended) == {"delivered"} else "hard-bounced"


class UsageError(Exception):
    """The command was not asked rightly; the text says how to ask."""


def main(settings: Settings, wish: Wish, *, as_json: bool) -> int:
    """0 delivered to every destination, 1 refused or bounced, 2 usage, 3 not ended in time."""
    show = _silent if as_json else _show
    try:
        journey = asyncio.run(_travel(settings, wish, show))
    except UsageError as error:
        return _complain(str(error), USAGE, "usage", as_json=as_json)
    except (JourneyError, ApiError, OSError) as error:
        return _complain(str(error), NOT_DELIVERED, "failed", as_json=as_json)
    if as_json:
        print(json.dumps({"result": journey.result, **journey.timeline}, indent=2))
    else:
        print(f"\n  {_verdict(journey, wish)}")
    return {"delivered": DELIVERED, "hard-bounced": NOT_DELIVERED}.get(journey.result, TOO_SLOW)


async def _travel(settings: Settings, wish: Wish, show: Callable[[dict[str, Any]], None]) -> Journey:
    sender = wish.sender or (SENDER if settings.environment == "local" else settings.postmaster)
    for address in (wish.to, sender):
        if parse_mailbox(address) is None:
            raise UsageError(f"{address!r} is not an address such as hello@demo.test")
    key = wish.api_key or _local_key(settings.key_dir)
    port = settings.fast_mx_port if wish.lane is Lane.FAST else settings.mx_port
    host = reachable_from_here(settings.listen_host)
    client = ApiClient(_api_url(settings), key)
    expected = await _destinations(client, wish.to)  # asked first: a wrong key sends nothing
    sent = await hand_over(port, wish.to, Clock(), host, sender=sender)
    try:
        return await _follow(client, Journey(sent.message_id, {}, expected), wish, show)
    except ApiError as error:
        raise JourneyError(
            f"our MX took it as {sent.message_id}, but it can't be followed: {error}"
        ) from None


def _api_url(settings: Settings) -> str:
    """On this machine, past any proxy: the key stays here."""
    host = reachable_from_here(settings.listen_host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.api_port}"


def _local_key(folder: Path) -> str:
    """The demo account's, where there is one."""
    try:
        return (folder / KEY_FILE).read_text(encoding="ascii").strip()
    except OSError:
        raise UsageError(
            "to follow the message, give the key of the account that owns the address: "
            "--api-key, or CLEARPOST_API_KEY"
        ) from None


async def _follow(
    client: ApiClient, journey: Journey, wish: Wish, show: Callable[[dict[str, Any]], None]
) -> Journey:
    """Shows each event once, as it appears, until every delivery has ended or the time is up."""
    shown = 0
    try:
        async with asyncio.timeout(wish.seconds):
            while not journey.is_over:
                journey.timeline = await client.get(f"/v1/logs/messages/{journey.message_id}")
                for event in journey.events[shown:]:
                    show(event)
                shown = len(journey.events)
                await asyncio.sleep(_POLL)
    except TimeoutError:
        return journey
    return journey


async def _destinations(client: ApiClient, to: str) -> int:
    """How many deliveries to wait for. A catch-all or a role address counts as one: its first end ends us."""
    local_part, _, domain = to.lower().rpartition("@")
    untagged = local_part.partition("+")[0]
    page = await client.get(f"/v1/aliases?limit=100&q={quote(untagged)}")
    counts = {alias["address"].lower(): len(alias["destinations"]) for alias in page["data"]}
    return max(1, counts.get(f"{local_part}@{domain}") or counts.get(f"{untagged}@{domain}") or 1)


def _show(event: dict[str, Any]) -> None:
    where = str(event.get("server_ip") or "")
    text = shorten(str(event.get("response") or ""), 70, placeholder=" …")
    print(
        f"  {str(event['at'])[11:23]}  {event['type']:<12}  {where:<15}  {text}  ({event['duration_ms']} ms)"
    )


def _silent(_event: dict[str, Any]) -> None:
    """JSON comes at the end, whole."""


def _verdict(journey: Journey, wish: Wish) -> str:
    match journey.result:
        case "delivered":
            return "Delivered."
        case "hard-bounced":
            return "Not delivered: the response above says why."
    seen = ", ".join(str(event["type"]) for event in journey.events) or "nothing"
    return f"Not ended after {wish.seconds:g} s; so far: {seen}. It is tried again by itself."


def _complain(text: str, code: int, result: str, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"result": result, "detail": text}, indent=2))
    else:
        print(f"clearpost: {text}", file=sys.stderr)
    return code
