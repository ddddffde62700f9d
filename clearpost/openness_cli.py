"""`clearpost verify`, `verify-receipt`, `authority ...`: reads settings, calls, prints, returns an exit code.

Must never hold logic of its own. Every command imports what it needs inside itself, as in cli.py.
"""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clearpost.command_line import JsonOption, asking_settings, fail

if TYPE_CHECKING:
    from customers.authority_requests import Outcome

authority = typer.Typer(help="What authorities asked for, as /transparency counts it.", no_args_is_help=True)

OutcomeArgument = Annotated[str, typer.Argument(help="pending, refused, partly or complied.")]


def verify(
    url: Annotated[str, typer.Argument(help="Of the server, such as https://mail.example.org.")],
    head: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Keeps what was seen last, to be held against later runs."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check any server's statements: signatures, order, gaps, the chain. 0 good, 1 not, 2 usage, 3 away."""
    from clearpost import verify as verifying

    raise typer.Exit(verifying.main(url, head, as_json=as_json))


def verify_receipt(
    file: Annotated[Path, typer.Argument(help="As the portal saved it when the account was deleted.")],
    url: Annotated[str, typer.Argument(help="Of the server, such as https://mail.example.org.")] = "",
    key: Annotated[str | None, typer.Option(help="Its public key in hex: then no server is asked.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check the receipt of a deleted account. 0 signed by that server, 1 not, 2 usage, 3 it is away."""
    from clearpost import verify_receipt as verifying

    if not url and not key:
        fail("name the server's URL, or its key with --key", code=2)
    raise typer.Exit(verifying.main(file, url, key, as_json=as_json))


@authority.command("add")
def authority_add(
    kind: Annotated[str, typer.Argument(help="data, removal, interception or other.")],
    outcome: OutcomeArgument,
    received: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="When; today where it is left out.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Note that an authority asked us; its year, kind and outcome are public, no more. 0 noted, 1 not."""
    from typing import get_args

    from clearpost import authority_commands
    from customers.authority_requests import Kind
    from mailcore.clock import Clock

    known: Kind | None = next((each for each in get_args(Kind) if each == kind), None)
    if known is None:
        fail(f"{kind!r} is no kind: choose one of {', '.join(get_args(Kind))}", code=2)
    day = (received or Clock().now()).date()
    settings = asking_settings(with_redis=False)
    raise typer.Exit(authority_commands.add(settings, day, known, _outcome(outcome), as_json=as_json))


@authority.command("settle")
def authority_settle(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="As `clearpost authority list` shows it.")],
    outcome: OutcomeArgument,
    as_json: JsonOption = False,
) -> None:
    """Note what came of a request. 0 noted, 1 not."""
    from clearpost import authority_commands

    settings = asking_settings(with_redis=False)
    raise typer.Exit(authority_commands.settle(settings, identifier, _outcome(outcome), as_json=as_json))


@authority.command("list")
def authority_list(as_json: JsonOption = False) -> None:
    """All requests that were noted, the latest first."""
    from clearpost import authority_commands

    raise typer.Exit(authority_commands.show_list(asking_settings(with_redis=False), as_json=as_json))


def _outcome(text: str) -> "Outcome":
    from typing import get_args

    from customers.authority_requests import Outcome

    known: Outcome | None = next((each for each in get_args(Outcome) if each == text), None)
    if known is None:
        fail(f"{text!r} is no outcome: choose one of {', '.join(get_args(Outcome))}", code=2)
    return known
