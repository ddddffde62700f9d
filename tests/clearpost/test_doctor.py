"""The doctor sees what is broken, says how to mend it, and tells no secret."""

import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import redis
from pydantic import SecretStr

from clearpost import doctor
from clearpost.checks import (
    alarm,
    database,
    folders,
    identity,
    names,
    portal,
    ports,
    roles,
    signing_in,
)
from clearpost.checks.finding import Finding, fail, ok, warn
from clearpost.ports import free_port
from clearpost.standins.dns import DnsStandin
from mailcore import spool_owner
from mailcore.certificates import Certificate
from mailcore.clock import Clock, ShiftedClock
from mailcore.database import Database
from mailcore.settings import Settings
from tests.support.installation import IP, failed, production, publish_all, settings_for, the
from tests.support.services import TestPostgres


@pytest.fixture
async def dns() -> AsyncIterator[DnsStandin]:
    async with DnsStandin() as server:
        yield server


async def test_a_sound_installation_is_fit(
    database_url: str, redis_url: str, dns: DnsStandin, tmp_path: Path
) -> None:
    settings = settings_for(
        tmp_path,
        database_url=SecretStr(database_url),
        redis_url=SecretStr(redis_url),
        dns_servers=(dns.address,),
    )
    findings = await doctor.examine(settings, Clock())
    assert failed(findings) == []
    areas = {finding.area for finding in findings}
    wanted = (
        "database migrations durability clock privacy isolation redis "
        "spool keys log ports postmaster tls dns "
        "dkim alerts statements canary sign-in portal"
    )
    assert areas == set(wanted.split())
    assert all(finding.mend for finding in findings if finding.state != "ok")


# --- the database ---


async def examined(url: str, tmp_path: Path, clock: Clock | None = None, **changes: Any) -> list[Finding]:
    make = production if changes.pop("in_production", False) else settings_for
    return await database.check(make(tmp_path, database_url=SecretStr(url), **changes), clock or Clock())


async def asked(url: str, query: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        return str(await connection.fetchval(query))
    finally:
        await connection.close()


async def test_a_database_that_is_not_there_is_told_without_the_password(tmp_path: Path) -> None:
    (finding,) = await examined(f"postgresql://ada:secret@127.0.0.1:{free_port()}/mail", tmp_path)
    assert finding.state == "fail"
    assert "start the server" in finding.mend
    assert "secret" not in str(finding)


async def test_a_wrong_password_is_told_without_showing_it(database_url: str, tmp_path: Path) -> None:
    place = database_url.rpartition("@")[2]
    (finding,) = await examined(f"postgresql://clearpost:secret@{place}", tmp_path)
    assert "correct user and password" in finding.mend
    assert "secret" not in str(finding)


async def test_a_database_that_was_never_migrated_asks_for_migrate(
    migrated_postgres: TestPostgres, tmp_path: Path
) -> None:
    findings = await examined(migrated_postgres.server.url_of("postgres"), tmp_path)
    finding = the(findings, "fail", "never migrated")
    assert finding.mend == "run: clearpost migrate"
    assert the(findings, "ok", "takes writes"), "the other questions are still answered"


async def test_a_question_the_server_cannot_answer_is_one_finding(
    migrated_postgres: TestPostgres, tmp_path: Path
) -> None:
    settings_for(tmp_path)
    url = migrated_postgres.server.url_of("postgres")
    identity = await asked(url, spool_owner.IDENTITY)
    spool_owner.Note(identity, 1).write(tmp_path / "spool")
    (tmp_path / "spool" / "node").write_text("01a202b3-85ce-7c68-8c39-7bb6151df69e\n")
    the(await examined(url, tmp_path), "fail", "can't be asked: UndefinedTableError")


async def test_a_server_that_does_not_sync_fails_in_production_only(
    database_url: str, tmp_path: Path
) -> None:
    if os.environ.get("CLEARPOST_TEST_FSYNC") == "1":
        return  # then the server of the tests does sync
    finding = the(await examined(database_url, tmp_path, in_production=True), "fail", "fsync")
    assert "power cut" in finding.what
    the(await examined(database_url, tmp_path), "warn", "fsync")


@pytest.mark.parametrize(("seconds", "state"), [(-10, "warn"), (10, "warn"), (3600, "fail")])
async def test_clocks_that_disagree_are_found(
    database_url: str, tmp_path: Path, seconds: int, state: str
) -> None:
    findings = await examined(database_url, tmp_path, ShiftedClock(timedelta(seconds=seconds)))
    assert "NTP" in the(findings, state, "differs from the database's").mend


async def test_a_spool_of_another_database_is_found(database_url: str, tmp_path: Path) -> None:
    settings_for(tmp_path)
    (tmp_path / "spool" / "database").write_text("7000000000000000000 1")
    the(await examined(database_url, tmp_path), "fail", "not the spool's own")


# --- Redis ---


async def test_redis_that_is_not_there_is_told_without_the_password(tmp_path: Path) -> None:
    url = SecretStr(f"redis://:secret@127.0.0.1:{free_port()}/0")
    (finding,) = await alarm.check(settings_for(tmp_path, redis_url=url))
    assert finding.state == "fail"
    assert "secret" not in str(finding)


@pytest.fixture
def small_redis(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        before = {name: client.config_get(name)[name] for name in ("maxmemory", "maxmemory-policy")}
        yield client
        for name, value in before.items():
            client.config_set(name, value)


async def test_redis_that_throws_keys_away_is_warned_about(
    small_redis: redis.Redis, redis_url: str, tmp_path: Path
) -> None:
    small_redis.config_set("maxmemory", "64mb")
    small_redis.config_set("maxmemory-policy", "allkeys-lru")
    findings = await alarm.check(settings_for(tmp_path, redis_url=SecretStr(redis_url)))
    assert "noeviction" in the(findings, "warn", "throws keys away").mend


async def test_redis_that_takes_no_writes_fails(
    small_redis: redis.Redis, redis_url: str, tmp_path: Path
) -> None:
    small_redis.config_set("maxmemory-policy", "noeviction")
    small_redis.config_set("maxmemory", "1")
    (finding,) = await alarm.check(settings_for(tmp_path, redis_url=SecretStr(redis_url)))
    assert finding.state == "fail"


# --- folders ---


def test_private_folders_are_written_synced_and_left_as_they_were(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    findings = folders.check(settings, Clock())
    assert failed(findings) == []
    assert list(settings.spool_dir.iterdir()) == list(settings.key_dir.iterdir()) == []


def test_a_key_folder_open_to_others_is_to_be_closed(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    settings.key_dir.chmod(0o755)
    finding = the(folders.check(settings, Clock()), "fail", "open to other users")
    assert finding.mend == f"chmod 700 {settings.key_dir}"


def test_a_folder_shared_by_all_is_to_be_left_not_closed(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    settings.key_dir.chmod(0o1777)
    finding = the(folders.check(settings, Clock()), "fail", "open to other users")
    assert finding.mend == "set CLEARPOST_KEY_DIR to a folder of its own"


def test_a_key_that_others_may_read_is_named(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    key = settings.key_dir / "srs.key"
    key.write_text("00\n")
    key.chmod(0o644)
    the(folders.check(settings, Clock()), "fail", "other users may read srs.key")


def test_a_folder_that_is_not_there_yet_is_no_failure(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, spool_dir=tmp_path / "new" / "spool")
    the(folders.check(settings, Clock()), "warn", "is not there yet")


def test_a_file_in_place_of_the_spool_fails(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = settings_for(tmp_path, spool_dir=tmp_path / "file")
    the(folders.check(settings, Clock()), "fail", "is not a folder")


def test_too_little_room_for_the_spool_fails(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, spool_reserve=2**60)
    assert "452 4.3.1" in the(folders.check(settings, Clock()), "fail", "free").mend


def test_a_spool_in_memory_fails_in_production(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        settings = production(tmp_path, spool_dir=Path(memory))
        the(folders.check(settings, Clock()), "fail", "a restart loses it")


# --- ports ---


async def test_free_ports_are_fine(tmp_path: Path) -> None:
    findings = await ports.check(settings_for(tmp_path))
    assert [finding.state for finding in findings] == ["ok", "ok", "ok"]


async def listening(answer: bytes) -> asyncio.Server:
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0)


def port_of(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


async def test_a_port_held_by_our_own_mx_is_fine(tmp_path: Path) -> None:
    async with await listening(b"220 mx.clearpost.test ESMTP Clearpost\r\n") as server:
        findings = await ports.check(settings_for(tmp_path, mx_port=port_of(server)))
    the(findings, "ok", "held by our own process")


async def test_a_port_held_by_another_program_fails_and_names_it(tmp_path: Path) -> None:
    async with await listening(b"220 other.test ESMTP Other\r\n") as server:
        findings = await ports.check(settings_for(tmp_path, mx_port=port_of(server)))
    assert "CLEARPOST_MX_PORT" in the(findings, "fail", "is held by").mend


async def test_an_address_this_machine_does_not_have_fails(tmp_path: Path) -> None:
    findings = await ports.check(settings_for(tmp_path, listen_host=IP))
    assert len(failed(findings)) == 3
    assert "CLEARPOST_LISTEN_HOST" in findings[0].mend


async def test_listening_on_loopback_in_production_is_warned_about(tmp_path: Path) -> None:
    the(await ports.check(production(tmp_path)), "warn", "on loopback only")


# --- the portal ---


def test_a_portal_that_is_not_built_is_told(tmp_path: Path) -> None:
    (told,) = portal.check(settings_for(tmp_path, portal_dir=tmp_path / "dist"))
    assert (told.state, "bootstrap.py portal" in told.mend) == ("warn", True)
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "index.html").write_text("built")
    assert portal.check(settings_for(tmp_path, portal_dir=tmp_path / "dist"))[0].state == "ok"


# --- names ---


async def test_all_names_in_place_are_fine(dns: DnsStandin, tmp_path: Path) -> None:
    publish_all(dns)
    findings = await names.check(production(tmp_path, dns_servers=(dns.address,)), Clock())
    assert {finding.state for finding in findings} == {"ok"}


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("post.example", "MX", "has no MX of ours"),
        ("post.example", "TXT", "post.example has no SPF record"),
        ("spf.post.example", "TXT", "spf.post.example has no SPF record"),
        ("fast.mx.post.example", "A", "fast.mx.post.example has no address"),
        ("25.2.0.192.in-addr.arpa", "PTR", f"{IP} has no reverse name"),
    ],
)
async def test_a_name_that_is_missing_fails(
    dns: DnsStandin, tmp_path: Path, name: str, kind: str, words: str
) -> None:
    publish_all(dns)
    dns.zone.remove(name, kind)
    (finding,) = failed(await names.check(production(tmp_path, dns_servers=(dns.address,)), Clock()))
    assert words in finding.what
    assert finding.mend


async def test_a_reverse_name_other_than_our_ehlo_is_warned_about(dns: DnsStandin, tmp_path: Path) -> None:
    publish_all(dns)
    dns.zone.put("25.2.0.192.in-addr.arpa", "PTR", "fast.mx.post.example.")
    findings = await names.check(production(tmp_path, dns_servers=(dns.address,)), Clock())
    the(findings, "warn", "but we say EHLO mx.post.example")


async def test_a_resolver_that_is_silent_fails_and_nothing_else_is_asked(tmp_path: Path) -> None:
    silent = (f"127.0.0.1:{free_port()}",)
    settings = production(tmp_path, dns_servers=silent, dns_timeout=timedelta(seconds=0.3))
    (finding,) = await names.check(settings, Clock())
    assert finding.state == "fail"


# --- identity ---


@pytest.mark.parametrize("address", ["ops@post.example", "nobody at all"])
def test_a_postmaster_that_cannot_work_fails(tmp_path: Path, address: str) -> None:
    findings = identity.check(production(tmp_path, postmaster_address=address), Clock())
    assert [finding.area for finding in failed(findings)] == ["postmaster"]


@pytest.mark.parametrize(("days", "state"), [(0, "ok"), (3640, "warn"), (3660, "fail")])
def test_a_certificate_is_watched_until_it_expires(tmp_path: Path, days: int, state: str) -> None:
    settings = settings_for(tmp_path)
    Certificate(settings, Clock())  # a self-signed one, good for ten years
    pem = settings.key_dir / "tls.pem"
    settings = production(tmp_path, tls_certificate=pem, tls_key=pem)
    the(identity.check(settings, ShiftedClock(timedelta(days=days))), state, "the certificate")


def test_a_certificate_that_is_no_certificate_fails(tmp_path: Path) -> None:
    (tmp_path / "tls.pem").write_text("not a certificate")
    pem = tmp_path / "tls.pem"
    findings = identity.check(production(tmp_path, tls_certificate=pem, tls_key=pem), Clock())
    the(findings, "fail", "can't be used")


# --- what it prints ---

FINDINGS = [ok("redis", "answers"), warn("tls", "old", "renew it"), fail("spool", "full", "free space")]


def test_each_finding_is_a_line_and_what_is_broken_says_how_to_mend_it() -> None:
    lines = doctor.as_text("this installation", FINDINGS).splitlines()
    assert lines[2].split() == ["ok", "redis", "answers"]
    assert lines[4].strip() == "to mend: renew it"
    assert lines[5].split() == ["FAIL", "spool", "full"]
    assert lines[-1].strip() == "1 of 3 checks failed."


def test_warnings_alone_are_fit() -> None:
    assert doctor.is_fit(FINDINGS[:2])
    assert not doctor.is_fit(FINDINGS)


def test_the_document_holds_every_finding() -> None:
    document = json.loads(doctor.as_document("this installation", FINDINGS))
    assert document["fit"] is False
    assert document["findings"][2] == {
        "area": "spool",
        "state": "fail",
        "what": "full",
        "mend": "free space",
    }


async def test_roles_that_see_too_much_or_are_missing_are_told(
    database_url: str, postgres: TestPostgres
) -> None:
    opened = await Database.open(database_url, size=1)
    admin = await asyncpg.connect(postgres.server.admin_url)
    try:
        assert (await roles.check(opened)).state == "ok"
        await admin.execute("alter role clearpost_api bypassrls")
        found = await roles.check(opened)
        assert (found.state, "past the walls" in found.what) == ("fail", True)
        await admin.execute("alter role clearpost_api nobypassrls")
        owner = await asyncpg.connect(database_url)
        await owner.execute("alter table alias no force row level security")
        await owner.close()
        found = await roles.check(opened)
        assert (found.state, found.what) == ("fail", "row-level security is off for alias")
        assert found.mend == "run: alter table alias enable row level security, force row level security;"
    finally:
        await admin.execute("alter role clearpost_api nobypassrls")
        await admin.close()
        await opened.close()


def test_the_statements_name_the_user_of_the_url_as_sql_wants_it() -> None:
    assert roles.statements(roles.user_of("postgresql://mail:secret@db/x"))[-1] == (
        "grant clearpost_api, clearpost_staff to mail;"
    )
    assert roles.user_of("postgresql://Mail%20Ops:secret@db/x") == '"Mail Ops"'
    assert roles.user_of("postgresql://db/x") == "clearpost"


def test_ways_of_signing_in_are_said_and_plain_http_is_told(tmp_path: Path) -> None:
    address, ways = signing_in.check(production(tmp_path, web_url="http://post.example"))
    assert (address.state, "CLEARPOST_WEB_URL" in address.mend) == ("fail", True)
    assert ways.what.endswith("accounts are made by `clearpost account create` only")
    secrets = {"provider_clients": {"work": "id"}, "provider_secrets": SecretStr("work=hush")}
    settings = production(
        tmp_path,
        web_url="https://post.example",
        sign_up="open",
        providers={"work": "https://id.example"},
        **secrets,
    )
    address, _, ways = signing_in.check(settings)
    assert address.state == "ok"
    assert ways.what == "by a link by mail, passkey, work; whoever signs in gets an account"


def test_a_proxy_that_is_not_named_is_told_where_pages_are_on_https(tmp_path: Path) -> None:
    https = production(tmp_path, web_url="https://post.example")
    (told,) = (each for each in signing_in.check(https) if each.state == "warn")
    assert "CLEARPOST_TRUSTED_PROXIES" in told.mend
    named = https.model_copy(update={"trusted_proxies": ("127.0.0.1",)})
    plain = Settings(web_url="http://localhost:8025")
    assert all(each.state == "ok" for settings in (named, plain) for each in signing_in.check(settings))
