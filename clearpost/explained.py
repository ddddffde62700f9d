"""What `clearpost explain` found, and how it is printed. Must never ask anybody anything."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from mailcore.authenticity.policy import Judgement
from mailcore.authenticity.verdicts import DkimVerdict, Verdicts
from mailcore.replies import Reply


@dataclass(frozen=True, slots=True)
class From:
    """Whether From would be rewritten, and why or why not."""

    rewritten: bool
    why: str


@dataclass(frozen=True, slots=True)
class Explained:
    """`client`: who brings the message, each with its name; `added`: fields that we would put on top."""

    client: Mapping[str, str]
    notes: tuple[str, ...]
    verdicts: Verdicts
    judged: Judgement
    author: From
    added: tuple[str, ...]

    @property
    def reply(self) -> Reply | None:
        return self.judged.reply


def show(explained: Explained) -> str:
    lines = [f"{name + ':':14}{value}" for name, value in explained.client.items()]
    lines += [f"  ({note})" for note in explained.notes]
    lines += ["", "What we find", *_found(explained.verdicts)]
    lines += ["", "What we would do", f"  {_decision(explained)}", f"  because {explained.judged.why}."]
    if explained.reply is None:
        words = "From would be rewritten" if explained.author.rewritten else "From stays as it is"
        lines += [f"  {words}: {explained.author.why}."]
        lines += ["", "What we would add", *_indented(explained.added)]
    return _tame("\n".join(lines))


def _tame(text: str) -> str:
    """Without what a terminal would obey, such as escape codes in the HELO or From of somebody hostile."""
    return "".join(
        each if each.isprintable() or each in "\n\t" else "\N{REPLACEMENT CHARACTER}" for each in text
    )


def show_json(explained: Explained) -> str:
    reply = explained.reply
    return json.dumps(
        {
            "client": {name.lower().replace("-", "_"): value for name, value in explained.client.items()},
            "notes": explained.notes,
            "verdicts": explained.verdicts.as_json(),
            "decision": "take" if reply is None else "refuse" if reply.is_permanent else "put off",
            "reply": reply.line() if reply else None,
            "why": explained.judged.why,
            "from": asdict(explained.author),
            "added": explained.added if reply is None else (),
        },
        indent=2,
    )


def _decision(explained: Explained) -> str:
    reply = explained.reply
    if reply is None:
        return "Take it"
    return f"{'Refuse it' if reply.is_permanent else 'Put it off'}: {reply.line()}"


def _found(verdicts: Verdicts) -> list[str]:
    spf, dmarc, arc = verdicts.spf, verdicts.dmarc, verdicts.arc
    lines = [
        _line(
            "spf",
            spf.result,
            f"{spf.domain} ({'HELO' if spf.of_helo else 'reverse-path'})" if spf.domain else "",
        )
    ]
    lines += [_line("dkim", each.result, _of_signature(each)) for each in verdicts.dkim] or [
        _line("dkim", "none", "no signature")
    ]
    lines.append(_line("dmarc", dmarc.result, _of_dmarc(verdicts)))
    lines.append(_line("arc", arc.result, f"sealed by {', '.join(arc.sealers)}" if arc.sealers else ""))
    if verdicts.spam is not None:
        lines.append(_line("spam", f"{verdicts.spam:.1f}", ""))
    return lines


def _of_signature(found: DkimVerdict) -> str:
    said = [found.domain, found.selector and f"selector {found.selector}", found.algorithm, found.reason]
    return ", ".join(filter(None, said))


def _of_dmarc(verdicts: Verdicts) -> str:
    dmarc = verdicts.dmarc
    if not dmarc.from_domain:
        return "no author domain"
    ways = {"DKIM": dmarc.dkim_aligned, "SPF": dmarc.spf_aligned}
    aligned = " and ".join(way for way, is_aligned in ways.items() if is_aligned) or "nothing"
    policy = f"policy {dmarc.policy}" if dmarc.policy else "no policy"
    return f"{dmarc.from_domain}, {policy}, {aligned} aligned"


def _line(method: str, result: str, about: str) -> str:
    return f"  {method:6} {result:10} {about}".rstrip()


def _indented(fields: tuple[str, ...]) -> list[str]:
    return [f"  {line}" for field in fields for line in field.split("\n")]
