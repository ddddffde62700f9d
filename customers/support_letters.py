"""What our letter says that tells owners: somebody of the account has let our staff look.

Must never hold the reason they gave: whoever opens a grant must not be able to write to others in our name.
"""

from customers.letter_desk import About, Desk, Written

_MOST_NAMED = 10


def opened(desk: Desk, about: About) -> Written:
    """`by`: who opened it; `until`: when it ends; `domains`: their names by line, none for all of them."""
    names = [each for each in about["domains"].split("\n") if each]
    of_what = ["of all domains of the account"] if not names else ["of these domains of the account"]
    named = [f"    {each}" for each in names[:_MOST_NAMED]]
    more = ["    and others"] if len(names) > _MOST_NAMED else []
    return Written(
        f"Our staff may read the log of {about['account']} for a while",
        [
            f"{about['by']} has let our staff look into the log",
            *of_what,
            "",
            f"    {about['account']}",
            *(["", *named, *more] if named else []),
            "",
            f"until {about['until']}: senders, subjects, servers and what they said, as you see them",
            "yourself; never content, of which there is none. Each look is listed for you, and it ends by",
            "itself. If this should not be, end it here, at once:",
            "",
            f"    {desk.web_url}/support-access",
        ],
    )
