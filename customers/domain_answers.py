"""What DNS says about a name, asked once for all who want to know.

Must never judge an answer (domain_check.py), nor be called with a transaction open: name servers are slow.
"""

import asyncio
from dataclasses import dataclass, replace
from typing import Final

from mailcore.resolver import MxAnswer, Resolver, TxtAnswer

OWNERSHIP_LABEL: Final = "_clearpost"


@dataclass(frozen=True, slots=True)
class Answers:
    """`labelled` is of `_clearpost.<name>`, `apex` of the name itself. `elsewhere`: where the token may have
    been put by mistake, by name. `servers`: the name servers of the zone, where somebody says.
    """

    labelled: TxtAnswer
    apex: TxtAnswer
    mx: MxAnswer
    dmarc: TxtAnswer
    servers: tuple[str, ...] = ()
    elsewhere: tuple[tuple[str, TxtAnswer], ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every question about ownership was answered: silence takes a name from nobody."""
        return "failure" not in (self.labelled.status, self.apex.status)


async def ask(resolver: Resolver, name: str) -> Answers:
    """All at once, past our own cache: somebody may have changed a record a moment ago."""
    labelled, dmarc = f"{OWNERSHIP_LABEL}.{name}", f"_dmarc.{name}"
    aside = (f"{OWNERSHIP_LABEL}.{name}.{name}", f"{OWNERSHIP_LABEL[1:]}.{name}", f"www.{name}")
    resolver.forget(name, labelled, dmarc, *aside)
    texts = asyncio.gather(*(_txt(resolver, each) for each in (labelled, name, dmarc, *aside)))
    found, mx, servers = await asyncio.gather(texts, resolver.mx(name), resolver.name_servers(name))
    return Answers(
        labelled=found[0],
        apex=found[1],
        dmarc=found[2],
        mx=mx,
        servers=servers,
        elsewhere=tuple(zip(aside, found[3:], strict=True)),
    )


async def _txt(resolver: Resolver, name: str) -> TxtAnswer:
    """In one order: name servers give records in another each time, and that is no change to tell of."""
    answer = await resolver.txt(name)
    return replace(answer, strings=tuple(sorted(answer.strings)))
