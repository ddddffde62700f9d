"""An installation for the doctor to look at: its settings, and what the world finds in DNS about it.

Must never be one that runs.
"""

from pathlib import Path
from typing import Any

from clearpost.checks.finding import Finding
from clearpost.ports import free_port
from clearpost.standins.dns import DnsStandin
from mailcore.settings import Settings

IP = "192.0.2.25"


def settings_for(folder: Path, **changes: Any) -> Settings:
    """A small installation below `folder`, whose folders are there already."""
    for name in ("spool", "keys"):
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    defaults: dict[str, Any] = {
        "spool_dir": folder / "spool",
        "key_dir": folder / "keys",
        "mx_port": free_port(),
        "fast_mx_port": free_port(),
        "api_port": free_port(),
        "spool_reserve": 0,
    }
    return Settings(_env_file=None, **(defaults | changes))


def production(folder: Path, **changes: Any) -> Settings:
    defaults = {
        "environment": "production",
        "postmaster_address": "ops@example.org",
        "service_domain": "post.example",
        "hostname": "mx.post.example",
        "mx_name": "mx.post.example",
        "fast_mx_name": "fast.mx.post.example",
    }
    return settings_for(folder, **(defaults | changes))


def failed(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.state == "fail"]


def the(findings: list[Finding], state: str, words: str) -> Finding:
    """The one finding of this state that says these words."""
    (found,) = [f for f in findings if f.state == state and words in f.what]
    return found


def publish_all(dns: DnsStandin) -> None:
    zone = dns.zone
    zone.put(".", "NS", "a.root-servers.test.")
    zone.sign(".")
    zone.put("post.example", "MX", "10 mx.post.example.")
    zone.put_txt("post.example", f"v=spf1 ip4:{IP} -all")
    zone.put_txt("spf.post.example", f"v=spf1 ip4:{IP} -all")
    zone.put("mx.post.example", "A", IP)
    zone.put("fast.mx.post.example", "A", IP)
    zone.put("25.2.0.192.in-addr.arpa", "PTR", "mx.post.example.")
