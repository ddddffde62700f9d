"""How much the log keeps of mail, as the owner of its domain chose: cut before anything is written.

Pure: rows in, rows out. Must never leave a field that the level forbids in a row, nor in a response that
repeats it; and never cut what says why a message failed, where the level allows that.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

from mailcore import content_scan, rewriting
from mailcore.authenticity.verdicts import VerdictWords
from mailcore.event_log import Event, LoggedMessage
from mailcore.mail_rules import LogLevel

_FAILURES: Final = frozenset({"soft-bounced", "hard-bounced", "refused"})
# Their responses are replies of ours: no Subject is in them, but a refusal may name its sender's domain.
_OF_OURS: Final = frozenset({"received", "refused"})

# A mailbox as servers write it, also with its @ encoded for a URL, a line of text or a page.
_MAILBOX: Final = re.compile(
    r"""(?:"(?:[^"\\]|\\.){0,64}"|[^\s@<>()\[\]"',;:\\]+)(?:@|%40|=40|&\#64;)(?:\[[^\]\s]*\]|[\w.-]*\w)""",
    re.IGNORECASE | re.VERBOSE,
)
# A return address of ours or of another forwarder, its domain left out: it names the sender all the same.
_SRS: Final = re.compile(r"""\bSRS[01T][-+=][^\s@<>()"',;:]*""", re.IGNORECASE)
_CODES: Final = re.compile(r"\d{3}(?: \d\.\d{1,3}\.\d{1,3})?")
_ADDRESS: Final = "[address]"
_DOMAIN: Final = re.compile(r"@\S*")
_LOCAL_PART: Final = re.compile(r"""([^\s@<>()\[\]"',;:\\]+)@""")

# Runs of ASCII, and each other letter by itself: so Chinese, which leaves no spaces, is matched in part, too.
# What was no printable character stands in a response as an escape, which is no word.
_WORD: Final = re.compile(r"\\(?:[tnr]|x[0-9a-f]{2})|(?P<word>[A-Za-z0-9]+|[^\W_\x00-\x7f])")
# A phrase is known by all of it, by two of its words in a row, or by one long word (in octets of UTF-8).
_WHOLE: Final = 3
_TWO_WORDS: Final = 8
_ONE_WORD: Final = 12
_NAME: Final = 4  # of a word of a person's name, which others write in another order
_PLACES: Final = (
    50  # of one word in a phrase that are looked at: whoever writes it a thousand times is hostile
)
_MOST_FORMS: Final = 64  # of a sender; one of more is hostile too: each is looked for in every response


@dataclass(frozen=True, slots=True)
class Words:
    """What a server may repeat of a message: its Subject and its sender, as they are read and as they stand
    in the header, and the reverse-path.
    """

    subjects: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()

    @classmethod
    def of(cls, header: bytes, reverse_path: str) -> Self:
        senders = (*content_scan.from_forms(header), reverse_path)
        local_parts = (match[1] for sender in senders for match in _LOCAL_PART.finditer(sender))
        names = _words(_DOMAIN.sub(" ", f"{senders[0]} {reverse_path}"))
        long_names = (name[0] for name in names if len(name[0]) >= _NAME)
        of_sender = dict.fromkeys((*senders, *local_parts, *long_names))  # each once, the long ones first
        return cls(content_scan.subject_forms(header), tuple(of_sender))


NO_WORDS: Final = Words()


def of_message(level: LogLevel, message: LoggedMessage, *, failed: bool = False) -> LoggedMessage:
    """What may be kept of it; `failed`: it was refused, or an attempt to deliver it has failed."""
    match level:
        case LogLevel.NO_SUBJECT:
            return replace(message, subject="")
        case LogLevel.NO_SENDER:
            return replace(message, sender="", subject=_without_addresses(message.subject))
        case LogLevel.FAILURES if not failed:
            return replace(
                message, client_ip="", client_name="", subject="", sender="", alias="", verdicts=""
            )
        case _:
            return message


def of_event(level: LogLevel, event: Event, words: Words) -> Event:
    """What may be kept of it; `words` are its message's, as far as they are known."""
    match level:
        case LogLevel.NO_SUBJECT if event.type not in _OF_OURS:
            return replace(event, response=_without(event.response, words.subjects, "[subject]"))
        case LogLevel.NO_SENDER if event.type != "received":
            return replace(event, response=_without_sender(event.response, words))
        case LogLevel.FAILURES if event.type not in _FAILURES:
            return replace(event, response="", server_ip="")
        case _:
            return event


def of_notice(level: LogLevel, event: Event) -> Event:
    """Of mail of ours about such mail: it holds the header of that, so its recipient's server may repeat
    whatever stands there. Codes stay.
    """
    if level is LogLevel.FULL:
        return event
    return of_event(level, replace(event, response=_codes_in(event.response)), NO_WORDS)


def failed_message(message: LoggedMessage, header: bytes) -> LoggedMessage:
    """`message` with what its record in the spool says of it, `header` being its header section: what was not
    kept of it as long as it might be delivered at the first attempt.
    """
    client_ip, client_name = rewriting.client_of(header)
    return replace(
        message,
        client_ip=client_ip,
        client_name=client_name,
        subject=content_scan.subject(header),
        sender=content_scan.from_field(header),
    )


def _without_sender(response: str, words: Words) -> str:
    """Verdicts at the end name nobody, and no sender shall be able to take them away."""
    said, verdicts = response, ""
    if VerdictWords.of(response):
        said, _, verdicts = response.rpartition("; ")
    if len(words.senders) > _MOST_FORMS:
        cut = _codes_in(said)
    else:
        cut = _without(_without_addresses(said), words.senders, "[sender]")
    return f"{cut}; {verdicts}" if verdicts else cut


def _codes_in(response: str) -> str:
    codes = _CODES.match(response)
    return codes[0] if codes else ""


def _without_addresses(text: str) -> str:
    return _SRS.sub(_ADDRESS, _MAILBOX.sub(_ADDRESS, text))


def _without(text: str, phrases: Sequence[str], instead: str) -> str:
    for phrase in phrases:
        text = _cut(text, phrase, instead)
    return text


def _cut(text: str, phrase: str, instead: str) -> str:
    """Without the phrase and parts of it, in whatever letters, folding and punctuation."""
    wanted = [word[0].casefold() for word in _words(phrase)]
    if not wanted:
        return text.replace(phrase, instead) if phrase.strip() else text
    spans = _words(text)
    kept, end = [], 0
    for first, last in _runs([span[0].casefold() for span in spans], wanted):
        kept += [text[end : spans[first].start()], instead]
        end = spans[last].end()
    return "".join([*kept, text[end:]])


def _words(text: str) -> list[re.Match[str]]:
    return [word for word in _WORD.finditer(text) if word["word"]]


def _runs(words: Sequence[str], wanted: Sequence[str]) -> Iterator[tuple[int, int]]:
    """First and last word of each run that stands in `wanted`, too, and tells enough of it."""
    places: dict[str, list[int]] = {}
    for place, word in enumerate(wanted):
        places.setdefault(word, []).append(place)
    at = 0
    while at < len(words):
        starts = places.get(words[at], [])[:_PLACES]
        lengths = [_length(words, at, wanted, start) for start in starts] or [_of_cut_word(words[at], wanted)]
        length = max(lengths)
        if length and _tells(words[at : at + length], wanted):
            yield at, at + length - 1
            at += length
        else:
            at += 1


def _length(words: Sequence[str], at: int, wanted: Sequence[str], start: int) -> int:
    """How many words agree; the last one may have been cut off in the middle."""
    most = min(len(words) - at, len(wanted) - start)
    for length in range(most):
        word, want = words[at + length], wanted[start + length]
        if word != want:
            return length + want.startswith(word)
    return most


def _of_cut_word(word: str, wanted: Sequence[str]) -> int:
    """1 for a long word that was cut off."""
    return int(len(word) >= _ONE_WORD and any(want.startswith(word) for want in wanted))


def _tells(run: Sequence[str], wanted: Sequence[str]) -> bool:
    octets = sum(len(word.encode()) for word in run)
    if len(run) == len(wanted):
        return octets >= _WHOLE
    return octets >= (_TWO_WORDS if len(run) > 1 else _ONE_WORD)
