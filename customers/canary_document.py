"""The warrant canary as the text that people sign: read, written, and the same octets both ways.

JSON of one fixed form, so that one content has one text and one hash. Must never be read leniently: what does
not come out as it went in is no canary.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

# The five statements of our founding policy. A text that changes is another statement: give it another id.
CLAIMS: Final = {
    "tls-keys": "We have not handed over our SSL keys, or those of a customer, to anybody.",
    "backdoor": "We have not put a backdoor into our service, nor anything by which others could listen.",
    "tampering": "We have not tampered with mail, domains or software for anybody, nor let others do so.",
    "third-parties": "We have not given data of customers, or of those who write to them, to third parties "
    "beyond those that our policy names.",
    "searches": "Our servers, offices and homes were not searched, and nothing of them was seized.",
}
TITLE: Final = "Clearpost warrant canary"
LARGEST: Final = 16_384  # characters
_UNSHOWN: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_MOMENT: Final = "%Y-%m-%dT%H:%M:%SZ"
ClaimState = Literal["affirmed", "not affirmed"]


@dataclass(frozen=True, slots=True)
class Claim:
    id: str
    text: str
    state: ClaimState


@dataclass(frozen=True, slots=True)
class Fact:
    """Something public that nobody could know before `day`."""

    text: str
    url: str
    day: date


@dataclass(frozen=True, slots=True)
class Document:
    """`service`: whose canary; `previous`: digest of the document before, None for the first."""

    service: str
    number: int
    issued: datetime
    expires: datetime
    previous: str | None
    claims: Sequence[Claim]
    fact: Fact


def digest(text: str) -> str:
    """As `sha256sum` says it of the file."""
    return hashlib.sha256(text.encode()).hexdigest()


def write(document: Document) -> str:
    """The one text of it. Moments to the second, in UTC."""
    form: dict[str, Any] = {
        "title": TITLE,
        "service": document.service,
        "number": document.number,
        "issued": _moment(document.issued),
        "expires": _moment(document.expires),
        "previous": document.previous,
        "statements": [
            {"id": claim.id, "text": claim.text, "state": claim.state} for claim in document.claims
        ],
        "fact": {
            "text": document.fact.text,
            "url": document.fact.url,
            "date": document.fact.day.isoformat(),
        },
    }
    return json.dumps(form, indent=2, ensure_ascii=False) + "\n"


def read(text: str) -> Document | str:
    """Else why it is no canary. Which statements it makes, and when, is judged elsewhere."""
    if len(text) > LARGEST:
        return f"it is longer than {LARGEST} characters"
    try:
        document = _Form.model_validate_json(text, strict=True).document()
        is_exact = write(document) == text
    except ValidationError as error:
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}"
    except (ValueError, OverflowError):
        return "it holds a moment that cannot be"
    return document if is_exact else "it is not byte for byte as `clearpost canary draft` writes it"


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(_MOMENT)


# --- the form as JSON brings it ---


def _printable(text: str) -> str:
    if _UNSHOWN.search(text):
        raise ValueError("holds a character that cannot be shown")
    return text


_Text = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_printable)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _ClaimForm(_Part):
    id: _Text
    text: _Text
    state: ClaimState


class _FactForm(_Part):
    text: _Text
    url: Annotated[_Text, Field(pattern=r"^https?://[^\s\"<>]+$")]
    date: date


class _Form(_Part):
    title: Literal["Clearpost warrant canary"]
    service: _Text
    number: Annotated[int, Field(ge=1, le=1_000_000)]
    issued: AwareDatetime
    expires: AwareDatetime
    previous: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None
    statements: Annotated[list[_ClaimForm], Field(max_length=20)]
    fact: _FactForm

    def document(self) -> Document:
        """Raises ValueError, OverflowError for a moment outside of the calendar in UTC."""
        return Document(
            service=self.service,
            number=self.number,
            issued=self.issued.astimezone(UTC),
            expires=self.expires.astimezone(UTC),
            previous=self.previous,
            claims=[Claim(each.id, each.text, each.state) for each in self.statements],
            fact=Fact(self.fact.text, self.fact.url, self.fact.date),
        )
