"""`clearpost account ...` and `clearpost staff ...`: reads settings, calls, prints, returns an exit code.

Must never hold logic of its own. Every command imports what it needs inside itself, as in cli.py.
"""

from typing import Annotated

import typer

from clearpost.command_line import JsonOption, asking_settings, fail

account = typer.Typer(help="Customers of this server.", no_args_is_help=True)
staff = typer.Typer(help="Your people who may look at accounts.", no_args_is_help=True)

EmailArgument = Annotated[str, typer.Argument(help="The address they sign in with.")]


@account.command("create")
def account_create(
    email: Annotated[str, typer.Argument(help="The owner's address.")],
    name: Annotated[
        str, typer.Option(help="What the account is called; by default the owner's domain.")
    ] = "",
    plan: Annotated[str, typer.Option(help="free, premium or business.")] = "free",
    another: Annotated[bool, typer.Option("--another", help="Even if this person owns one already.")] = False,
    as_json: JsonOption = False,
) -> None:
    """A new account with its owner and an API key, which is shown once. 0 made, 1 not."""
    from clearpost import account_commands
    from mailcore.plans import Plan

    if plan not in list(Plan):
        fail(f"{plan!r} is no plan: choose free, premium or business", code=2)
    wish = account_commands.Wish(email, name, Plan(plan), another)
    settings = asking_settings(with_redis=False)
    raise typer.Exit(account_commands.create(settings, wish, as_json=as_json))


@account.command("list")
def account_list(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="The newest so many.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """Accounts with their plan and owners, the newest first."""
    from clearpost import account_commands

    settings = asking_settings(with_redis=False)
    raise typer.Exit(account_commands.show_list(settings, limit, as_json=as_json))


@account.command("owner")
def account_owner(
    identifier: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its id.")],
    email: EmailArgument,
    as_json: JsonOption = False,
) -> None:
    """Make somebody an owner, where the last one is gone: both audit logs say so. 0 done, 1 not."""
    from clearpost import account_commands

    settings = asking_settings(with_redis=False)
    raise typer.Exit(account_commands.make_owner(settings, identifier, email, as_json=as_json))


@account.command("plan")
def account_plan(
    identifier: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its id.")],
    plan: Annotated[str, typer.Argument(help="free, premium or business.")],
    as_json: JsonOption = False,
) -> None:
    """Give an account another plan. Mail that waits changes lanes within seconds. 0 done, 1 not."""
    from clearpost import account_commands
    from mailcore.plans import Plan

    if plan not in list(Plan):
        fail(f"{plan!r} is no plan: choose free, premium or business", code=2)
    settings = asking_settings(with_redis=False)
    raise typer.Exit(account_commands.set_plan(settings, identifier, Plan(plan), as_json=as_json))


@account.command("refund")
def account_refund(
    identifier: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its id.")],
    sure: Annotated[
        bool, typer.Option("--yes", help="Do it; without it, only show what would be done.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Give the last payment back and end the subscription at once, at Stripe. 0 done or shown, 1 not."""
    from clearpost import refund_command

    settings = asking_settings(with_redis=False)
    raise typer.Exit(refund_command.refund(settings, identifier, sure=sure, as_json=as_json))


@account.command("suspend")
def account_suspend(
    identifier: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its id.")],
    reason: Annotated[
        str, typer.Argument(help="spam, phishing, malware, fraud, compromised or legal: its owners read why.")
    ],
    note: Annotated[str, typer.Option(help="More for its owners, in plain words.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Suspend an account: mail is put off for 48 hours, then refused. 0 done, 1 not."""
    from clearpost import account_commands
    from customers.suspension_letters import REASONS

    known = next((each for each in REASONS if each == reason), None)
    if known is None:
        fail(f"{reason!r} is no reason: choose one of {', '.join(REASONS)}", code=2)
    settings = asking_settings(with_redis=False)
    raise typer.Exit(account_commands.suspend(settings, identifier, known, note, as_json=as_json))


@account.command("resume")
def account_resume(
    identifier: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its id.")],
    note: Annotated[str, typer.Option(help="What its owners are told beside.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Take a suspension back: all works as it did. 0 done, 1 not."""
    from clearpost import account_commands

    settings = asking_settings(with_redis=False)
    raise typer.Exit(account_commands.resume(settings, identifier, note, as_json=as_json))


@account.command("invite")
def account_invite(
    email: Annotated[str, typer.Argument(help="Who may open an account.")], as_json: JsonOption = False
) -> None:
    """Invite somebody to this server: they get a link by mail that opens an account. 0 posted, 1 not."""
    from clearpost import account_commands

    raise typer.Exit(account_commands.invite(asking_settings(with_redis=False), email, as_json=as_json))


@staff.command("add")
def staff_add(email: EmailArgument, as_json: JsonOption = False) -> None:
    """Mark somebody as staff; they add a passkey within a day. 0 done, 1 not."""
    from clearpost import staff_commands

    raise typer.Exit(staff_commands.add(asking_settings(with_redis=False), email, as_json=as_json))


@staff.command("remove")
def staff_remove(email: EmailArgument, as_json: JsonOption = False) -> None:
    """Take the mark away: their sessions end at once. 0 done, 1 not."""
    from clearpost import staff_commands

    raise typer.Exit(staff_commands.remove(asking_settings(with_redis=False), email, as_json=as_json))


@staff.command("list")
def staff_list(as_json: JsonOption = False) -> None:
    """Who is staff, since when, and with how many passkeys."""
    from clearpost import staff_commands

    raise typer.Exit(staff_commands.show_list(asking_settings(with_redis=False), as_json=as_json))


@staff.command("reset-passkeys")
def staff_reset_passkeys(email: EmailArgument, as_json: JsonOption = False) -> None:
    """Their passkeys are void; they add a new one within a day. 0 done, 1 not."""
    from clearpost import staff_commands

    settings = asking_settings(with_redis=False)
    raise typer.Exit(staff_commands.reset_passkeys(settings, email, as_json=as_json))
