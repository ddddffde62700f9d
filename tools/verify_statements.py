"""python3 verify.py URL [FILE]: check the statements of a Clearpost server; FILE keeps what was seen last."""

import json
import sys
import urllib.request
from datetime import datetime, timedelta, timezone
from hashlib import sha256, sha512
from pathlib import Path

P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493  # Ed25519: RFC 8032 section 5.1
D, HOUR = -121665 * pow(121666, -1, P) % P, timedelta(hours=1)


def add(a: tuple, b: tuple) -> tuple:
    m, n = (a[1] - a[0]) * (b[1] - b[0]), (a[1] + a[0]) * (b[1] + b[0])
    s, t = 2 * a[3] * b[3] * D, 2 * a[2] * b[2]
    return (n - m) * (t - s) % P, (t + s) * (n + m) % P, (t - s) * (t + s) % P, (n - m) * (n + m) % P


def times(factor: int, point: tuple) -> tuple:
    half = times(factor // 2, add(point, point)) if factor else (0, 1, 1, 0)
    return add(half, point) if factor % 2 else half


def point_of(encoded: bytes) -> tuple:
    is_odd, y = divmod(int.from_bytes(encoded, "little"), 2**255)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
    x = x if x % 2 == is_odd else P - x
    need(len(encoded) == 32 and max(x, y) < P and x * x % P == square, "bad signature: no point of the curve")
    return x, y, 1, x * y % P


def is_signed(message: bytes, signature: bytes, key: bytes) -> bool:
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    k = int.from_bytes(sha512(r + key + message).digest(), "little") % ORDER
    a = times(s, point_of((4 * pow(5, -1, P) % P).to_bytes(32, "little")))
    b = add(point_of(r), times(k, point_of(key)))
    return len(signature) == 64 and s < ORDER and all((a[i] * b[2] - b[i] * a[2]) % P == 0 for i in (0, 1))


def need(condition: object, otherwise: str) -> None:
    if not condition:
        sys.exit(f"FAILED: {otherwise}")


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


def note(before: str, after: str) -> None:
    first, end = moment(f"{before[:13]}:00:00Z") + HOUR, moment(f"{after[:13]}:00:00Z")
    if first < end:
        print(f"note: no statement from {first:%Y-%m-%dT%H:00Z} to {end:%Y-%m-%dT%H:00Z}")


def check(entry: dict, last: dict, now: datetime) -> dict:
    text, number, told = entry["statement"].encode(), last["number"] + 1, json.loads(entry["statement"])
    keys = {sha256(key).hexdigest()[:16]: key for key in map(bytes.fromhex, last["keys"])}
    signed, name = (b"clearpost statement\n" + text, bytes.fromhex(entry["signature"])), f"statement {number}"
    at, old, new = told["at"], last["canary"], told.get("canary")
    need(entry["number"] == told["number"] == number, f"{name} is missing")
    need(entry["key"] in keys, f"{name} is signed by a key that nobody announced")
    need(is_signed(*signed, keys[entry["key"]]), f"{name} has a bad signature")
    need(told["previous"] == last["hash"], f"{name} does not follow the one before it: the chain is broken")
    need(moment(at) <= now + HOUR / 12, f"{name} is of the future")
    need(at[:13] > last["at"][:13], f"{name} is not of a later hour than the one before it")
    need(not old or new == old or (new or old)["number"] > old["number"], f"{name} changes or drops a canary")
    note(last["at"] or at, at)
    return {"number": number, "hash": sha256(text).hexdigest(), "at": at, "keys": told["keys"], "canary": new}


def main(url: str, file: str = "") -> None:
    def get(path: str) -> list:
        return json.load(urllib.request.urlopen(f"{url.rstrip('/')}/statements{path}", timeout=60))["data"]

    now = datetime.now(timezone.utc)
    last = {"number": 0, "hash": "0" * 64, "at": "", "keys": [], "canary": None}
    if file and Path(file).exists():
        kept, last = last, json.loads(Path(file).read_text())
        need(set(last) == set(kept), f"{file} holds no head of statements: name another file")
        seen = "".join(each["statement"] for each in get(f"?after={last['number'] - 1}&limit=1")).encode()
        need(sha256(seen).hexdigest() == last["hash"], f"statement {last['number']} is not the one you saw")
    else:
        last["keys"] = [key["key"] for key in get("/keys")]
    while entries := get(f"?after={last['number']}&limit=500"):
        for entry in entries:
            last = check(entry, last, now)
    need(last["at"] and now - moment(last["at"]) < 2 * HOUR, f"the newest is too old: {last['at'] or 'none'}")
    note(last["at"], now.isoformat())
    if file:
        Path(file).write_text(json.dumps(last))
    print(f"ok: statements 1 to {last['number']} follow each other; the newest is of {last['at']}")


if __name__ == "__main__":
    odd = "this is no list of statements, or the file holds no head of statements"
    sys.excepthook = lambda _, e, __: print("FAILED:", e if isinstance(e, OSError) else odd, file=sys.stderr)
    sys.exit(main(*sys.argv[1:]) if sys.argv[1:] else __doc__)
