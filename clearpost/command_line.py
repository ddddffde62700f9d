"""What all commands share: settings from the environment or the running stack, JSON on demand, one-line ends.

Must never import what only one command needs: start-up time of each process counts.
"""

import os
import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from mailcore.settings import Settings

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]


def load_settings() -> "Settings":
    """Settings from the environment, or one clear line and exit code 2. Warns of names that none has."""
    from clearpost import chosen_settings

    for name in chosen_settings.unknown(os.environ):
        print(f"clearpost: warning: no setting is called {name}, so it does nothing", file=sys.stderr)
    try:
        return chosen_settings.from_environment()
    except chosen_settings.SettingsError as error:
        fail(str(error), code=2)


def asking_settings(*, with_redis: bool = True) -> "Settings":
    """The same for a person's command: it may mean the running local stack, and then says so."""
    from clearpost import chosen_settings

    try:
        settings, stack = chosen_settings.from_environment_or_stack(with_redis=with_redis)
    except chosen_settings.SettingsError as error:
        fail(str(error), code=2)
    if stack:
        print(f"clearpost: speaking to {stack}", file=sys.stderr)
    return settings


def settings_of_any_kind() -> "Settings":
    """For a command that needs no service: whatever settings there are."""
    from clearpost import chosen_settings

    try:
        return chosen_settings.of_any_kind()
    except chosen_settings.SettingsError as error:
        fail(str(error), code=2)


def fail(text: str, *, code: int = 1) -> NoReturn:
    """One line that says what to do, then the end."""
    print(f"clearpost: {text}", file=sys.stderr)
    raise typer.Exit(code)
