"""The command `clearpost`: one subcommand for each thing a person or a service manager starts.

Must never hold logic of its own: it reads settings, calls, prints, and returns an exit code.
"""

import asyncio
import sys
from collections.abc import Callable
from typing import Annotated

import typer
from pydantic import ValidationError

import api.main
from clearpost import local_stack, mx
from clearpost.listening import PortTaken
from clearpost.migrations import upgrade
from clearpost.processes import Main, run
from mailcore.jobs import Alarm
from mailcore.keyring import UnsafeKeyFolder
from mailcore.plans import Lane
from mailcore.settings import Settings
from workers import delivery, upkeep

app = typer.Typer(
    help="Email forwarding that loses nothing and keeps nothing.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
LaneOption = Annotated[Lane, typer.Option(help="Whose mail this process serves.")]


@app.command()
def up() -> None:
    """Start everything on this machine, send a first message, run until Ctrl-C."""
    raise typer.Exit(local_stack.up())


@app.command()
def demo() -> None:
    """The same, but end once the message has arrived and its bytes are gone. 0, or the reason is said."""
    raise typer.Exit(local_stack.demo())


@app.command("mx")
def mx_process(lane: LaneOption = Lane.STANDARD) -> None:
    """An SMTP receiver of one lane."""
    _serve(mx.serve, "mx", lane)


@app.command()
def worker(lane: LaneOption = Lane.STANDARD) -> None:
    """A delivery worker of one lane: retries, overflow, what a crash left behind."""
    _serve(delivery.serve, "worker", lane)


@app.command("upkeep")
def upkeep_process() -> None:
    """Spool sweep, the 7 days, domain checks, notices: one for each machine."""
    _serve(upkeep.serve, "upkeep", Lane.STANDARD)


@app.command("api")
def api_process() -> None:
    """The REST API and the web pages."""
    _serve(_api, "api", Lane.STANDARD)


async def _api(settings: Settings, lane: Lane, *, stop: asyncio.Event, on_ready: Callable[[], None]) -> bool:
    """uvicorn listens to the signals itself."""
    alarm = Alarm.open(settings.redis_url.get_secret_value())
    try:
        await api.main.serve(settings, on_ready=on_ready, wake=alarm.wake)
    finally:
        await alarm.close()
    return True


@app.command()
def migrate() -> None:
    """Bring the database to the newest migration."""
    settings = load_settings()
    try:
        asyncio.run(upgrade(settings.database_url.get_secret_value()))
    except OSError as error:
        fail(f"the database does not answer: {error.strerror or error}")
    print("the database is up to date")


def _serve(main: Main, role: str, lane: Lane) -> None:
    settings = load_settings()
    try:
        code = run(main, settings, role, lane)
    except (PortTaken, UnsafeKeyFolder, OSError) as error:
        fail(str(error))
    raise typer.Exit(code)


def load_settings() -> Settings:
    """Settings from the environment, or one clear line and exit code 2."""
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "CLEARPOST_" + "_".join(str(part) for part in first["loc"]).upper() if first["loc"] else "settings"
        fail(f"{name}: {first['msg']}", code=2)
    for name, value in (("DATABASE_URL", settings.database_url), ("REDIS_URL", settings.redis_url)):
        if not value.get_secret_value():
            fail(f"CLEARPOST_{name} is not set: point it at your server, or run `clearpost up` for a local stack", code=2)
    return settings


def fail(text: str, *, code: int = 1) -> None:
    """One line that says what to do, then the end."""
    print(f"clearpost: {text}", file=sys.stderr)
    raise typer.Exit(code)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
