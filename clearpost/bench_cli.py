"""`clearpost bench`: reads options, calls, returns an exit code.

Must never hold logic of its own. It imports what it needs inside itself, as in cli.py.
"""

from typing import Annotated

import typer

from clearpost.command_line import JsonOption


def bench(
    messages: Annotated[int, typer.Option(min=50, max=10_000, help="Of 4 KB in each run.")] = 1000,
    runs: Annotated[int, typer.Option(min=1, max=20, help="Medians of so many.")] = 3,
    mx_processes: Annotated[int, typer.Option(min=1, max=16)] = 1,
    verdicts: Annotated[bool, typer.Option(help="Whether senders are looked into.")] = True,
    as_json: JsonOption = False,
) -> None:
    """How fast one node is on this machine, in about a minute: on loopback, in a folder of its own."""
    from clearpost.bench import command

    code = command.main(
        messages=messages, runs=runs, mx_processes=mx_processes, verdicts=verdicts, as_json=as_json
    )
    raise typer.Exit(code)
