"""Who this service is, where its things lie, and where it listens.

Only fields; how they are read is told in the package. Must never decide anything.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from mailcore.settings.kinds import CommaList, Names, NetworkList


class Places(BaseSettings):
    """Who this service is, where its things lie, and where it listens."""

    # Who we are
    environment: Literal["local", "production"] = Field("local", description="local or production")
    service_domain: str = Field(
        "clearpost.test", description="Domain of the service itself; SRS addresses and DSNs carry it"
    )
    hostname: str = Field(
        "mx.clearpost.test", description="Name in our greeting and EHLO; must have a PTR record in production"
    )
    mx_name: str = Field("mx.clearpost.test", description="MX name customers publish")
    fast_mx_name: str = Field("fast.mx.clearpost.test", description="MX name premium customers publish first")
    postmaster_address: str = Field(
        "", description="Inbox for postmaster@ and abuse@ of the service domain (RFC 5321 section 4.5.1)"
    )
    web_url: str = Field(
        "http://localhost:8025", description="Where customers reach the web pages and the API"
    )

    process_log: Literal["info", "debug"] = Field(
        "info", description="How much processes write to their logs: info or debug; ids and kinds, either way"
    )

    standard_nice: int = Field(
        10,
        ge=0,
        le=19,
        description="Niceness of mx and workers of the standard lane: on a machine with both lanes the fast "
        "one has the CPU first",
    )

    # Where things are
    database_url: SecretStr = Field(
        SecretStr(""), description="PostgreSQL 15 or later: postgresql://user:password@host:port/name"
    )
    redis_url: SecretStr = Field(SecretStr(""), description="Valkey or Redis: redis://host:port/0")
    spool_dir: Path = Field(
        Path("var/spool"),
        description="Folder for accepted mail that waits; local disk, never shared between machines",
    )
    key_dir: Path = Field(
        Path("var/keys"), description="Folder for keys (mode 0700); keep it out of backups of the database"
    )
    portal_dir: Path | None = Field(
        None, description="Folder of the built portal; none: frontend/dist beside the code"
    )
    routes: Names = Field(
        {}, description="Next hops that replace MX lookup: domain=host:port,... with * for all domains"
    )
    dns_servers: CommaList = Field((), description="DNS servers as host:port,...; empty means the system's")

    # Listening
    listen_host: str = Field("127.0.0.1", description="Address that mx, api and metrics listen on")
    mx_port: int = Field(2525, description="Port of the standard mx (25 in production)")
    fast_mx_port: int = Field(2526, description="Port of the fast mx (25 on its own address in production)")
    signing_process: bool = Field(
        True,
        description="Whether an mx or worker that has several messages to sign at once starts a process for "
        "that; none is started where there is one CPU",
    )
    mx_processes: int = Field(
        1, ge=1, le=64, description="Processes of one mx, sharing the port by SO_REUSEPORT"
    )
    proxy_protocol: NetworkList = Field(
        (),
        description="Load balancers before the mx, as 10.0.0.7,...: each of their connections must begin "
        "with a PROXY header (v1 or v2), which says who the client is",
    )
    api_port: int = Field(8025, description="Port of the API")
    trusted_proxies: NetworkList = Field(
        (), description="Proxies before the API, as 127.0.0.1,::1,...: their X-Forwarded-For says who asks"
    )
    metrics_port: int = Field(0, description="Port of /metrics of this process, 0: none; the API has its own")
    metrics_allowed: CommaList = Field(
        (), description="Networks besides loopback that may read /metrics of the API, as 10.0.0.0/8,..."
    )
    tls_certificate: Path | None = Field(
        None, description="PEM file for STARTTLS; none: a self-signed one in the key folder"
    )
    tls_key: Path | None = Field(None, description="PEM private key of that certificate")
