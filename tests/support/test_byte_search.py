"""What greps for leaks finds a planted one in each way it may be written."""

import base64
import itertools
from pathlib import Path

import pytest

from tests.support.byte_search import Words, files_in, holders

WORDS = Words()
WORD = WORDS.word("s", 7)


@pytest.mark.parametrize(
    "written",
    [
        WORD.encode(),
        f"caf\u00e9 {WORD}".encode("latin-1"),
        WORD.upper().encode(),
        WORD.encode().hex().encode(),
        WORD.encode().hex().upper().encode(),
        *(base64.b64encode(b"x" * before + WORD.encode() + b"and so on") for before in range(4)),
        base64.b64encode(WORD.encode()),
        "".join(f"={octet:02X}" for octet in WORD.encode()).encode(),
        "".join(f"%{octet:02X}" for octet in WORD.encode()).encode(),
        f"=C3=BC{WORD}=20".encode(),
        f'{{"subject": "{WORD}\\u00fc"}}'.encode(),
        f"/search?q=%C3%BC{WORD}".encode(),
    ],
    ids=itertools.count(),  # the words are random, and names of tests must not be
)
def test_a_word_is_found_however_it_is_written(tmp_path: Path, written: bytes) -> None:
    (tmp_path / "some").write_bytes(b"\x00\x01noise " + written + b" noise")
    found = WORDS.find(files_in(tmp_path))
    assert {(hit.word, hit.kind) for hit in found} == {(WORD, "s")}


@pytest.mark.parametrize("cut", range(1, len(WORD)))
def test_a_word_that_goes_on_behind_a_page_of_the_wal_is_found(tmp_path: Path, cut: int) -> None:
    folder = tmp_path / "pg_wal"
    folder.mkdir()
    header = b"\x18\xd1" + bytes(22)
    page = b"." * (8192 - cut) + WORD[:cut].encode()
    (folder / "000000010000000000000001").write_bytes(page + header + WORD[cut:].encode() + b"." * 8192)
    assert [hit.word for hit in WORDS.find(files_in(tmp_path))] == [WORD]


def test_other_words_and_the_mark_alone_are_none(tmp_path: Path) -> None:
    (tmp_path / "some").write_text(f"{Words().word('s')} {WORDS.mark} {WORDS.mark[:-1]}s01")
    assert WORDS.find(files_in(tmp_path)) == []


def test_keys_are_found_as_octets_hex_and_base64(tmp_path: Path) -> None:
    key = bytes(range(7, 39))
    for name, content in {"raw": key, "hex": key.hex().encode(), "b64": base64.b64encode(b"?" + key)}.items():
        (tmp_path / name).write_bytes(b"some" + content if name != "b64" else content)
    (tmp_path / "none").write_bytes(bytes(100))
    assert {path.name for path in holders(key, files_in(tmp_path))} == {"raw", "hex", "b64"}
