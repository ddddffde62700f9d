"""`clearpost canary ...`: reads settings, calls, prints, returns an exit code.

Must never hold logic of its own. Every command imports what it needs inside itself, as in cli.py.
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from clearpost.command_line import JsonOption, asking_settings, fail

canary = typer.Typer(help="The warrant canary, which people sign elsewhere.", no_args_is_help=True)

FileArgument = Annotated[Path, typer.Argument(dir_okay=False, help="The document, as canary-3.json.")]
SignaturesArgument = Annotated[
    list[Path], typer.Argument(dir_okay=False, help="What `ssh-keygen -Y sign` wrote, from two signers.")
]
AfterOption = Annotated[
    Path | None, typer.Option(dir_okay=False, help="The document before; then no server is asked.")
]


@canary.command("draft")
def canary_draft(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="Where to write it, as canary-3.json.")],
    fact: Annotated[
        str, typer.Option(help="Recent news, in a sentence: it shows that nobody signed earlier.")
    ],
    fact_url: Annotated[str, typer.Option(help="Where that stands, for everybody.")],
    fact_date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Of the news; today.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=45, help="How long it holds.")] = 30,
    without: Annotated[
        list[str] | None, typer.Option(help="Statement that is not affirmed; may be given twice.")
    ] = None,
    after: AfterOption = None,
    service: Annotated[str, typer.Option(help="The first of this service; then no server is asked.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Write the document that people sign next. 0 written, 1 not, 2 usage."""
    from clearpost import canary_commands as commands
    from customers.canary_document import CLAIMS, Fact
    from mailcore.clock import Clock

    if unknown := [each for each in without or () if each not in CLAIMS]:
        fail(f"{unknown[0]!r} is no statement: choose of {', '.join(CLAIMS)}", code=2)
    day = (fact_date or Clock().now()).date()
    wish = commands.Wish(Fact(fact, fact_url, day), timedelta(days=days), without or ())
    if after or service:
        raise typer.Exit(commands.draft_away(service, after, file, wish, as_json=as_json))
    settings = asking_settings(with_redis=False)
    raise typer.Exit(commands.draft_here(settings, file, wish, as_json=as_json))


@canary.command("check")
def canary_check(
    file: FileArgument,
    signatures: SignaturesArgument,
    signers: Annotated[
        Path | None, typer.Option(dir_okay=False, help="allowed_signers; then no server is asked.")
    ] = None,
    after: AfterOption = None,
    as_json: JsonOption = False,
) -> None:
    """Whether it would be published. Changes nothing. 0 it would, 1 not and why."""
    from clearpost import canary_commands as commands

    if signers is not None:
        raise typer.Exit(commands.check_away(signers, after, file, signatures, as_json=as_json))
    if after is not None:
        fail("--after needs --signers: without a server, say whose signatures count", code=2)
    settings = asking_settings(with_redis=False)
    raise typer.Exit(commands.check_here(settings, file, signatures, as_json=as_json))


@canary.command("publish")
def canary_publish(file: FileArgument, signatures: SignaturesArgument, as_json: JsonOption = False) -> None:
    """Show it to everybody, for good. 0 published, 1 not and why."""
    from clearpost import canary_commands as commands

    settings = asking_settings(with_redis=False)
    raise typer.Exit(commands.publish(settings, file, signatures, as_json=as_json))
