"""Who signs the warrant canary: three people by their public keys, two of whom it takes.

The file is an allowed_signers of OpenSSH (ssh-keygen(1)), so that what we trust and what a visitor verifies
with is the same. Must never hold a private key, nor count one key under two names.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailcore import sshsig
from mailcore.sshsig import PublicKey

NAMESPACE: Final = "clearpost-canary"
SIGNERS: Final = 3
QUORUM: Final = 2
_LINE: Final = re.compile(
    r'(?P<name>\S+)[ \t]+(?:namespaces="(?P<namespaces>[^"]*)"[ \t]+)?'
    r"(?P<kind>[a-z][\w@.-]*)[ \t]+(?P<key>[A-Za-z0-9+/=]+)(?:[ \t].*)?",
    re.ASCII,
)
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Signers:
    """Public keys by name."""

    keys: Mapping[str, PublicKey]

    @property
    def text(self) -> str:
        """An allowed_signers file that is good for our canary and for nothing else."""
        return "".join(
            f'{name} namespaces="{NAMESPACE}" {key.line}\n' for name, key in sorted(self.keys.items())
        )

    def name_of(self, key: PublicKey) -> str | None:
        return next((name for name, own in self.keys.items() if own == key), None)


def of(path: Path | None) -> Signers | str | None:
    """What the setting names; None where it names nothing, a text where that cannot be used."""
    if path is None:
        return None
    try:
        return read(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        return f"the file of signers cannot be read ({type(error).__name__})"


def read(text: str) -> Signers | str:
    """Exactly three names with a key of each their own; else what is wrong with the file."""
    lines = [line.strip() for line in text.splitlines()]
    keys: dict[str, PublicKey] = {}
    for number, line in enumerate(lines, 1):
        if not line or line.startswith("#"):
            continue
        found = _signer(line)
        if isinstance(found, str):
            return f"line {number} of the signers: {found}"
        name, key = found
        if name in keys or key in keys.values():
            return f"line {number} of the signers: this name or key stands there already"
        keys[name] = key
    if len(keys) != SIGNERS:
        return f"the file of signers names {len(keys)}: {SIGNERS} people sign, each with a key"
    return Signers(keys)


def _signer(line: str) -> tuple[str, PublicKey] | str:
    parts = _LINE.fullmatch(line)
    if parts is None or not _NAME.fullmatch(parts["name"]):
        return f'write it as: name namespaces="{NAMESPACE}" ssh-ed25519 AAAA...'
    if parts["namespaces"] not in (None, NAMESPACE):
        return f"this key is kept for other namespaces than {NAMESPACE}"
    key = sshsig.read_key(parts["kind"], parts["key"])
    return key if isinstance(key, str) else (parts["name"], key)


def sort_out(signers: Signers, document: str, signatures: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Good signatures of the document by their signer's name, as ssh-keygen writes them; and what is wrong:
    with any of those given, or for want of one.
    """
    good: dict[str, str] = {}
    faults = []
    for number, text in enumerate(signatures, 1):
        found = _good(signers, document, text)
        if isinstance(found, str):
            faults.append(f"signature {number}: {found}")
        elif found[0] in good:
            faults.append(f"signature {number}: {found[0]} has signed already")
        else:
            good[found[0]] = found[1]
    if len(good) < QUORUM:
        faults.append(f"{len(good)} of {SIGNERS} signers have signed it: it takes {QUORUM} different ones")
    return good, faults


def by_whomever(document: str, signatures: Sequence[str]) -> bool:
    """Whether these are all good signatures, by as many different keys as it takes, of whomever."""
    found = [sshsig.read_signature(text) for text in signatures]
    keys = [
        each.key.line
        for each in found
        if not isinstance(each, str) and not sshsig.fault(each, NAMESPACE, document.encode())
    ]
    return len(set(keys)) == len(found) >= QUORUM


def _good(signers: Signers, document: str, text: str) -> tuple[str, str] | str:
    signature = sshsig.read_signature(text)
    if isinstance(signature, str):
        return signature
    name = signers.name_of(signature.key)
    if name is None:
        return f"the key {signature.key.fingerprint} belongs to none of the signers"
    if fault := sshsig.fault(signature, NAMESPACE, document.encode()):
        return f"by {name}: {fault}"
    return name, signature.armoured
