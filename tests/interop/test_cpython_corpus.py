"""CPython's own test mail (Debian's libpython3.11-testsuite) through the whole service."""

from pathlib import Path

from tests.corpus.through import on_the_wire, refused_of
from tests.journeys.conftest import Opener

DATA = Path("/usr/lib/python3.11/test/test_email/data")


async def test_mail_of_cpython_arrives_byte_for_byte(opened: Opener) -> None:
    messages = mail_of_cpython()
    assert len(messages) == 47
    assert await refused_of(opened, messages) == {}


def mail_of_cpython() -> dict[str, bytes]:
    return {file.name: on_the_wire(file) for file in sorted(DATA.glob("msg_*.txt"))}
