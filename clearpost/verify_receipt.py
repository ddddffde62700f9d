"""`clearpost verify-receipt`: is a receipt of a deleted account signed by this server, and what does it say?

Must never believe a key that stands in the receipt itself.
"""

import json
from pathlib import Path
from typing import Any, Final

import httpx

from clearpost.progress import complain, say
from mailcore.attestation import Signed, id_of, is_signed

GOOD, BAD, USAGE, UNREACHABLE = 0, 1, 2, 3
_PATIENCE: Final = 60.0


def main(file: Path, url: str, key: str | None, *, as_json: bool) -> int:
    """`key`: the public key in hex, where it was kept: then no server is asked. 0 signed, 1 not, 2 the file
    is no receipt, 3 the server does not answer.
    """
    try:
        signed = _read(file)
        keys = _known(key) if key else _keys_of(url)
    except OSError as error:
        complain(f"{file}: {error.strerror or type(error).__name__}")
        return USAGE
    except (ValueError, TypeError, KeyError):
        complain(f"{file} is no receipt as the portal saves it, or the key is none")
        return USAGE
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        complain(f"{url} does not answer as it should ({type(error).__name__})")
        return UNREACHABLE
    if not is_signed("receipt", signed, keys):
        complain("FAILED: none of the keys of this server has signed this receipt")
        return BAD
    say(signed.text if as_json else _text(json.loads(signed.text)))
    return GOOD


def _read(file: Path) -> Signed:
    told = json.loads(file.read_text(encoding="utf-8"))
    return Signed(str(told["receipt"]), str(told["key"]), str(told["signature"]))


def _known(key: str) -> dict[str, str]:
    return {id_of(key): key}


def _keys_of(url: str) -> dict[str, str]:
    answer = httpx.get(f"{url.rstrip('/')}/statements/keys", timeout=_PATIENCE)
    answer.raise_for_status()
    return {id_of(str(each["key"])): str(each["key"]) for each in answer.json()["data"]}


def _text(told: dict[str, Any]) -> str:
    return (
        f"  ok: {told['service']} attests that it deleted the account {told['name']!r} ({told['account']})\n"
        f"  at {told['deleted_at']}, its rows and keys gone by {told['gone_by']}.\n"
        f"  {told['means']}"
    )
