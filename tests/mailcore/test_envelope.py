"""The grammar of RFC 5321 at MAIL and RCPT, and what an address is once it is ours."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcore import replies
from mailcore.envelope import (
    ForwardPath,
    Mailbox,
    MailParameters,
    ReversePath,
    normalise_domain,
    normalise_local_part,
    parse_mail,
    parse_mailbox,
    parse_rcpt,
    split_tag,
)
from mailcore.replies import Reply

ATOM = st.text(alphabet="abcXYZ019!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=12)
DOT_STRING = st.lists(ATOM, min_size=1, max_size=3).map(".".join)
QUOTED_CONTENT = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=25)
U_LOCAL = st.text(alphabet="aéüñжक語", min_size=1, max_size=10)
LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?", fullmatch=True)
DOMAIN = st.lists(LABEL, min_size=1, max_size=4).map(".".join)
MAILBOX = st.builds(Mailbox, DOT_STRING | QUOTED_CONTENT | U_LOCAL, DOMAIN)


def sender(argument: bytes) -> ReversePath:
    parsed = parse_mail(argument)
    assert not isinstance(parsed, Reply), parsed
    return parsed[0]


def recipient(argument: bytes) -> Mailbox:
    parsed = parse_rcpt(argument, smtputf8=True)
    assert isinstance(parsed, ForwardPath), parsed
    return parsed.mailbox


def test_common_mail_is_read() -> None:
    parsed = parse_mail(b"FROM:<Alice@Example.COM> SIZE=1000 BODY=8BITMIME")
    path = ReversePath(Mailbox("Alice", "example.com"))
    assert parsed == (path, MailParameters(size=1000, body="8BITMIME"))


@pytest.mark.parametrize("argument", [b"FROM:<>", b"from: <>", b"From:<> SIZE=0", b"FROM:<>  BODY=7bit"])
def test_null_reverse_path_is_a_sender(argument: bytes) -> None:
    assert sender(argument) == ReversePath(None)
    assert sender(argument).wire == ""


def test_parameters_come_in_any_order_and_case() -> None:
    parsed = parse_mail("FROM:<ü@a.example> smtputf8 body=8bitmime size=7".encode())
    assert not isinstance(parsed, Reply)
    assert parsed[1] == MailParameters(size=7, body="8BITMIME", smtputf8=True)


@pytest.mark.parametrize(
    "parameters",
    [
        b"SIZE=1 SIZE=1",
        b"size=1 SIZE=2",
        b"SIZE",
        b"SIZE=",
        b"SIZE=-1",
        b"SIZE=+1",
        b"SIZE=1_0",
        "SIZE=²".encode(),
        "SIZE=\u0661".encode(),
        b"SIZE=123456789012345678901",
        b"BODY=BINARYMIME",
        b"BODY",
        b"BODY=",
        b"SMTPUTF8=yes",
        b"SMTPUTF8=",
        b"SMTPUTF8 SMTPUTF8",
        b"SIZE=1\tBODY=7BIT",
        b"SIZE=1\rBODY=7BIT",
        b"SIZE=1\x00",
    ],
)
def test_bad_or_doubled_parameter_is_refused_501_5_5_4(parameters: bytes) -> None:
    assert parse_mail(b"FROM:<a@b.example> " + parameters) == replies.BAD_ARGUMENT


@pytest.mark.parametrize("parameters", [b"RET=FULL", b"AUTH=<>", b"SIZE=1 X", b"=1", b"<>"])
def test_unknown_parameter_is_refused_555(parameters: bytes) -> None:
    assert parse_mail(b"FROM:<a@b.example> " + parameters) == replies.BAD_PARAMETER


def test_recipient_takes_no_parameter_555() -> None:
    assert parse_rcpt(b"TO:<a@b.example> NOTIFY=NEVER", smtputf8=False) == replies.BAD_PARAMETER


BAD_PATHS = [
    b"",
    b"a@b.example",
    b"<a@b.example",
    b"a@b.example>",
    b"<<a@b.example>>",
    b"<a@b.example>x",
    b"<a@b.example>SIZE=1",
    b"<a@>",
    b"<@b.example>",
    b"<a>",
    b"<a b@c.example>",
    b"<a@b.example >",
    b"< a@b.example>",
    b"<a..b@c.example>",
    b"<.a@b.example>",
    b"<a.@b.example>",
    b"<a@b..example>",
    b"<a@b.example.>",
    b"<a@-b.example>",
    b"<a@b-.example>",
    b"<a@" + b"b" * 64 + b".example>",
    b"<a@b@c.example>",
    b"<a(comment)@b.example>",
    b"<a@b.example(comment)>",
    b'<"a@b.example>',
    b'<""@b.example>',
    b'<"a"b@c.example>',
    b'<"a\\"@b.example>',
    b"<a\x00@b.example>",
    b"<a\r\n@b.example>",
    b'<"a\r\nb"@b.example>',
    b'<"a\\\x00"@b.example>',
    b"<a\x7f@b.example>",
    b"<a\xff@b.example>",
    b"<\xed\xa0\x80@b.example>",
    "<a\x85@b.example>".encode(),
    "<a\u202e@b.example>".encode(),
    "<a\u2028@b.example>".encode(),
    "<a@b\u00ad_.example>".encode(),
    "<a@\U0001f4a9.example>".encode(),
    b"<a@[1.2.3]>",
    b"<a@[1.2.3.4>",
    b"<a@[1.2.3.4]x>",
    b"<a@[]>",
    b"<a@[IPv6:fe80::1%eth0]>",
    b"<a@[x-tag:y]>",
    b"<@a:@b:c@d.example>",
    b"<@a..b:c@d.example>",
    b"<@:c@d.example>",
    b"<@a,b:c@d.example>",
    b"<" + b"a" * 250 + b"@b.example>",
]


@pytest.mark.parametrize("path", BAD_PATHS)
def test_what_the_grammar_does_not_know_is_refused_501(path: bytes) -> None:
    assert parse_mail(b"FROM:" + path) == replies.BAD_REVERSE_PATH
    assert parse_mail(b"FROM:" + path + b" SMTPUTF8") == replies.BAD_REVERSE_PATH
    assert parse_rcpt(b"TO:" + path, smtputf8=True) == replies.BAD_FORWARD_PATH


@pytest.mark.parametrize("domain", ["b_c.example", "_spf.example", "b_.example", "B_C.Example"])
def test_a_sender_may_have_underscores_in_its_domain(domain: str) -> None:
    normal = Mailbox("a", domain.lower())
    assert sender(f"FROM:<a@{domain}>".encode()).mailbox == normal
    assert sender(f"FROM:<a@{domain}> SIZE=1 SMTPUTF8".encode()).mailbox == normal
    assert parse_mailbox(f"a@{domain}") == normal  # where its bounces go


def test_no_name_of_ours_has_an_underscore_501() -> None:
    assert parse_rcpt(b"TO:<a@b_c.example>", smtputf8=False) == replies.BAD_FORWARD_PATH
    assert normalise_domain("b_c.example") is None


@pytest.mark.parametrize(
    "argument",
    [b"", b"TO", b"TO <a@b.example>", b"FROM:<a@b.example>", b"TO:\t<a@b.example>"],
)
def test_keyword_and_colon_are_required_501(argument: bytes) -> None:
    assert parse_rcpt(argument, smtputf8=False) == replies.BAD_FORWARD_PATH


def test_null_path_is_no_recipient_501_5_1_3() -> None:
    assert parse_rcpt(b"TO:<>", smtputf8=False) == replies.BAD_FORWARD_PATH


@pytest.mark.parametrize("argument", [b"TO:<postmaster>", b"TO: <PostMaster>"])
def test_bare_postmaster_is_a_recipient(argument: bytes) -> None:
    assert recipient(argument) == Mailbox("postmaster", "")
    assert recipient(argument).address == "postmaster"


def test_bare_postmaster_is_no_sender() -> None:
    assert parse_mail(b"FROM:<postmaster>") == replies.BAD_REVERSE_PATH


def test_source_route_is_reduced_to_its_mailbox() -> None:
    assert recipient(b"TO:<@a.example,@b.example:user@c.example>") == Mailbox("user", "c.example")


def test_percent_and_bang_stay_in_the_local_part() -> None:
    assert recipient(b"TO:<a%b.example@ours.example>") == Mailbox("a%b.example", "ours.example")
    assert recipient(b"TO:<b.example!a@ours.example>") == Mailbox("b.example!a", "ours.example")


def test_quoted_at_sign_stays_in_the_local_part() -> None:
    mailbox = recipient(b'TO:<"a@evil.example"@ours.example>')
    assert mailbox == Mailbox("a@evil.example", "ours.example")
    assert mailbox.address == '"a@evil.example"@ours.example'


def test_needless_quotes_and_escapes_are_dropped() -> None:
    assert recipient(b'TO:<"\\ali\\ce"@b.example>') == recipient(b"TO:<alice@b.example>")
    assert recipient(b'TO:<"a b>\\"\\\\"@b.example>').address == '"a b>\\"\\\\"@b.example'


def test_encoded_word_is_not_decoded() -> None:
    assert recipient(b"TO:<=?utf-8?q?x=40evil?=@b.example>").local_part == "=?utf-8?q?x=40evil?="


@pytest.mark.parametrize(
    ("literal", "domain"),
    [
        (b"[1.2.3.4]", "[1.2.3.4]"),
        (b"[IPv6:2001:DB8::1]", "[ipv6:2001:db8::1]"),
        (b"[ipv6:::1]", "[ipv6:::1]"),
    ],
)
def test_address_literal_is_a_domain_in_brackets(literal: bytes, domain: str) -> None:
    assert recipient(b"TO:<user@" + literal + b">") == Mailbox("user", domain)


@pytest.mark.parametrize("path", ["<ü@b.example>", "<a@bücher.example>", '<"ü ü"@b.example>'])
def test_non_ascii_needs_smtputf8_553_5_6_7(path: str) -> None:
    assert parse_mail(b"FROM:" + path.encode()) == replies.NEEDS_SMTPUTF8
    assert parse_rcpt(b"TO:" + path.encode(), smtputf8=False) == replies.NEEDS_SMTPUTF8
    assert sender(b"FROM:" + path.encode() + b" SMTPUTF8").mailbox == recipient(b"TO:" + path.encode())


@given(
    st.sampled_from(
        [
            "bücher.example",
            "BÜCHER.example",
            "bu\u0308cher.example",
            "xn--bcher-kva.EXAMPLE",
        ]
    )
)
def test_u_label_and_a_label_are_one_domain(domain: str) -> None:
    assert recipient(f"TO:<a@{domain}>".encode()) == Mailbox("a", "xn--bcher-kva.example")
    assert normalise_domain(domain) == "xn--bcher-kva.example"
    assert parse_mailbox(f"a@{domain}") == Mailbox("a", "xn--bcher-kva.example")


def test_recipient_local_part_above_64_octets_is_refused_501_5_1_3() -> None:
    assert recipient(b"TO:<" + b"a" * 64 + b"@b.example>").local_part == "a" * 64
    assert parse_rcpt(b"TO:<" + b"a" * 65 + b"@b.example>", smtputf8=False) == replies.BAD_FORWARD_PATH
    wide = "TO:<" + "ü" * 33 + "@b.example>"
    assert parse_rcpt(wide.encode(), smtputf8=True) == replies.BAD_FORWARD_PATH


def test_recipient_at_our_srs_domain_may_be_longer() -> None:
    ours = frozenset({"srs.example"})

    def parsed(local: bytes, domain: bytes) -> ForwardPath | Reply:
        return parse_rcpt(
            b"TO:<%b@%b>" % (local, domain),
            long_local_part_domains=ours,
            smtputf8=False,
        )

    assert parsed(b"a" * 240, b"SRS.example") == ForwardPath(Mailbox("a" * 240, "srs.example"))
    assert parsed(b"a" * 241, b"srs.example") == replies.BAD_FORWARD_PATH
    assert parsed(b"a" * 65, b"sub.srs.example") == replies.BAD_FORWARD_PATH


@pytest.mark.parametrize("quote", [b"", b'"'])
def test_path_above_254_octets_is_refused(quote: bytes) -> None:
    local = quote + b"a" * (60 - 2 * len(quote)) + quote
    domain = b".".join([b"d" * 63, b"d" * 63, b"d" * 63, b"e"])
    assert len(local) + 1 + len(domain) == 254
    assert sender(b"FROM:<" + local + b"@" + domain + b">").mailbox is not None
    assert recipient(b"TO:<" + local + b"@" + domain + b">").local_part == "a" * (60 - 2 * len(quote))
    assert parse_mail(b"FROM:<" + local + b"@" + domain + b"e>") == replies.BAD_REVERSE_PATH
    assert parse_rcpt(b"TO:<" + local + b"@" + domain + b"e>", smtputf8=False) == replies.BAD_FORWARD_PATH


def test_path_that_grows_above_254_octets_as_a_labels_is_refused() -> None:
    domain = ".".join(["ü" * 30] * 3 + ["example"])
    path = f"<{'a' * 60}@{domain}>".encode()
    assert len(path) <= 256
    grown = parse_rcpt(b"TO:" + path, smtputf8=True)
    assert isinstance(grown, Reply) or len(grown.mailbox.address) <= 254


def test_sender_local_part_may_pass_64_octets() -> None:
    assert sender(b"FROM:<" + b"v" * 100 + b"@b.example>").mailbox == Mailbox("v" * 100, "b.example")


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "example",
        "1.2.3.4",
        "a..example",
        ".a.example",
        "a.example..",
        "a.example:25",
        "a.example/x",
        "a b.example",
        "-a.example",
        "a-.example",
        "a_b.example",
        "*.example.org",
        "a.123",
        "[1.2.3.4]",
        "::1",
        "a.exa\u202emple",
        "a.example\n",
        "d" * 64 + ".example",
        ".".join(["d" * 63] * 4),
        "\ud800.example",
        "ü" * 2000 + ".example",
    ],
)
def test_what_is_no_dns_name_is_no_domain(name: str) -> None:
    assert normalise_domain(name) is None


def test_domain_may_end_with_its_root_dot() -> None:
    assert normalise_domain("Mail.Example.ORG.") == "mail.example.org"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "@b.example",
        "a@",
        "a@example",
        "a@[1.2.3.4]",
        "a@1.2.3.4",
        " a@b.example",
        "a@b.example ",
        "<a@b.example>",
        "a@b.example\r\nRCPT TO:<c@d.example>",
        "a@b.example,c@d.example",
        "Name <a@b.example>",
        "a\ud800@b.example",
        "a" * 65 + "@b.example",
        "@x.example:a@b.example",
        "a\x00@b.example",
        "a" * 10_000,
    ],
)
def test_what_is_no_address_is_refused_at_the_api(text: str) -> None:
    assert parse_mailbox(text) is None


def test_tag_follows_the_first_plus() -> None:
    assert split_tag("alias+tag") == ("alias", "tag")
    assert split_tag("alias+tag+more") == ("alias", "tag+more")
    assert split_tag("alias") == ("alias", "")
    assert split_tag("alias+") == ("alias", "")
    assert split_tag("+alias") == ("+alias", "")
    assert split_tag("") == ("", "")


def test_alias_key_ignores_case_and_composition() -> None:
    assert normalise_local_part("HeLLo") == "hello"
    assert normalise_local_part("É") == normalise_local_part("e\u0301") == "é"


@given(st.text(max_size=20))
def test_alias_key_of_an_alias_key_is_itself(text: str) -> None:
    assert normalise_local_part(normalise_local_part(text)) == normalise_local_part(text)


@given(MAILBOX)
def test_mailbox_survives_the_wire(mailbox: Mailbox) -> None:
    wire = b"<" + mailbox.address.encode() + b">"
    assert sender(b"FROM:" + wire + b" SMTPUTF8") == ReversePath(mailbox)
    assert recipient(b"TO:" + wire) == mailbox
    assert mailbox.is_ascii == mailbox.address.isascii()


PIECES = st.sampled_from(
    [
        b"<",
        b">",
        b"@",
        b'"',
        b"\\",
        b".",
        b":",
        b",",
        b" ",
        b"[",
        b"]",
        b"a",
        b"b.c",
        b"SIZE=1",
        b"\xff",
        b"\r",
        b"\0",
        "ü".encode(),
        "。".encode(),
        b"IPv6:",
        b"xn--a",
        b"=",
        b"\t",
    ]
)


@settings(max_examples=400)
@given(st.lists(PIECES, max_size=12).map(b"".join) | st.binary(max_size=40), st.booleans())
def test_no_bytes_raise_and_what_is_read_is_whole(noise: bytes, bracketed: bool) -> None:
    argument = b"<" + noise + b">" if bracketed else noise
    mail = parse_mail(b"FROM:" + argument)
    if not isinstance(mail, Reply) and mail[0].mailbox is not None:
        assert sender(f"FROM:<{mail[0].wire}> SMTPUTF8".encode()) == mail[0]
    rcpt = parse_rcpt(b"TO:" + argument, smtputf8=True)
    if isinstance(rcpt, ForwardPath):
        assert recipient(f"TO:<{rcpt.mailbox.address}>".encode()) == rcpt.mailbox


@given(st.text(max_size=40))
def test_no_text_raises_at_the_api(text: str) -> None:
    name = normalise_domain(text)
    assert name is None or normalise_domain(name) == name
    mailbox = parse_mailbox(text)
    assert mailbox is None or parse_mailbox(mailbox.address) == mailbox


@pytest.mark.parametrize(
    "path",
    [
        b'"' * 2000,
        b"a." * 1000,
        b'"\\' * 1000,
        b"@a," * 600,
        b"a" * 2000 + b"@",
        b"-" * 2000,
    ],
)
def test_hostile_path_takes_no_time(path: bytes) -> None:
    started = time.thread_time()
    parse_mail(b"FROM:<" + path + b">")
    parse_mail(b"FROM:<a@" + path + b">")
    assert time.thread_time() - started < 0.1
