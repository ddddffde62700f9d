"""What our letters about plans say: what pauses after a downgrade, and how much of a day's quota is used.

Must never ask for money: they say what happens, when, and what can be done about it.
"""

from customers.letter_desk import About, Desk, Written


def ended(desk: Desk, about: About) -> Written:
    """Whoever has ended the subscription: its owner, a bank, an operator, or time."""
    return Written(
        f"The {about['plan']} plan of {about['account']} has ended",
        [
            f"The subscription behind the {about['plan']} plan of your account has ended:",
            "",
            f"    {about['account']}",
            "",
            "has the free plan now. Mail goes on within its limits, and nothing is deleted. What the free",
            "plan has no room for goes on for a week; if there is any, another letter tells which.",
            "",
            "How plans differ, and to have one again:",
            "",
            f"    {desk.web_url}/billing",
        ],
    )


def surplus(desk: Desk, about: About) -> Written:
    """Within a minute of the downgrade, and again a day before the end."""
    return Written(
        f"Some of {about['account']} pauses on {about['on']}",
        [
            f"Your account has more than the {about['plan']} plan has room for. If it stays so, on",
            f"{about['on']} the newest of it pause:",
            "",
            *_listed(about),
            "",
            "Mail to them is refused then, and senders are told that the address is paused. Nothing is",
            "deleted, and until then everything works. To choose yourself what stays, delete what you do",
            "not need; with a larger plan all of it stays:",
            "",
            f"    {desk.web_url}/billing",
        ],
    )


def paused(desk: Desk, about: About) -> Written:
    return Written(
        f"Some of {about['account']} is paused",
        [
            f"The {about['plan']} plan has no room for these, so they are paused now:",
            "",
            *_listed(about),
            "",
            "Mail to them is refused, and the log shows it. Nothing is deleted. With a larger plan they work",
            "again within seconds; what you delete makes room for the next oldest:",
            "",
            f"    {desk.web_url}/billing",
        ],
    )


def usage(desk: Desk, about: About) -> Written:
    """Once at 80 %, and once when the day's quota is used up."""
    full = about["percent"] >= 100
    said = (
        "Further mail is put off: its senders try again, and most of it arrives after midnight UTC."
        if full
        else "Beyond it mail is put off: its senders try again, most of them until the next day."
    )
    return Written(
        f"{about['account']} has used {'all' if full else '80 %'} of today's quota",
        [
            f"Your account forwarded {about['forwarded']} messages today (UTC). The {about['plan']} plan has",
            f"room for {about['limit']} a day.",
            "",
            said,
            "What is forwarded day by day, and how plans differ:",
            "",
            f"    {desk.web_url}/billing",
        ],
    )


def _listed(about: About) -> list[str]:
    counts = (
        (about["domains"], "domain", "domains", "with all aliases"),
        (about["aliases"], "alias", "aliases", "of other domains"),
        (about["inboxes"], "inbox", "inboxes", "of aliases with many: these go on to the others"),
    )
    return [
        f"    {count} {one if count == 1 else many}, {rest}" for count, one, many, rest in counts if count
    ]
