"""Two accounts at one API, in chains of requests that nobody wrote: what one makes, the other names.

Schemathesis links the operations of our own document by the ids they give and take. Some steps of a chain are
one account's, some the other's, so that ids wander between them: an answer may hold nothing of the other.
"""

import asyncio
import itertools
import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import FlakyStrategyDefinition
from schemathesis import GenerationMode
from schemathesis.generation.stateful.state_machine import APIStateMachine

from mailcore.plans import Plan
from tests.support.api import Tenant, listening, running_api

EFFORT = settings(
    max_examples=8,
    stateful_step_count=10,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
# Without end, without an mx, or the end of the key that asks; nor what asks Stripe (/v1/billing).
# tests/api/test_isolation.py asks them all.
ELSEWHERE = ["stream_events", "send_test", "revoke_key", "roll_key"]
# Two steps of one account, two of the other: what is linked is now one's own and now foreign.
TURNS = (0, 0, 1, 1)
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
NUMBERS = itertools.count()
MOST_ROUNDS = 60
# Text that fits the document is seldom a name that can be claimed.
FITTING: dict[str, Callable[[int], dict[str, Any]]] = {
    "POST /v1/domains": lambda number: {"name": f"two-{number}.test"},
    "POST /v1/destinations": lambda number: {"address": f"two-{number}@inbox.test"},
    "POST /v1/keys": lambda number: {"name": f"two-{number}", "scopes": ["aliases:read"]},
    "POST /v1/domains/{domain_id}/aliases": lambda number: {
        "local_part": f"two-{number}",
        "destinations": [f"two-{number}@inbox.test"],
    },
}


@dataclass
class Watched:
    """What each account was shown, by index; and what the answers came to."""

    tenants: tuple[Tenant, Tenant]
    shown: tuple[set[str], set[str]] = field(default_factory=lambda: (set(), set()))
    own: Counter[int] = field(default_factory=Counter)
    foreign: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def is_enough(self) -> bool:
        """Both have things, and named each other's again and again."""
        done = self.own[200] + self.own[201]
        return min(map(len, self.shown)) >= 5 and self.foreign.total() >= 15 and done >= 50

    def look(self, who: int, sent: str, path: str, status: int, answer: str) -> None:
        """`sent`: all that the request held. What it named may be said back, but a path to what is the
        other's leads nowhere; a list that is narrowed by it is empty.
        """
        theirs = self.shown[1 - who]
        if theirs & set(UUID.findall(path)):
            self.foreign[status] += 1
            if status < 400:
                self.wrong.append(f"{status} for what is the other's: {path}")
        else:
            self.own[status] += 1
        named = set(UUID.findall(sent.lower()))
        told = set(UUID.findall(answer)) - named
        if told & theirs or self.tenants[1 - who].token in answer:
            self.wrong.append(f"{path} told of the other's: {answer[:500]}")
        if status >= 500:
            self.wrong.append(f"{path}: {answer}")
        if status < 300:
            self.shown[who].update(told)


def not_for_keys(document: dict[str, Any]) -> list[str]:
    """What a key is refused whatever it names: for people alone, or for anybody."""
    operations = [each for item in document["paths"].values() for each in item.values()]
    return [each["operationId"] for each in operations if {"HTTPBearer": []} not in each.get("security", [])]


def machine_of(url: str, watched: Watched) -> type[APIStateMachine]:
    schema: Any = schemathesis.openapi.from_url(f"{url}/openapi.json")
    schema = schema.exclude(operation_id=[*ELSEWHERE, *not_for_keys(schema.raw_schema)])
    schema = schema.exclude(path_regex="^/v1/billing")
    schema.config.generation.modes = [GenerationMode.POSITIVE]
    linked: Any = schema.as_state_machine()

    class TwoTenants(linked):  # type: ignore[misc]
        def setup(self) -> None:
            self.turns = itertools.cycle(TURNS)

        def before_call(self, case: Any) -> None:
            self.who = next(self.turns)
            if case.operation.label in FITTING:
                case.body = FITTING[case.operation.label](next(NUMBERS))
            case.headers.pop("Idempotency-Key", None)  # one key for all would end in 422

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": {"Authorization": f"Bearer {watched.tenants[self.who].secret}"}}

        def validate_response(self, response: Any, case: Any, *_: Any, **__: Any) -> None:
            sent = f"{response.request.url} {case.body!r}"
            watched.look(
                self.who, sent, urlsplit(response.request.url).path, response.status_code, response.text
            )

    return TwoTenants


def ask(url: str, watched: Watched) -> None:
    """Blocks: runs in a thread. A round ends early where Hypothesis meets a chain again and the API, which
    has lived on, answers it differently; what was seen until then counts.
    """
    machine = machine_of(url, watched)
    for _ in range(MOST_ROUNDS):
        if watched.is_enough():
            return
        with suppress(FlakyStrategyDefinition):
            machine.run(settings=EFFORT)


@pytest.mark.timeout(300)
async def test_chains_of_requests_show_no_account_anything_of_the_other(
    database_url: str, tmp_path: Path
) -> None:
    async with running_api(database_url, tmp_path) as world, listening(world) as url:
        tenants = await world.tenant("one", Plan.BUSINESS), await world.tenant("two", Plan.BUSINESS)
        watched = Watched(tenants)
        await asyncio.to_thread(ask, url, watched)
    assert watched.wrong == []
    assert not watched.shown[0] & watched.shown[1]
    assert watched.is_enough(), (watched.own, watched.foreign)
