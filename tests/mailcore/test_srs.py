"""A return address of ours leads back to its sender, and nobody else can make one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore.envelope import Mailbox, parse_mailbox
from mailcore.srs import Srs, SrsFault, looks_like_srs

DAY = 20_661
OURS = "srs.example"
OLD_KEY, KEY = b"old key", b"new key"
SRS = Srs(OURS, [KEY, OLD_KEY])

ATOM = st.text(alphabet="abcXYZ019!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=10)
LOCAL = st.lists(ATOM, min_size=1, max_size=2).map(".".join)
DOMAIN = st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,3})?\.(example|org)", fullmatch=True)
SENDER = st.builds(Mailbox, LOCAL, DOMAIN)
DAYS = st.integers(min_value=15_000, max_value=40_000)


def encoded(sender: Mailbox, day: int = DAY) -> str:
    mailbox = SRS.encode(sender, day)
    assert mailbox is not None
    assert mailbox.domain == OURS
    return mailbox.local_part


@given(SENDER, DAYS, st.integers(min_value=-1, max_value=10))
def test_sender_survives_the_round_trip(sender: Mailbox, day: int, later: int) -> None:
    local_part = encoded(sender, day)
    assert looks_like_srs(local_part)
    assert len(local_part) <= 64
    assert parse_mailbox(f"{local_part}@{OURS}") == Mailbox(local_part, OURS)
    assert SRS.decode(local_part, day + later) == sender


@given(SENDER, DAYS)
def test_relays_may_change_the_case(sender: Mailbox, day: int) -> None:
    local_part = encoded(sender, day)
    assert SRS.decode(local_part.lower(), day) == Mailbox(sender.local_part.lower(), sender.domain)
    assert SRS.decode(local_part.upper(), day) == Mailbox(sender.local_part.upper(), sender.domain)


@given(SENDER, st.data())
def test_any_change_is_refused(sender: Mailbox, data: st.DataObject) -> None:
    local_part = encoded(sender)
    position = data.draw(st.integers(min_value=5, max_value=len(local_part) - 1))
    other = data.draw(st.characters(exclude_categories=["Cs"]))
    changed = local_part[:position] + other + local_part[position + 1 :]
    if changed.lower() != local_part.lower() or not changed.isascii():
        assert SRS.decode(changed, DAY) in (SrsFault.FORGED, SrsFault.MALFORMED)
    assert isinstance(SRS.decode(local_part[:position], DAY), SrsFault)
    assert isinstance(SRS.decode(local_part + other, DAY), SrsFault)


def test_moving_the_border_between_domain_and_local_part_is_refused() -> None:
    local_part = encoded(Mailbox("x=y", "a.example"))
    assert SRS.decode(local_part.replace("a.example=x=y", "a.examplex==y"), DAY) is SrsFault.FORGED


def test_letter_that_only_lower_cases_to_ascii_is_refused() -> None:
    local_part = encoded(Mailbox("k", "a.example"))
    assert SRS.decode(local_part.removesuffix("k") + "\u212a", DAY) is SrsFault.MALFORMED


@given(SENDER, DAYS, st.integers(min_value=11, max_value=1021))
def test_address_expires_after_ten_days(sender: Mailbox, day: int, later: int) -> None:
    assert SRS.decode(encoded(sender, day), day + later) is SrsFault.EXPIRED


def test_expiry_is_at_exactly_more_than_the_age_asked_for() -> None:
    srs = Srs(OURS, [KEY], max_age_days=3)
    mailbox = srs.encode(Mailbox("a", "b.example"), DAY)
    assert mailbox is not None
    assert srs.decode(mailbox.local_part, DAY + 3) == Mailbox("a", "b.example")
    assert srs.decode(mailbox.local_part, DAY + 4) is SrsFault.EXPIRED


def test_address_does_not_come_back_to_life_when_the_stamp_repeats() -> None:
    assert SRS.decode(encoded(Mailbox("a", "b.example")), DAY + 1024) is SrsFault.FORGED


def test_old_key_still_verifies_and_unknown_key_does_not() -> None:
    sender = Mailbox("a", "b.example")
    before = Srs(OURS, [OLD_KEY]).encode(sender, DAY)
    stranger = Srs(OURS, [b"stranger"]).encode(sender, DAY)
    assert before is not None
    assert stranger is not None
    assert SRS.decode(before.local_part, DAY) == sender
    assert SRS.decode(stranger.local_part, DAY) is SrsFault.FORGED
    assert before.local_part != encoded(sender)


@pytest.mark.parametrize("keys", [[], [b""], [KEY, b""]])
def test_empty_key_is_no_key(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="key"):
        Srs(OURS, keys)


def test_srs0_of_another_forwarder_becomes_srs1() -> None:
    first = Mailbox("SRS0=HHH=TT=b.example=a", "f.example")
    local_part = encoded(first)
    assert local_part.startswith("SRS1=")
    assert local_part.endswith("=f.example==HHH=TT=b.example=a")
    assert SRS.decode(local_part, DAY) == first
    assert SRS.decode(local_part.lower(), DAY) == Mailbox("SRS0=hhh=tt=b.example=a", "f.example")


@pytest.mark.parametrize("separator", ["=", "-", "+"])
def test_srs1_of_another_forwarder_still_leads_to_the_first(separator: str) -> None:
    second = Mailbox(f"SRS1=XXX=f.example={separator}HHH=TT=b.example=a", "g.example")
    expected = Mailbox(f"SRS0{separator}HHH=TT=b.example=a", "f.example")
    assert SRS.decode(encoded(second), DAY) == expected


@given(st.data())
def test_changed_srs1_is_refused(data: st.DataObject) -> None:
    local_part = encoded(Mailbox("SRS0=HHH=TT=b.example=a", "f.example"))
    position = data.draw(st.integers(min_value=5, max_value=len(local_part) - 1))
    other = data.draw(st.characters(min_codepoint=33, max_codepoint=126))
    changed = local_part[:position] + other + local_part[position + 1 :]
    if changed.lower() != local_part.lower():
        assert isinstance(SRS.decode(changed, DAY), SrsFault)


def test_srs1_that_names_no_host_is_an_ordinary_sender() -> None:
    sender = Mailbox("SRS1=X=host==H=T=d=u", "g.example")
    assert encoded(sender).startswith("SRS0=")
    assert SRS.decode(encoded(sender), DAY) == sender


def test_address_of_our_own_is_kept() -> None:
    ours = Mailbox(encoded(Mailbox("a", "b.example")), OURS)
    assert SRS.encode(ours, DAY + 1) == ours


@pytest.mark.parametrize(
    "sender",
    [
        Mailbox("ü", "b.example"),
        Mailbox("a" * 50, "b.example"),
        Mailbox("a b", "b.example"),
        Mailbox("a@b", "b.example"),
        Mailbox("a..b", "b.example"),
        Mailbox("a", "[1.2.3.4]"),
        Mailbox("postmaster", ""),
    ],
)
def test_sender_that_does_not_fit_gets_a_token_instead(sender: Mailbox) -> None:
    assert SRS.encode(sender, DAY) is None
    token = SRS.token(sender, DAY)
    assert len(token) <= 64
    assert looks_like_srs(token)
    assert parse_mailbox(f"{token}@{OURS}") == Mailbox(token, OURS)
    assert SRS.token_is_ours(token, DAY) is True


def test_longest_sender_that_fits_is_47_octets() -> None:
    assert len(encoded(Mailbox("a" * 37, "b.example"))) == 64
    assert SRS.encode(Mailbox("a" * 38, "b.example"), DAY) is None


@given(SENDER, SENDER, DAYS)
def test_token_is_one_per_sender_and_day(sender: Mailbox, other: Mailbox, day: int) -> None:
    assert SRS.token(sender, day) == SRS.token(sender, day)
    assert SRS.token(sender, day) != SRS.token(sender, day + 1)
    assert (SRS.token(sender, day) == SRS.token(other, day)) == (sender == other)
    assert sender.local_part not in SRS.token(sender, day) or len(sender.local_part) < 4


def test_senders_that_differ_in_case_do_not_share_a_token() -> None:
    assert SRS.token(Mailbox("A", "b.example"), DAY) != SRS.token(Mailbox("a", "b.example"), DAY)


@given(SENDER, DAYS, st.integers(min_value=0, max_value=1021))
def test_token_lives_as_long_as_an_address(sender: Mailbox, day: int, later: int) -> None:
    expected = True if later <= 10 else SrsFault.EXPIRED
    assert SRS.token_is_ours(SRS.token(sender, day).upper(), day + later) is expected


@given(SENDER, st.data())
def test_changed_token_is_refused(sender: Mailbox, data: st.DataObject) -> None:
    token = SRS.token(sender, DAY)
    position = data.draw(st.integers(min_value=5, max_value=len(token) - 1))
    other = data.draw(st.characters())
    changed = token[:position] + other + token[position + 1 :]
    if other.lower() != token[position] or not other.isascii():
        assert SRS.token_is_ours(changed, DAY) in (SrsFault.FORGED, SrsFault.MALFORMED)


@given(
    st.text(max_size=30),
    st.sampled_from(["", "SRS0=", "SRS1=", "SRST=", "SRS0=AAAAAAAA=AA=", "srs1=A=b.c=="]),
)
def test_no_text_raises_and_none_is_ours(text: str, prefix: str) -> None:
    assert isinstance(SRS.decode(prefix + text, DAY), SrsFault)
    assert SRS.token_is_ours(prefix + text, DAY) is not True


def test_token_is_not_decoded_as_an_address() -> None:
    assert SRS.decode(SRS.token(Mailbox("a", "b.example"), DAY), DAY) is SrsFault.MALFORMED
    assert SRS.token_is_ours("SRS0=X=YY=b.example=a", DAY) is False
    assert SRS.token_is_ours("alice", DAY) is False


@pytest.mark.parametrize("local_part", ["srs", "srs0", "alice", "SRS2=x", "srst", "xSRS0=a"])
def test_ordinary_names_do_not_look_like_srs(local_part: str) -> None:
    assert not looks_like_srs(local_part)
