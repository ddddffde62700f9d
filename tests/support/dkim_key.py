"""A signing key for services of tests, one for all: the search for its primes takes longer than their start.

Must never be what is under test: that a service makes its own is shown by tests/mailcore/authenticity and
tests/clearpost.
"""

from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mailcore.authenticity.signing_keys import BITS, KeyFolder
from mailcore.keyring import Keyring, write_once

_SELECTOR = "shared"


def give(key_dir: Path, domain: str) -> None:
    """Puts it where the service would make one, unless there is one."""
    Keyring(key_dir)  # makes the folder
    folder = KeyFolder(key_dir)
    if folder.has(domain):
        return
    state = folder.state_file(domain)
    for path in (state.parent.parent, state.parent):
        path.mkdir(mode=0o700, exist_ok=True)
    write_once(folder.file(domain, _SELECTOR), _pem())
    write_once(state, f"{_SELECTOR}\n".encode())


@cache
def _pem() -> bytes:
    private = generate_private_key(65537, BITS)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
