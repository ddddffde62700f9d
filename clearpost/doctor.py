"""`clearpost doctor`: looks at everything an installation stands on and says how to mend what is broken.

Asks and looks only. Must never change a setting, a row or a file that was there before.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from clearpost import chosen_settings
from clearpost.checks import (
    alarm,
    alerts,
    attesting,
    canary,
    database,
    filtering,
    folders,
    identity,
    log_keys,
    mail_keys,
    names,
    portal,
    ports,
    quiet,
    selling,
    signing,
    signing_in,
    trusted_networks,
)
from clearpost.checks.finding import Finding, fail, warn
from mailcore.clock import Clock
from mailcore.settings import Settings

_SIGNS: Final = {"ok": "ok", "warn": "WARN", "fail": "FAIL"}


def main(*, as_json: bool) -> int:
    """0 where nothing failed, 1 otherwise. Warnings do not fail."""
    try:
        settings, stack = chosen_settings.from_environment_or_stack()
    except chosen_settings.SettingsError as error:
        subject, findings = "this installation", [fail("settings", "not complete", str(error))]
    else:
        subject = (
            str(stack) if stack else f"this installation ({settings.environment}), as the environment says"
        )
        findings = unread(os.environ) + asyncio.run(examine(settings, Clock()))
    print(as_document(subject, findings) if as_json else as_text(subject, findings))
    return 0 if is_fit(findings) else 1


async def examine(settings: Settings, clock: Clock) -> list[Finding]:
    """All checks, side by side, in a fixed order."""
    groups: Sequence[Awaitable[list[Finding]]] = (
        database.check(settings, clock),
        alarm.check(settings),
        quiet.dumps(settings),
        asyncio.to_thread(folders.check, settings, clock),
        asyncio.to_thread(mail_keys.check, settings),
        log_keys.check(settings, clock),
        ports.check(settings),
        asyncio.to_thread(identity.check, settings, clock),
        names.check(settings, clock),
        signing.check(settings, clock),
        filtering.check(settings, clock),
        alerts.check(settings),
        selling.check(settings),
        attesting.check(settings, clock),
        canary.check(settings, clock),
    )
    found = [finding for group in await asyncio.gather(*groups) for finding in group]
    return found + signing_in.check(settings) + portal.check(settings) + trusted_networks.check(settings)


def unread(environment: Mapping[str, str]) -> list[Finding]:
    """Variables of the environment that nothing reads."""
    found = chosen_settings.unknown(environment)
    mend = "look for their names in .env.example, or unset them"
    return [warn("settings", f"no setting is called {', '.join(found)}", mend)] if found else []


def is_fit(findings: Iterable[Finding]) -> bool:
    return all(finding.state != "fail" for finding in findings)


def as_text(subject: str, findings: Sequence[Finding]) -> str:
    return "\n".join([f"Looking at {subject}", "", *lines_of(findings), "", f"  {_summary(findings)}"])


def lines_of(findings: Sequence[Finding]) -> list[str]:
    """One line for each finding, and one below it where there is something to mend."""
    lines = []
    for finding in findings:
        lines.append(f"  {_SIGNS[finding.state]:<5} {finding.area:<11} {finding.what}")
        if finding.mend:
            lines.append(f"{'':20}to mend: {finding.mend}")
    return lines


def _summary(findings: Sequence[Finding]) -> str:
    failed = sum(finding.state == "fail" for finding in findings)
    warned = sum(finding.state == "warn" for finding in findings)
    if failed:
        return f"{failed} of {len(findings)} checks failed."
    return f"All well, with {warned} to know about." if warned else "All well."


def as_document(subject: str, findings: Sequence[Finding]) -> str:
    document: dict[str, Any] = {
        "subject": subject,
        "fit": is_fit(findings),
        "findings": [asdict(finding) for finding in findings],
    }
    return json.dumps(document, indent=2)
