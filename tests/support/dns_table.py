"""TXT records as a table, in place of a resolver: for rules about records, where no server need listen."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailcore.dns_answers import TxtAnswer

SILENT = "no answer"


@dataclass
class TxtTable:
    """`records`: name -> a text, several, or SILENT. A name that has others below it exists."""

    records: Mapping[str, str | tuple[str, ...]]
    asked: list[str] = field(default_factory=list)

    def known_txt(self, name: str) -> TxtAnswer | None:
        return None

    async def txt(self, name: str) -> TxtAnswer:
        self.asked.append(name)
        found = self.records.get(name, ())
        if found == SILENT:
            return TxtAnswer("failure", late=True)
        texts = (found,) if isinstance(found, str) else found
        if texts:
            return TxtAnswer("ok", texts)
        return TxtAnswer("none", exists=any(f".{known}".endswith(f".{name}") for known in self.records))
