"""The ARC validation cases of ValiMail, where the data is at hand: it is not ours to pass on."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from tests.support.services import ROOT

_FILE: Final = "suites/arc-draft-validation-tests.yml"
# In a folder beside the project, whatever its name.
SUITE: Final = next(ROOT.parent.glob(f"*/{_FILE}"), ROOT.parent / _FILE)
CASES: Final = 171


@dataclass(frozen=True, slots=True)
class ArcCase:
    """One message, the key records of its world, and the result a validator must find. `settled`: the suite
    names one; else a seal says itself that it failed, which fails since RFC 8617 (section 5.2).
    """

    name: str
    message: bytes
    records: dict[str, str]
    result: str
    settled: bool

    @property
    def parts(self) -> tuple[bytes, bytes]:
        """Header section with the CRLF of its last field, and body."""
        header, empty, body = (b"\r\n" + self.message).partition(b"\r\n\r\n")
        return (header[2:] + b"\r\n" if header else b""), body if empty else b""


def cases(file: Path = SUITE) -> Iterator[ArcCase]:
    for scenario in yaml.safe_load_all(file.read_text(encoding="utf-8")):
        for name, case in scenario["tests"].items():
            message = case["message"].replace("\n", "\r\n").encode()
            result = (case["cv"] or "fail").lower()
            yield ArcCase(name, message, scenario["txt-records"], result, settled=bool(case["cv"]))
