"""`clearpost dkim list|new|use|retire|record`: the keys that we sign with, and what to publish for them.

Must never print a private key, nor choose a key that nobody could check.
"""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clearpost.checks.signing import unpublished
from clearpost.folder_owner import as_owner
from clearpost.progress import complain, say, table
from mailcore import keys_in_place
from mailcore.authenticity.public_keys import key_name
from mailcore.authenticity.signing_keys import Damaged, KeyFolder, SigningKey, load, strings_of
from mailcore.clock import Clock
from mailcore.envelope import normalise_domain
from mailcore.keyring import Keyring, UnsafeKeyFolder
from mailcore.keys_in_place import KeysAway
from mailcore.resolver import Resolver
from mailcore.settings import Settings

DONE, NOT_DONE, USAGE = 0, 1, 2


class Unfit(Exception):
    """One line that says why not."""


def show_list(settings: Settings, domain: str, *, as_json: bool) -> int:
    """Every key, whether it signs, and what DNS says of it."""
    return _guarded(settings, lambda folder: _list(settings, folder, domain, as_json))


def _list(settings: Settings, folder: KeyFolder, domain: str, as_json: bool) -> int:
    domains = [_normal(domain)] if domain else folder.domains()
    found = [entry for name in domains for entry in folder.entries(name)]
    keys = [entry for entry in found if isinstance(entry, SigningKey)]
    wrong = dict(zip(keys, asyncio.run(_ask(settings, keys)), strict=True))
    rows = [
        _about_damaged(folder, entry) if isinstance(entry, Damaged) else _about(folder, entry, wrong[entry])
        for entry in found
    ]
    if as_json:
        say(json.dumps(rows, indent=2))
        return DONE
    if not rows:
        say("  No keys yet: `clearpost dkim new` makes one.")
        return DONE
    cells = [
        (row["domain"], row["selector"], row["made"], "yes" if row["signs"] else "", row["dns"])
        for row in rows
    ]
    say(table(("domain", "selector", "made", "signs", "in DNS"), cells))
    return DONE


def _about(folder: KeyFolder, key: SigningKey, wrong: str) -> dict[str, Any]:
    return {
        "domain": key.domain,
        "selector": key.selector,
        "made": _made(folder.file(key.domain, key.selector)),
        "signs": folder.signing(key.domain) == key.selector,
        "dns": wrong or "published",
        "name": key.record_name,
        "value": key.record,
    }


def _about_damaged(folder: KeyFolder, entry: Damaged) -> dict[str, Any]:
    """A row with the same names: without a key, nothing can be published."""
    selector = entry.path.stem
    return {
        "domain": entry.domain,
        "selector": selector,
        "made": _made(entry.path),
        "signs": folder.signing(entry.domain) == selector,
        "dns": "damaged",
        "name": key_name(selector, entry.domain),
        "value": "",
    }


def _made(path: Path) -> str:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat()


def new(settings: Settings, domain: str, *, as_json: bool) -> int:
    """One more key; the first of a domain signs at once, another one once `use` says so."""

    def work(folder: KeyFolder) -> int:
        name = _normal(domain or settings.service_domain)
        selector = folder.make(name)
        _show([load(name, folder.file(name, selector))], as_json)
        if not as_json:
            say(f"\n  Publish it, then: clearpost dkim use --domain {name} {selector}")
        return DONE

    return _guarded(settings, work)


def record(settings: Settings, domain: str, selector: str, *, as_json: bool) -> int:
    """What to publish: of one key, or of all of the domain."""

    def work(folder: KeyFolder) -> int:
        name = _normal(domain or settings.service_domain)
        keys = [key for key in folder.keys(name) if selector in ("", key.selector)]
        if not keys:
            raise Unfit(f"{name} has no such key: clearpost dkim list")
        _show(keys, as_json)
        return DONE

    return _guarded(settings, work)


def use(settings: Settings, domain: str, selector: str, *, force: bool) -> int:
    """This key signs from now on; running processes take it within a second."""

    def work(folder: KeyFolder) -> int:
        name = _normal(domain or settings.service_domain)
        before, key = folder.signing(name), _the(folder, name, selector)
        (wrong,) = asyncio.run(_ask(settings, [key]))
        if wrong and not force:
            raise Unfit(f"{key.record_name} {wrong}: publish it first (clearpost dkim record), or --force")
        folder.use(name, selector)
        say(f"  {selector} signs for {name} now.")
        if before not in ("", selector):
            say(f"  In 7 days, when no mail signed with {before} is on its way any more:")
            say(f"  clearpost dkim retire --domain {name} {before}")
        return DONE

    return _guarded(settings, work)


def retire(settings: Settings, domain: str, selector: str) -> int:
    """Deletes a key that does not sign."""

    def work(folder: KeyFolder) -> int:
        name = _normal(domain or settings.service_domain)
        _file(folder, name, selector)
        if folder.signing(name) == selector:
            raise Unfit(f"{selector} signs for {name}: choose another one first (clearpost dkim use)")
        folder.retire(name, selector)
        say(f"  {selector} is deleted. Remove {key_name(selector, name)} from DNS,")
        say("  but no sooner than 7 days after it signed last")
        return DONE

    return _guarded(settings, work)


def _guarded(settings: Settings, work: Any) -> int:
    try:
        keys_in_place.check(settings.spool_dir, settings.key_dir)
        Keyring(settings.key_dir)  # refuses a folder that others can read
        with as_owner(settings.key_dir):
            done: int = work(KeyFolder(settings.key_dir))
        return done
    except (Unfit, UnsafeKeyFolder, KeysAway, ValueError) as reason:
        complain(str(reason))
    except OSError as error:
        complain(
            f"{error.filename}: {error.strerror}: run this as the user that runs the service, or as root"
        )
    return NOT_DONE


def _normal(domain: str) -> str:
    name = normalise_domain(domain)
    if name is None:
        raise Unfit(f"{domain!r} is not a domain name")
    return name


def _the(folder: KeyFolder, domain: str, selector: str) -> SigningKey:
    return load(domain, _file(folder, domain, selector))


def _file(folder: KeyFolder, domain: str, selector: str) -> Path:
    path = folder.file(domain, selector)
    if not path.exists():
        raise Unfit(f"{domain} has no key {selector}: clearpost dkim list")
    return path


async def _ask(settings: Settings, keys: list[SigningKey]) -> list[str]:
    resolver = Resolver(settings=settings, clock=Clock())
    try:
        return await asyncio.gather(*(unpublished(key, resolver) for key in keys))
    finally:
        await resolver.close()


def _show(keys: list[SigningKey], as_json: bool) -> None:
    if as_json:
        about = [{"name": key.record_name, "type": "TXT", "strings": strings_of(key.record)} for key in keys]
        say(json.dumps(about, indent=2))
        return
    for key in keys:
        strings = "\n".join(f'    "{part}"' for part in strings_of(key.record))
        say(f"{key.record_name}. IN TXT (\n{strings} )")
