"""`clearpost dkim ...`: reads settings, calls, prints, returns an exit code.

Must never hold logic of its own. Every command imports what it needs inside itself, as in cli.py.
"""

from typing import Annotated

import typer

from clearpost.command_line import JsonOption, asking_settings

dkim = typer.Typer(help="The keys that we sign mail with.", no_args_is_help=True)

DomainOption = Annotated[str, typer.Option(help="The signing domain; by default the service's own.")]
SelectorArgument = Annotated[str, typer.Argument(help="As `clearpost dkim list` shows it.")]


@dkim.command("list")
def dkim_list(
    domain: Annotated[str, typer.Option(help="Of this signing domain only.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Keys, which of them sign, and whether DNS shows them."""
    from clearpost import dkim_commands

    settings = asking_settings(with_redis=False)
    raise typer.Exit(dkim_commands.show_list(settings, domain, as_json=as_json))


@dkim.command("new")
def dkim_new(domain: DomainOption = "", as_json: JsonOption = False) -> None:
    """Make another key and print its record. It signs once `use` says so; a domain's first one at once."""
    from clearpost import dkim_commands

    settings = asking_settings(with_redis=False)
    raise typer.Exit(dkim_commands.new(settings, domain, as_json=as_json))


@dkim.command("record")
def dkim_record(
    selector: Annotated[str, typer.Argument(help="Of this key only.")] = "",
    domain: DomainOption = "",
    as_json: JsonOption = False,
) -> None:
    """The TXT records to publish, in strings of at most 255 characters. 0 printed, 1 no such key."""
    from clearpost import dkim_commands

    settings = asking_settings(with_redis=False)
    raise typer.Exit(dkim_commands.record(settings, domain, selector, as_json=as_json))


@dkim.command("use")
def dkim_use(
    selector: SelectorArgument,
    domain: DomainOption = "",
    force: Annotated[bool, typer.Option("--force", help="Even if DNS does not show it.")] = False,
) -> None:
    """Sign with this key from now on. 0 done, 1 refused: DNS does not show it."""
    from clearpost import dkim_commands

    settings = asking_settings(with_redis=False)
    raise typer.Exit(dkim_commands.use(settings, domain, selector, force=force))


@dkim.command("retire")
def dkim_retire(selector: SelectorArgument, domain: DomainOption = "") -> None:
    """Delete a key that signs no more. 0 deleted, 1 not."""
    from clearpost import dkim_commands

    settings = asking_settings(with_redis=False)
    raise typer.Exit(dkim_commands.retire(settings, domain, selector))
