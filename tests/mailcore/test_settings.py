"""Settings as a person writes them into the environment."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from mailcore.plans import Lane
from mailcore.retries import next_wait
from mailcore.settings import Settings, example_env


def test_a_duration_is_seconds_or_iso_8601(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARPOST_SWEEP_INTERVAL", "1.5")
    monkeypatch.setenv("CLEARPOST_GIVE_UP_AFTER", "P4D")
    settings = Settings()
    assert settings.sweep_interval == timedelta(seconds=1.5)
    assert settings.give_up_after == timedelta(days=4)


def test_a_duration_in_words_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARPOST_SWEEP_INTERVAL", "soon")
    with pytest.raises(ValidationError, match="sweep_interval"):
        Settings()


def test_trusted_proxies_are_addresses_or_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARPOST_TRUSTED_PROXIES", "127.0.0.1, ::1,10.0.0.0/8")
    assert [str(each) for each in Settings().trusted_proxies] == ["127.0.0.1/32", "::1/128", "10.0.0.0/8"]
    monkeypatch.setenv("CLEARPOST_TRUSTED_PROXIES", "*")
    with pytest.raises(ValidationError, match="trusted_proxies"):
        Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("verdict_timeout", "0"),
        ("rspamd_timeout", "-1"),
        ("rspamd_most_bytes", "-1"),
        ("blocklist_patience", "-5"),
        ("smtp_port", "0"),
        ("mta_sts_port", "70000"),
        ("trusted_sealers", "*"),
        ("trusted_sealers", "google com"),
        ("blocklists", "http://bl.test"),
        ("watched_blocklists", "one.test two.test"),
        ("dns_servers", "192.0.2.53,dns.test"),
        ("dns_servers", "192.0.2.53:99999"),
        ("rspamd_url", "127.0.0.1:11333"),
        ("rspamd_url", "ftp://rspamd.test"),
        ("rspamd_url", "http://me:secret@rspamd.test"),
    ],
)
def test_what_makes_no_sense_is_refused_at_start_and_not_when_mail_comes(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"CLEARPOST_{name.upper()}", value)
    with pytest.raises(ValidationError, match=name) as refused:
        Settings()
    assert refused.value.errors()[0]["loc"] == (name,)


def test_what_makes_sense_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "TRUSTED_SEALERS": "google.com, b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.test",
        "BLOCKLISTS": "key_1.zen.bl.test,bl.test.",
        "DNS_SERVERS": "192.0.2.53,192.0.2.53:5353,2001:db8::1,[2001:db8::1]:53",
        "RSPAMD_URL": "http://[::1]:11333/rspamd/",
        "BLOCKLIST_PATIENCE": "0",
    }.items():
        monkeypatch.setenv(f"CLEARPOST_{name}", value)
    assert len(Settings().dns_servers) == 4


def test_a_ladder_is_a_list_of_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARPOST_STANDARD_LADDER", "60, 240")
    assert Settings().standard_ladder == (timedelta(minutes=1), timedelta(minutes=4))


def moments(lane: Lane, count: int) -> list[float]:
    """When the attempts of a delivery fall, in minutes after its receipt, without jitter."""
    at, found = timedelta(0), [0.0]
    for failures in range(count - 1):
        at += next_wait(Settings().ladder(lane), failures, 0.15, 0.5)
        found.append(at.total_seconds() / 60)
    return found


def test_standard_attempts_fall_at_the_documented_times() -> None:
    hours = [60, 120, 240, 480, 960, 1440]
    assert moments(Lane.STANDARD, 11) == [0, 1, 5, 15, 30, *hours]


def test_fast_attempts_fall_every_half_minute_for_five_minutes() -> None:
    assert moments(Lane.FAST, 11) == [number / 2 for number in range(11)]
    assert moments(Lane.FAST, 18)[11:] == [15, 30, 60, 120, 240, 480, 960]


def test_jitter_moves_a_wait_by_its_share_at_most() -> None:
    ladder = Settings().standard_ladder
    assert next_wait(ladder, 0, 0.15, 0.0) == timedelta(seconds=51)
    assert next_wait(ladder, 0, 0.15, 1.0) == timedelta(seconds=69)


def test_routes_are_read_as_domain_and_next_hop() -> None:
    settings = Settings(routes="inbox.test=127.0.0.1:2500, *=127.0.0.1:2600")
    assert settings.routes == {"inbox.test": "127.0.0.1:2500", "*": "127.0.0.1:2600"}
    with pytest.raises(ValidationError, match="domain=host:port"):
        Settings(routes="inbox.test")


def test_production_must_have_a_postmaster() -> None:
    with pytest.raises(ValidationError, match="CLEARPOST_POSTMASTER_ADDRESS"):
        Settings(environment="production")


def test_secrets_do_not_show() -> None:
    settings = Settings(database_url="postgresql://u:hunter2@h/d")
    assert "hunter2" not in repr(settings)


def test_the_example_names_every_setting_and_changes_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = [line[1:] for line in example_env().splitlines() if line.startswith("#CLEARPOST_")]
    assert len(lines) == len(Settings.model_fields)
    for line in lines:
        name, _, value = line.partition("=")
        if value:
            monkeypatch.setenv(name, value)
    assert Settings() == Settings.model_construct()
