"""dkimpy, the independent implementation that our signatures and verdicts are held against."""

import logging
from collections.abc import Callable, Mapping
from typing import cast

import dkim

from tests.support.signed_mail import PrivateKey, for_dkimpy, rsa_key

_QUIET = logging.getLogger("tests.dkimpy")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


def signs(
    message: bytes, key: PrivateKey, forms: tuple[str, str], *, domain: str = "a.test", length: bool = False
) -> bytes | None:
    """Its DKIM-Signature of a message with selector s1; None for what it cannot sign."""
    algorithm = b"rsa-sha256" if type(key) is type(rsa_key()) else b"ed25519-sha256"
    try:
        field = dkim.sign(
            message,
            b"s1",
            domain.encode(),
            for_dkimpy(key),
            canonicalize=(forms[0].encode(), forms[1].encode()),
            signature_algorithm=algorithm,
            length=length,
            logger=_QUIET,
        )
    except dkim.DKIMException:
        return None
    return cast(bytes, field)


def verifies(message: bytes, records: Mapping[str, str], index: int = 0) -> bool:
    """Whether a signature holds, counted from the top."""
    try:
        return bool(dkim.DKIM(message, logger=_QUIET).verify(idx=index, dnsfunc=_txt(records)))
    except (dkim.DKIMException, ValueError, IndexError):
        return False  # its errors on odd input are of all kinds


def chain(message: bytes, records: Mapping[str, str]) -> str:
    """none, pass or fail."""
    result, _, _ = dkim.arc_verify(message, dnsfunc=_txt(records), logger=_QUIET)
    return cast(bytes, result or b"none").decode()


def _txt(records: Mapping[str, str]) -> Callable[..., bytes | None]:
    def txt(name: bytes, timeout: int = 5) -> bytes | None:
        found = records.get(name.decode().rstrip("."))
        return None if found is None else found.encode()

    return txt
