"""Ports of the local stack: each can be moved, or all in one row."""

import socket

from clearpost.local_settings import PORTS, LocalSettings, process_environment, setting_name
from clearpost.ports import free_port, holder, is_taken


def test_ports_have_defaults() -> None:
    assert {name: LocalSettings().port(name) for name in PORTS} == PORTS


def test_one_base_moves_all_ports_and_none_meet() -> None:
    local = LocalSettings(port_base=20_000)
    assert sorted(local.port(name) for name in PORTS) == list(range(20_000, 20_000 + len(PORTS)))


def test_a_port_of_its_own_beats_the_base() -> None:
    local = LocalSettings(port_base=20_000, dns_port=5353)
    assert local.port("dns_port") == 5353
    assert local.port("api_port") == 20_000
    assert local.web_url == "http://localhost:20000"


def test_processes_are_told_where_everything_is() -> None:
    environment = process_environment(
        LocalSettings(routes="a.test=127.0.0.1:1"), "postgresql://x", "redis://y"
    )
    assert environment["CLEARPOST_DATABASE_URL"] == "postgresql://x"
    assert environment["CLEARPOST_ROUTES"] == "inbox.test=127.0.0.1:2600,a.test=127.0.0.1:1"
    assert environment["CLEARPOST_DNS_SERVERS"] == "127.0.0.1:5335"
    assert environment["CLEARPOST_SPOOL_DIR"].endswith("/var/spool")


def test_every_port_has_its_setting() -> None:
    for name in PORTS:
        assert setting_name(name).removeprefix("CLEARPOST_").lower() in LocalSettings.model_fields


def test_a_taken_port_names_its_holder() -> None:
    port = free_port()
    assert not is_taken(port)
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        assert is_taken(port)
        assert "(process " in holder(port)
    assert holder(port) == ""
