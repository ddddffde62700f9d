"""Tag lists, the `a=1; b=2` of signatures and of key records (RFC 6376 section 3.2), and what a tag may hold.

Pure. Must never take half of a list for the whole: what does not follow the grammar is no list at all.
"""

import re
from base64 import b64decode
from binascii import Error as NotBase64
from typing import Final

Tags = dict[str, str]

_TAG_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_NO_VALUE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # a tab is white space
_DOMAIN: Final = re.compile(r"(?:[\w-]+\.)+[\w-]+")
_SELECTOR: Final = re.compile(r"[\w-]+(?:\.[\w-]+)*")
_LONGEST_NAME: Final = 253


def tag_list(raw: bytes) -> Tags | None:
    """Tags and values of a field's value, or None. UTF-8 is allowed (RFC 8616), a tag said twice is not."""
    try:
        text = raw.replace(b"\r\n", b"").decode()
    except UnicodeDecodeError:
        return None
    return None if _NO_VALUE.search(text) else _tags(text)


def _tags(text: str) -> Tags | None:
    tags: Tags = {}
    specs = text.split(";")
    if not specs[-1].strip(" \t"):
        specs.pop()  # a semicolon may end the list
    for spec in specs:
        name, equals, value = spec.partition("=")
        name = name.strip(" \t")
        if not equals or name in tags or not _TAG_NAME.fullmatch(name):
            return None
        tags[name] = value.strip(" \t")
    return tags


def without_spaces(value: str) -> str:
    return value.replace(" ", "").replace("\t", "")


def base64(value: str) -> bytes | None:
    """What a base64string stands for, white space within ignored; None for nothing or for something else."""
    text = without_spaces(value)
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True) or None
    except (NotBase64, ValueError):
        return None


def domain(value: str) -> str | None:
    """A domain of two labels or more in lower case, A-labels or U-labels, safe in a log and in a question."""
    return value.lower() if len(value) <= _LONGEST_NAME and _DOMAIN.fullmatch(value) else None


def selector(value: str) -> str | None:
    return value.lower() if len(value) <= _LONGEST_NAME and _SELECTOR.fullmatch(value) else None


def listed(value: str, word: str) -> bool:
    """Is `word` one of a colon-separated list?"""
    return word in (each.strip(" \t") for each in value.split(":"))
