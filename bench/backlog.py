"""Mail that waits, because nobody takes it: deferred, and tried again. Must never reach the sink."""

from typing import Final

from bench import load
from bench.sides import Side
from clearpost.bench import account
from clearpost.bench.node import Node

_AT_ONCE: Final = 10_000


def defer(side: Side, messages: int) -> None:
    """So many messages to a host that refuses connections. Returns when all are accepted."""
    if not isinstance(side, Node):
        raise TypeError("only ours is asked to defer mail")
    side.ask(account.add_dead_aliases, _AT_ONCE)
    for _ in range(messages // _AT_ONCE):
        side.renew()
        given = load.give(side.address, load.Load(_AT_ONCE, keep=True, alias="dead"), patience=300)
        if given.error:
            raise load.NotTaken(f"of mail to be deferred: {given.error}")
