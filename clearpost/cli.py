"""The command `clearpost`: one subcommand for each thing a person or a service manager starts.

Must never hold logic of its own: it reads settings, calls, prints, and returns an exit code.

Every command imports what it needs inside itself: start-up time of each process counts, and an mx has no use
for FastAPI, nor `--help` for any of it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clearpost import bench_cli, canary_cli, core_dumps, dkim_cli, openness_cli, people_cli
from clearpost.command_line import JsonOption, asking_settings, fail, load_settings
from mailcore.plans import Lane

if TYPE_CHECKING:
    from clearpost.processes import Main
    from mailcore.queue_admin import Choice

app = typer.Typer(
    help="Email forwarding that loses nothing and keeps nothing.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
queue = typer.Typer(help="The deliveries that wait.", no_args_is_help=True)
spool = typer.Typer(help="The content of mail that waits, on this machine.", no_args_is_help=True)
app.add_typer(people_cli.account, name="account")
app.add_typer(people_cli.staff, name="staff")
app.add_typer(dkim_cli.dkim, name="dkim")
app.add_typer(canary_cli.canary, name="canary")
app.add_typer(openness_cli.authority, name="authority")
app.add_typer(queue, name="queue")
app.add_typer(spool, name="spool")

LaneOption = Annotated[Lane, typer.Option(help="Whose mail this process serves.")]

# What the processes of a local stack import; see `_import_for_children`.
_CHILDREN = (
    "clearpost.api_process", "clearpost.mx", "clearpost.processes", "clearpost.standins.inbox_server",
    "clearpost.standins.identity_server", "clearpost.standins.stripe_server",
    "workers.delivery", "workers.upkeep",
)  # fmt: skip


@app.callback()
def before_all() -> None:
    """Email forwarding that loses nothing and keeps nothing."""
    core_dumps.turn_off()


@app.command()
def up() -> None:
    """Start everything on this machine, send a first message, run until Ctrl-C."""
    _import_for_children()
    from clearpost import local_stack

    raise typer.Exit(local_stack.up())


@app.command()
def demo() -> None:
    """The same, but end once the message has arrived and its bytes are gone. 0, or the reason is said."""
    _import_for_children()
    from clearpost import local_stack

    raise typer.Exit(local_stack.demo())


def _import_for_children() -> None:
    """The local stack forks its processes from this one: what is imported here, none of them loads again."""
    from importlib import import_module

    for name in _CHILDREN:
        import_module(name)


@app.command()
def init(
    hostname: Annotated[str, typer.Option(help="Name of this mail server, such as mx.example.org.")] = "",
    service_domain: Annotated[str, typer.Option(help="The service's own domain, as example.org.")] = "",
    postmaster: Annotated[str, typer.Option(help="Inbox for postmaster mail, at another domain.")] = "",
    ip: Annotated[list[str] | None, typer.Option(help="Public address; may be given twice.")] = None,
    env_file: Annotated[Path, typer.Option(dir_okay=False, help="Settings: read, or else written.")] = Path(
        "/etc/clearpost/clearpost.env"
    ),
    database_url: Annotated[
        str, typer.Option(help="PostgreSQL 15 or later.")
    ] = "postgresql://clearpost@/clearpost?host=/run/postgresql",
    redis_url: Annotated[str, typer.Option(help="Valkey or Redis.")] = "redis://127.0.0.1:6379/0",
    spool_dir: Annotated[Path, typer.Option(help="Local disk.")] = Path("/var/lib/clearpost/spool"),
    key_dir: Annotated[Path, typer.Option(help="Never in a backup.")] = Path("/var/lib/clearpost/keys"),
    mx_port: Annotated[int, typer.Option(help="Where senders reach us.")] = 25,
    owner: Annotated[str, typer.Option(help="User that runs the service; gets both folders.")] = "",
    staff: Annotated[str, typer.Option(help="Address of the first of your staff, once migrated.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Set up production: settings, folders, keys, DNS to publish, checks. 0 fit, 1 to mend, 2 usage."""
    from clearpost import init
    from clearpost.first_settings import Wish

    wish = Wish(
        env_file, hostname, service_domain, postmaster, tuple(ip or ()), database_url, redis_url,
        spool_dir, key_dir, mx_port, owner, staff,
    )  # fmt: skip
    raise typer.Exit(init.main(wish, as_json=as_json))


@app.command("mx")
def mx_process(lane: LaneOption = Lane.STANDARD) -> None:
    """An SMTP receiver of one lane; CLEARPOST_MX_PROCESSES of them share its port."""
    settings = load_settings()
    if settings.mx_processes > 1:
        from clearpost import fleet

        raise typer.Exit(fleet.run(["mx", "--lane", lane], settings.mx_processes, settings.metrics_port))
    from clearpost import mx

    _serve(mx.serve, "mx", lane)


@app.command()
def worker(lane: LaneOption = Lane.STANDARD) -> None:
    """A delivery worker of one lane: retries, overflow, what a crash left behind."""
    from workers import delivery

    _serve(delivery.serve, "worker", lane)


@app.command("upkeep")
def upkeep_process() -> None:
    """Spool sweep, the 7 days, domain checks, notices: one for each machine."""
    from workers import upkeep

    _serve(upkeep.serve, "upkeep", Lane.STANDARD)


@app.command("api")
def api_process() -> None:
    """The REST API and the web pages."""
    from clearpost import api_process

    _serve(api_process.serve, "api", Lane.STANDARD)


@app.command()
def migrate() -> None:
    """Bring the database to the newest migration."""
    import asyncio

    from clearpost.migrations import Refused, upgrade

    settings = asking_settings(with_redis=False)
    try:
        asyncio.run(upgrade(settings.database_url.get_secret_value()))
    except OSError as error:
        fail(f"the database does not answer: {error.strerror or error}")
    except Refused as refusal:
        fail(str(refusal))
    print("the database is up to date")


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="Where to write it, such as today.zip.")],
    as_json: JsonOption = False,
) -> None:
    """Save what customers configured: no mail, no logs, no keys of the service. 0 written, 1 not."""
    from clearpost import backup as backups

    raise typer.Exit(backups.backup(asking_settings(), file, as_json=as_json))


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What `backup` wrote.")],
    as_json: JsonOption = False,
) -> None:
    """Fill a new, migrated database from a backup. 0 restored, 1 not: then nothing was changed."""
    from clearpost import backup as backups

    raise typer.Exit(backups.restore(load_settings(), file, as_json=as_json))


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """Check everything this installation stands on, and say how to mend what is broken. 0 fit, 1 not."""
    from clearpost import doctor

    raise typer.Exit(doctor.main(as_json=as_json))


app.command("verify")(openness_cli.verify)
app.command("verify-receipt")(openness_cli.verify_receipt)


@app.command()
def send(
    to: Annotated[str, typer.Argument(help="The address to write to, such as hello@demo.test.")],
    lane: LaneOption = Lane.STANDARD,
    sender: Annotated[str, typer.Option("--from", help="Reverse-path and From of the message.")] = "",
    api_key: Annotated[
        str, typer.Option(envvar="CLEARPOST_API_KEY", help="Key of the account that owns TO.")
    ] = "",
    seconds: Annotated[float, typer.Option(min=1, help="How long to follow the message.")] = 60.0,
    as_json: JsonOption = False,
) -> None:
    """Send a test message through our MX and follow it. 0 delivered, 1 not, 2 usage, 3 too slow."""
    from clearpost import send

    settings = asking_settings()
    raise typer.Exit(send.main(settings, send.Wish(to, lane, sender, api_key, seconds), as_json=as_json))


@app.command()
def explain(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A message as saved, .eml.")],
    ip: Annotated[str | None, typer.Option(help="Client that brings it.")] = None,
    helo: Annotated[str | None, typer.Option(help="What it says in EHLO.")] = None,
    mail_from: Annotated[str | None, typer.Option(help="Reverse-path; <> is the null one.")] = None,
    rcpt: Annotated[str, typer.Option(help="Alias it is for.")] = "you@your-domain.example",
    strict: Annotated[bool, typer.Option("--strict", help="As if its owner chose strict DMARC.")] = False,
    spam_threshold: Annotated[float, typer.Option(min=0, help="Score that refuses; 0: none.")] = 15.0,
    dns: Annotated[list[str] | None, typer.Option(help="Name server to ask, as 192.0.2.53:53.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Verdicts on a saved message, what we would do and why. 0 take, 1 refuse, 3 put off, 2 no mail."""
    from clearpost import explain as explaining
    from clearpost.command_line import settings_of_any_kind
    from mailcore.mail_rules import MailRules

    wish = explaining.Wish(
        file,
        ip,
        helo,
        mail_from,
        rcpt,
        MailRules(strict_dmarc=strict, spam_threshold=spam_threshold or None),
        tuple(dns or ()),
    )
    raise typer.Exit(explaining.main(settings_of_any_kind(), wish, as_json=as_json))


app.command("bench")(bench_cli.bench)


@queue.command("status")
def queue_status(as_json: JsonOption = False) -> None:
    """How much waits in which lane, for how long, and which processes live."""
    from clearpost import status

    settings = asking_settings()
    raise typer.Exit(status.queue(settings, as_json=as_json))


IdsArgument = Annotated[list[str] | None, typer.Argument(help="Ids of deliveries or messages.")]
DomainOption = Annotated[str, typer.Option(help="All mail for this customer's domain.")]
ProviderOption = Annotated[str, typer.Option(help="All mail last tried at this provider, as google.com.")]


@queue.command("list")
def queue_list(
    domain: DomainOption = "",
    provider: ProviderOption = "",
    state: Annotated[str, typer.Option(help="waiting or held; both where it is left out.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 100,
    as_json: JsonOption = False,
) -> None:
    """Deliveries that wait, oldest first: ids, lane, state, attempts, ages. No addresses."""
    from clearpost import queue_commands as commands

    choice = _choice([], domain, provider)
    if state not in ("", "waiting", "held"):
        fail("--state is waiting or held", code=2)
    settings = asking_settings()
    raise typer.Exit(commands.show_list(settings, choice, state=state, limit=limit, as_json=as_json))


@queue.command("show")
def queue_show(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="A delivery or a message.")],
    as_json: JsonOption = False,
) -> None:
    """One delivery, or all of a message, and its events so far. 0 shown, 1 nothing such waits."""
    from clearpost import queue_commands as commands

    choice = _choice([identifier], "", "")
    raise typer.Exit(commands.show_one(asking_settings(), choice, as_json=as_json))


@queue.command("hold")
def queue_hold(
    ids: IdsArgument = None, domain: DomainOption = "", provider: ProviderOption = "",
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """No attempt begins any more, until released. It ends 4 days after it was accepted all the same."""
    _change_queue("hold", ids, domain, provider, as_json)


@queue.command("release")
def queue_release(
    ids: IdsArgument = None, domain: DomainOption = "", provider: ProviderOption = "",
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """What was held waits again, and is due now."""
    _change_queue("release", ids, domain, provider, as_json)


@queue.command("retry")
def queue_retry(
    ids: IdsArgument = None, domain: DomainOption = "", provider: ProviderOption = "",
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """What waits for its next attempt is due now."""
    _change_queue("retry", ids, domain, provider, as_json)


@queue.command("fail")
def queue_fail(
    ids: IdsArgument = None, domain: DomainOption = "", provider: ProviderOption = "",
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """End deliveries now, as hard-bounced by the operator: senders or owners are told, content is deleted."""
    from clearpost import queue_commands as commands

    choice = _some(ids, domain, provider)
    raise typer.Exit(commands.fail(asking_settings(), choice, as_json=as_json))


def _change_queue(what: str, ids: list[str] | None, domain: str, provider: str, as_json: bool) -> None:
    from clearpost import queue_commands as commands

    choice = _some(ids, domain, provider)
    raise typer.Exit(commands.change(asking_settings(), what, choice, as_json=as_json))


def _some(ids: list[str] | None, domain: str, provider: str) -> "Choice":
    """Never everything for want of an option."""
    choice = _choice(ids or [], domain, provider)
    if choice.is_everything:
        fail("say which: ids, --domain or --provider", code=2)
    return choice


def _choice(ids: list[str], domain: str, provider: str) -> "Choice":
    from clearpost import queue_commands as commands

    try:
        return commands.choice_of(ids, domain, provider)
    except commands.BadChoice as error:
        fail(str(error), code=2)


@spool.command("recover")
def spool_recover(
    again: Annotated[bool, typer.Option("--again", help="Also where spool and database agree.")] = False,
    as_json: JsonOption = False,
) -> None:
    """After the database was restored: rebuild from this machine's spool what it lost. Stop all first."""
    from clearpost import spool_commands

    raise typer.Exit(spool_commands.recover(load_settings(), again=again, as_json=as_json))


@spool.command("status")
def spool_status(as_json: JsonOption = False) -> None:
    """Segments and bytes in the spool of this machine, and the room that is left."""
    from clearpost import status

    settings = asking_settings()
    raise typer.Exit(status.spool(settings, as_json=as_json))


def _serve(main: "Main", role: str, lane: Lane) -> None:
    from clearpost.listening import PortTaken
    from clearpost.processes import run
    from mailcore.crash_points import CrashPointsRefused
    from mailcore.keyring import UnsafeKeyFolder
    from mailcore.keys_in_place import KeysAway

    settings = load_settings()
    try:
        code = run(main, settings, role, lane)
    except (PortTaken, UnsafeKeyFolder, KeysAway, CrashPointsRefused, OSError) as error:
        fail(str(error))
    raise typer.Exit(code)


def main() -> None:
    app(prog_name="clearpost")


if __name__ == "__main__":
    main()
