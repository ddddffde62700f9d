"""`clearpost init`: the first run in production. Settings, folders, keys, DNS records to publish, checks.

May be run again at any time. Must never overwrite a file or a key, print a secret, or change the system
beyond its own folders.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from clearpost import staff_commands
from clearpost.checks import folders, names, ports, roles, signing
from clearpost.checks.finding import Finding
from clearpost.doctor import is_fit, lines_of
from clearpost.first_settings import Unusable, Wish, settings_of
from clearpost.folder_owner import Owner, as_owner, give, give_folder, owner_of
from clearpost.our_records import Record, of_key, records
from clearpost.progress import complain, say, table
from mailcore import keys_in_place
from mailcore.authenticity.signing_keys import KeyFolder
from mailcore.clock import Clock
from mailcore.errors import BusinessError
from mailcore.keyring import Keyring, UnsafeKeyFolder
from mailcore.keys_in_place import KeysAway
from mailcore.resolver import Resolver
from mailcore.settings import Settings

# All that machines of one service share: made here, so that they can be copied before the first start.
KEYS: Final = (
    "srs", "loop", "from", "api-key", "browser-session", "idempotency", "known-browsers", "links", "mta-sts",
    "oauth", "rates", "sign-in", "statement", "suppression",
)  # fmt: skip
FIT, UNFIT, USAGE = 0, 1, 2
_ANY_ADDRESS: Final = "0.0.0.0"


@dataclass(frozen=True, slots=True)
class Installed:
    """What `init` found and did."""

    wrote: bool
    new_keys: int
    records: Sequence[Record]
    findings: Sequence[Finding]


def main(wish: Wish, *, as_json: bool) -> int:
    """0 all is fit for mail, 1 something is to mend (it is said what), 2 an answer is missing or wrong."""
    try:
        owner = _owner(wish)
        wrote, settings = settings_of(wish)
        if owner and wrote:
            give(wish.env_file, owner)
        new_keys = _folders(settings, owner)
        installed = asyncio.run(_look(settings, wish, wrote, new_keys))
    except (Unusable, UnsafeKeyFolder, KeysAway) as reason:
        complain(str(reason))
        return USAGE
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}: run init as root, or choose folders of your own")
        return UNFIT
    staff = _first_staff(settings, wish.staff) if wish.staff else ""
    say(_document(wish, settings, installed, staff) if as_json else _text(wish, settings, installed, staff))
    return FIT if is_fit(installed.findings) else UNFIT


# --- folders and keys ---


def _folders(settings: Settings, owner: Owner | None) -> int:
    """Returns how many keys were made, by whom the folder belongs to. Raises `KeysAway`."""
    keys_in_place.check(settings.spool_dir, settings.key_dir)
    for folder in (settings.spool_dir, settings.key_dir):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if owner:
            give_folder(folder, owner)
    with as_owner(settings.key_dir):
        keyring = Keyring(settings.key_dir)
        missing = [name for name in KEYS if not (settings.key_dir / f"{name}.key").exists()]
        for name in missing:
            keyring.keys(name)
        return len(missing) + KeyFolder(settings.key_dir).ensure(settings.service_domain)


def _owner(wish: Wish) -> Owner | None:
    """Looked up before anything is written."""
    try:
        return owner_of(wish.owner)
    except LookupError:
        make = f"useradd --system --user-group {wish.owner}"
        raise Unusable(f"there is no user {wish.owner}: {make}, then run init again") from None


def _first_staff(settings: Settings, email: str) -> str:
    """Who looks at accounts first; a database that is not migrated yet knows no people."""
    by_hand = f"after migrate, run: clearpost staff add {email}"
    try:
        return asyncio.run(staff_commands.first(settings, email)) or by_hand
    except BusinessError as reason:
        return reason.detail


# --- what the world sees ---


async def _look(settings: Settings, wish: Wish, wrote: bool, new_keys: int) -> Installed:
    clock = Clock()
    ips = wish.ips or await _published(settings, clock)
    listening = settings.model_copy(update={"listen_host": _ANY_ADDRESS})
    # The reverse names of these are asked for, whatever DNS says about our own name by now.
    sources = {"outbound_source_address": ips[0], "fast_outbound_source_address": ips[-1]} if ips else {}
    seen = settings.model_copy(update=sources)
    findings = [
        *folders.check(settings, clock),
        *await ports.check(listening),
        *await names.check(seen, clock),
        *await signing.check(settings, clock),
    ]
    keys = await asyncio.to_thread(KeyFolder(settings.key_dir).keys, settings.service_domain)
    return Installed(wrote, new_keys, [*records(settings, ips), *map(of_key, keys)], findings)


async def _published(settings: Settings, clock: Clock) -> tuple[str, ...]:
    resolver = Resolver(settings=settings, clock=clock)
    try:
        return (await resolver.addresses(settings.hostname)).ips
    finally:
        await resolver.close()


# --- what is said ---


def _text(wish: Wish, settings: Settings, installed: Installed, staff: str) -> str:
    rows = [(r.name, r.type, r.value) for r in installed.records if r.type != "PTR"]
    reverse = [(r.name, r.value) for r in installed.records if r.type == "PTR"]
    return "\n".join(
        [
            f"  settings  {wish.env_file} ({'written, mode 0600' if installed.wrote else 'kept as it is'})",
            f"  keys      {settings.key_dir} ({installed.new_keys} made): keep a copy apart from backups",
            f"  spool     {settings.spool_dir}",
            *([f"  staff     {staff}"] if staff else []),
            "",
            "  In a PostgreSQL of your own, its superuser runs this once, before migrate:",
            *(f"      {line}" for line in _database_roles(settings)),
            "",
            "  Publish in DNS:",
            table(("name", "type", "value"), rows),
            "",
            "  Ask whoever gave you the address for its reverse name:",
            table(("address", "PTR"), reverse),
            "",
            *lines_of(installed.findings),
            "",
            _next(wish) if is_fit(installed.findings) else "  Mend what failed, then run init again.",
        ]
    )


def _database_roles(settings: Settings) -> list[str]:
    return roles.statements(roles.user_of(settings.database_url.get_secret_value()))


def _next(wish: Wish) -> str:
    by = f"sudo -u {wish.owner} " if wish.owner else ""
    migrate = f"{by}sh -c 'set -a; . {wish.env_file}; exec clearpost migrate'"
    return f"  All is fit. Next: {migrate}; then the same with doctor, then start the units."


def _document(wish: Wish, settings: Settings, installed: Installed, staff: str) -> str:
    return json.dumps(
        {
            "env_file": str(wish.env_file),
            "written": installed.wrote,
            "new_keys": installed.new_keys,
            "database_roles": _database_roles(settings),
            "records": [asdict(record) for record in installed.records],
            "findings": [asdict(finding) for finding in installed.findings],
            "staff": staff,
            "fit": is_fit(installed.findings),
        },
        indent=2,
    )
