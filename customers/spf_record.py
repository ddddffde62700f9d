"""The SPF record of a customer's domain: is ours in it, and which single record would be right (RFC 7208).

Must never propose a record that lets more servers send than those before it did, but for ours.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from customers.domain_check import RecordCheck, shown, silent, unquoted
from mailcore.resolver import TxtAnswer


def judge_spf(domain: str, include: str, apex: TxtAnswer) -> RecordCheck:
    """One SPF record that includes ours (RFC 7208 section 3.2); `wanted` is the single record to paste."""
    records = [unquoted(text) for text in apex.strings if _is_spf(unquoted(text))]
    found = shown(text for text in apex.strings if _is_spf(unquoted(text)))
    check = RecordCheck(domain, merged_spf(records, include), found, "wrong", required=False)
    if apex.status == "failure":
        return silent(check, apex)
    if not records:
        step = "Add a TXT record with this value to the domain itself."
        return replace(check, state="missing", cause="There is no SPF record.", next_step=step)
    if len(records) > 1:
        cause = "There are several SPF records, so none of them counts."
        return replace(check, cause=cause, next_step="Replace them by this single one.")
    if not any(_is_spf(text.strip()) for text in apex.strings):
        cause = "Quotation marks were pasted into the SPF record, so nobody can read it."
        return replace(check, cause=cause, next_step="Replace it by this one, without quotation marks.")
    terms = records[0].lower().split()
    if f"include:{include}".lower() in terms or f"redirect={include}".lower() in terms:
        return replace(check, wanted=found[0], state="ok")
    return replace(
        check, cause=f"The SPF record lacks include:{include}.", next_step="Replace it by this one."
    )


def _is_spf(text: str) -> bool:
    return re.match(r"v=spf1( |$)", text, re.IGNORECASE) is not None


def merged_spf(records: Sequence[str], include: str) -> str:
    """All mechanisms of the records and our include, each once, under the mildest `all` among them."""
    terms = [
        term for record in records for term in record.split()[1:] if term.isascii() and term.isprintable()
    ]
    alls = [term.lower() for term in terms if re.fullmatch(r"[-~?+]?all", term, re.IGNORECASE)]
    redirects = [term.partition("=")[2] for term in terms if term.lower().startswith("redirect=")]
    others = [term for term in terms if term.lower() not in alls and not term.lower().startswith("redirect=")]
    mechanisms = [term for term in others if "=" not in term]
    modifiers = [term for term in others if "=" in term]
    last = _mildest(alls)
    if not alls and redirects:  # without `all` the first redirect decides, further ones can only be included
        last = f"redirect={redirects.pop(0)}"
        mechanisms += [f"include:{target}" for target in redirects]
    # `all` ends the evaluation and our include must come before it.
    unique = dict.fromkeys([f"include:{include}", *mechanisms])
    return " ".join(["v=spf1", *unique, *dict.fromkeys(modifiers), last])


def _mildest(alls: Sequence[str]) -> str:
    """Softer is safer for mail that flows today; but `+all` would let anyone send, so it becomes `~all`."""
    return next((mild for mild in ("?all", "~all", "-all") if mild in alls), "~all")
