"""Several TXT records at once: what is known asks nobody, what is late costs the others nothing."""

import asyncio

from mailcore.authenticity.txt_records import ask_txt
from mailcore.dns_answers import TxtAnswer


class HalfKnown:
    """Knows known.test, can be asked for asked.test, and says nothing about any other name."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def known_txt(self, name: str) -> TxtAnswer | None:
        return TxtAnswer("ok", ("known",)) if name == "known.test" else None

    async def txt(self, name: str) -> TxtAnswer:
        self.asked.append(name)
        if name != "asked.test":
            await asyncio.Event().wait()
        return TxtAnswer("ok", ("asked",))


async def test_what_is_known_asks_nobody() -> None:
    resolver = HalfKnown()
    assert await ask_txt(resolver, ["known.test"]) == {"known.test": TxtAnswer("ok", ("known",))}
    assert await ask_txt(resolver, []) == {}
    assert resolver.asked == []


async def test_each_name_is_asked_once_and_a_late_one_fails_alone() -> None:
    resolver = HalfKnown()
    names = ["slow.test", "asked.test", "known.test", "asked.test"]
    assert await ask_txt(resolver, names, patience=0.05) == {
        "known.test": TxtAnswer("ok", ("known",)),
        "asked.test": TxtAnswer("ok", ("asked",)),
        "slow.test": TxtAnswer("failure", late=True),
    }
    assert resolver.asked == ["slow.test", "asked.test"]
