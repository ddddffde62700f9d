"""What our letters say: one function for each kind, from what the letter is about to subject and lines.

Plain, short, complete in itself. Must never name anybody but the one it is written to and their account,
nor hold a subject or a sender of their mail.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final, Literal
from uuid import UUID

from customers import alert_letters, notices, plan_letters, support_letters, suspension_letters
from customers.letter_desk import About
from customers.letter_desk import Desk as Desk
from customers.letter_desk import Written as Written

Kind = Literal[
    "account-deleted",
    "account-claim",
    "account-suspended",
    "account-resumed",
    "change-address",
    "address-changed",
    "address-left",
    "address-hosted",
    "invitation",
    "sign-in-link",
    "no-account",
    "confirm-destination",
    "destination-failing",
    "domain-dispute",
    "domain-failing",
    "undeliverable",
    "payment-failed",
    "plan-ended",
    "plan-surplus",
    "plan-paused",
    "usage",
    "service-alert",
    "support-opened",
]

# Sent also to who asked to hear from us no more: they ask for it, to sign in, or it is about the safety of
# what is theirs, the operator's service included.
EVEN_IF_STOPPED: Final = frozenset(
    {
        "sign-in-link",
        "no-account",
        "change-address",
        "address-changed",
        "address-left",
        "address-hosted",
        "account-claim",
        "account-deleted",
        "account-suspended",
        "account-resumed",
        "service-alert",
        "support-opened",
    }
)
# What the links to an inbox may do, and how long: somebody may want us to stop long after the question.
ANSWER: Final = "destination"
STOP: Final = "destination-stop"
_ANSWER_VALID: Final = timedelta(days=7)
_STOP_VALID: Final = timedelta(days=3650)


def _invitation(desk: Desk, about: About) -> Written:
    link = desk.link("invitations", "invitation", UUID(about["id"]), timedelta(days=7))
    return Written(
        f"You are invited to {about['account']} on Clearpost",
        [
            f"{about['invited_by']} invites you to the account",
            "",
            f"    {about['account']}",
            "",
            f"as {about['role']}. To accept, open this link within 7 days:",
            "",
            f"    {link}",
            "",
            "If you did not expect this, do nothing: without the link nothing happens.",
        ],
    )


def _confirm_destination(desk: Desk, about: About) -> Written:
    """To somebody who may never have heard of us."""
    identifier = UUID(about["id"])
    yes = desk.link("destinations", ANSWER, identifier, _ANSWER_VALID)
    never = desk.link("destinations", STOP, identifier, _STOP_VALID)
    named = [f"    {alias}" for alias in about["aliases"].split("\n") if alias]
    of_what = [*named, "    and others"] if about["more"] else named
    asked = (
        "would like mail for these addresses to be forwarded to you:"
        if named
        else "would like to forward mail to you."
    )
    return Written(
        "Forward mail to this inbox?",
        [
            f'The account "{about["account"]}" on Clearpost, a mail forwarder,',
            asked,
            *(["", *of_what] if named else []),
            "",
            "Nothing is forwarded before you agree. To say yes, or never, open this within 7 days:",
            "",
            f"    {yes}",
            "",
            "If you did not expect this, do nothing: then nothing comes. To hear from us never again,",
            "now or at any later time:",
            "",
            f"    {never}",
        ],
    )


def _destination_failing(desk: Desk, about: About) -> Written:
    inboxes = [f"    {each}" for each in about["inboxes"].split("\n")]
    return Written(
        "Mail to one of your destinations fails" if len(inboxes) == 1 else "Mail to your destinations fails",
        [
            f'In your account "{about["account"]}" the last mail to these destinations was refused for good:',
            "",
            *inboxes,
            *(["    and others"] if about["more"] else []),
            "",
            "The inbox is gone or full, or its server takes no mail for it. Senders are told.",
            "The log shows what the server answered. Mend the inbox, or give its aliases another one:",
            "",
            f"    {desk.web_url}/destinations",
            "",
            "We write once a day while it fails.",
        ],
    )


def _domain_failing(desk: Desk, about: About) -> Written:
    """Said at once, and again a day before the domain is switched off (`off_on` is then a date)."""
    name = about["name"]
    end = (
        f"If nothing changes, we stop taking mail for it on {about['off_on']}."
        if about["off_on"]
        else f"We look again by ourselves. Mail is taken for {about['days']} more days at least."
    )
    return Written(
        f"{name} is switched off soon" if about["off_on"] else f"The DNS of {name} needs you",
        [
            f"The DNS records that bring mail for {name} to Clearpost are gone or changed:",
            "",
            *[f"    {cause}" for cause in about["causes"].split("\n")],
            "",
            end,
            "Aliases and mail that waits stay as they are. It works again as soon as the records are back.",
            "",
            f"    {desk.web_url}/domains/{about['id']}",
        ],
    )


def _sign_in_link(desk: Desk, about: About) -> Written:
    link = desk.link("auth/link", "sign-in", UUID(about["id"]), timedelta(minutes=15))
    return Written(
        "Sign in to Clearpost",
        [
            "To sign in, open this link within 15 minutes, in the browser that asked for it:",
            "",
            f"    {link}",
            "",
            "It works once. If you did not ask for it, do nothing: nobody gets in without it.",
        ],
    )


def _no_account(desk: Desk, about: About) -> Written:
    return Written(
        "No account on Clearpost",
        [
            "Somebody, probably you, asked to sign in with this address at",
            "",
            f"    {desk.web_url}",
            "",
            "There is no account with it, and a new one takes an invitation there.",
            "If you have an account, sign in with the address that it knows.",
            "If you did not ask, do nothing.",
        ],
    )


def _account_claim(desk: Desk, about: About) -> Written:
    link = desk.link("claims", "account-claim", UUID(about["id"]), timedelta(days=7))
    return Written(
        f"{about['by']} asks to own {about['account']}",
        [
            f"{about['by']}, an admin of the account",
            "",
            f"    {about['account']}",
            "",
            "asks to own it, because its owners seem to be gone. You are an owner. If you are there,",
            "sign in or open this link: then it stays as it is. After 7 days without a word from you it is",
            "theirs too.",
            "",
            f"    {link}",
        ],
    )


def _change_address(desk: Desk, about: About) -> Written:
    link = desk.link("auth/address", "change-address", UUID(about["id"]), timedelta(hours=1))
    return Written(
        "Sign in to Clearpost with this address?",
        [
            f"{about['old']} wants to sign in with this address from now on.",
            "To agree, open this link within an hour, in the browser in which you asked:",
            "",
            f"    {link}",
            "",
            "If you did not ask for this, do nothing: without the link nothing happens.",
        ],
    )


def _address_changed(desk: Desk, about: About) -> Written:
    link = desk.link("auth/address/undo", "undo-address", UUID(about["id"]), timedelta(days=7))
    return Written(
        "You sign in to Clearpost with another address now",
        [
            "The address that you sign in with was changed from this one to",
            "",
            f"    {about['new']}",
            "",
            "If this was not you, take it back within 7 days. All browsers are signed out then:",
            "",
            f"    {link}",
        ],
    )


def _address_left(desk: Desk, about: About) -> Written:
    """To who asks to sign in with an address that was left; `id` is that of the link to take it back."""
    link = desk.link("auth/address/undo", "undo-address", UUID(about["id"]), timedelta(days=7))
    return Written(
        "You sign in to Clearpost with another address now",
        [
            "Somebody, probably you, asked to sign in with this address. It was changed to another one a",
            "few days ago: sign in with that one.",
            "",
            "If it was not you who changed it, take it back. All browsers are signed out then:",
            "",
            f"    {link}",
        ],
    )


def _address_hosted(desk: Desk, about: About) -> Written:
    """To owners; `people` are addresses at the domain `name`, which their account has just proved."""
    return Written(
        f"Sign in with an address that is not at {about['name']}",
        [
            f"Mail for {about['name']} is forwarded by Clearpost from now on. These people of your",
            "account sign in with addresses there:",
            "",
            *[f"    {each}" for each in about["people"].split("\n")],
            "",
            "Whoever changes such an alias could read the links that sign them in, and if the forwarding",
            "stops, they can't sign in by mail. Until they use another address, only an owner in person",
            "changes these aliases. How to change the address:",
            "",
            f"    {desk.web_url}/docs#change_email",
        ],
    )


def _account_deleted(desk: Desk, about: About) -> Written:
    return Written(
        f"The account {about['account']} is deleted",
        [
            "An owner has deleted the account",
            "",
            f"    {about['account']}",
            "",
            "on Clearpost. Mail for its domains is refused from now on, what waited was cancelled, and",
            "what we kept of it is being removed. To receive their mail elsewhere, change their MX records.",
        ],
    )


def _payment_failed(desk: Desk, about: About) -> Written:
    """Said when a payment has failed, and twice again before its plan ends on the day `ends`."""
    return Written(
        f"A payment for {about['account']} has failed",
        [
            "The last payment for the account",
            "",
            f"    {about['account']}",
            "",
            f"on Clearpost has failed. Its plan stays as it is until {about['ends']}. Then it becomes the",
            "free one: nothing is deleted, but what has no room there pauses after a week.",
            "",
            "To pay, or to give another card:",
            "",
            f"    {desk.web_url}/billing",
        ],
    )


WRITERS: Final[Mapping[str, Callable[[Desk, About], Written]]] = {
    "invitation": _invitation,
    "account-deleted": _account_deleted,
    "account-claim": _account_claim,
    "account-suspended": suspension_letters.suspended,
    "account-resumed": suspension_letters.resumed,
    "change-address": _change_address,
    "address-changed": _address_changed,
    "address-left": _address_left,
    "address-hosted": _address_hosted,
    "sign-in-link": _sign_in_link,
    "no-account": _no_account,
    "confirm-destination": _confirm_destination,
    "destination-failing": _destination_failing,
    "domain-dispute": notices.domain_dispute,
    "domain-failing": _domain_failing,
    "undeliverable": notices.undeliverable,
    "payment-failed": _payment_failed,
    "plan-ended": plan_letters.ended,
    "plan-surplus": plan_letters.surplus,
    "plan-paused": plan_letters.paused,
    "usage": plan_letters.usage,
    "service-alert": alert_letters.service_alert,
    "support-opened": support_letters.opened,
}
