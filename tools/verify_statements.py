"""Check the hourly statements of a Clearpost server: signatures, order, gaps, the chain. Needs Python 3.8.

python3 verify.py https://mail.example [FILE]: FILE keeps what was seen last, to be held against later runs.
"""

import json
import sys
import urllib.request
from datetime import datetime, timedelta, timezone
from hashlib import sha256, sha512
from pathlib import Path

# Ed25519 by RFC 8032, section 5.1. A point (x, y) is held as (X, Y, Z, T): x = X/Z, y = Y/Z, x * y = T/Z.
P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def add(a: tuple, b: tuple) -> tuple:
    m, n = (a[1] - a[0]) * (b[1] - b[0]), (a[1] + a[0]) * (b[1] + b[0])
    s, t = 2 * a[3] * b[3] * D, 2 * a[2] * b[2]
    return (n - m) * (t - s) % P, (t + s) * (n + m) % P, (t - s) * (t + s) % P, (n - m) * (n + m) % P


def times(factor: int, point: tuple) -> tuple:
    result = (0, 1, 1, 0)
    for bit in f"{factor:b}":
        result = add(result, result)
        result = add(result, point) if bit == "1" else result
    return result


def point_of(encoded: bytes) -> tuple:
    is_odd, y = encoded[31] >> 7, int.from_bytes(encoded, "little") % 2**255
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
    x = x if x % 2 == is_odd else P - x
    need(len(encoded) == 32 and y < P and x * x % P == square and x < P, "this is no point of the curve")
    return x, y, 1, x * y % P


def is_signed(message: bytes, signature: bytes, public_key: bytes) -> bool:
    s = int.from_bytes(signature[32:], "little")
    k = int.from_bytes(sha512(signature[:32] + public_key + message).digest(), "little") % ORDER
    a = times(s, point_of((4 * pow(5, -1, P) % P).to_bytes(32, "little")))
    b = add(point_of(signature[:32]), times(k, point_of(public_key)))
    return len(signature) == 64 and s < ORDER and all((a[i] * b[2] - b[i] * a[2]) % P == 0 for i in (0, 1))


def need(condition: object, otherwise: str) -> None:
    if not condition:
        sys.exit(f"FAILED: {otherwise}")


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


def check(entry: dict, last: dict, now: datetime) -> dict:
    """A statement against what was seen last. Returns what is to be held against the next one."""
    text, number, told = entry["statement"].encode(), last["number"] + 1, json.loads(entry["statement"])
    keys = {sha256(key).hexdigest()[:16]: key for key in map(bytes.fromhex, last["keys"])}
    signed, name = (b"clearpost statement\n" + text, bytes.fromhex(entry["signature"])), f"statement {number}"
    need(entry["number"] == told["number"] == number, f"{name} is missing")
    need(entry["key"] in keys, f"{name} is signed by a key that nobody announced")
    need(is_signed(*signed, keys[entry["key"]]), f"{name} has a bad signature")
    need(told["previous"] == last["hash"], f"{name} does not follow the one before it: the chain is broken")
    need(told["at"][:13] > last["at"][:13], f"{name} is not of a later hour than the one before it")
    need(moment(told["at"]) < now + timedelta(minutes=5), f"{name} is of the future")
    if last["at"] and moment(told["at"]) - moment(last["at"]) > timedelta(hours=2):
        print(f"note: there is none between {last['at']} and {told['at']}: the service was down")
    return {"number": number, "hash": sha256(text).hexdigest(), "at": told["at"], "keys": told["keys"]}


def get(url: str) -> list:
    return json.load(urllib.request.urlopen(url, timeout=60))["data"]


def main(url: str, file: str = "", *_: str) -> None:
    now, url = datetime.now(timezone.utc), url.rstrip("/") + "/statements"
    if file and Path(file).exists():
        last = json.loads(Path(file).read_text())
        seen = [each["statement"].encode() for each in get(f"{url}?after={last['number'] - 1}&limit=1")]
        is_there = [sha256(text).hexdigest() for text in seen] == [last["hash"]]
        need(is_there, f"statement {last['number']} is not the one you saw: changed, replaced or dropped")
    else:
        last = {"number": 0, "hash": "0" * 64, "at": "", "keys": [key["key"] for key in get(f"{url}/keys")]}
    while entries := get(f"{url}?after={last['number']}&limit=500"):
        for entry in entries:
            last = check(entry, last, now)
    need(last["at"] and now - moment(last["at"]) < timedelta(hours=2), f"the newest is too old: {last['at']}")
    if file:
        Path(file).write_text(json.dumps(last))
    print(f"ok: statements 1 to {last['number']} follow each other; the newest is of {last['at']}")


if __name__ == "__main__":
    sys.excepthook = lambda kind, error, _: print(f"FAILED: {kind.__name__}: {error}", file=sys.stderr)
    main(*sys.argv[1:])
