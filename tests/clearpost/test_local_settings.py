"""Ports of the local stack: each can be moved, or all in one row."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from clearpost.local_settings import PORTS, LocalSettings, process_environment, setting_name
from clearpost.ports import free_port, holder, is_allowed, is_taken
from tests.support.services import ROOT


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
    assert environment["CLEARPOST_ROUTES"] == "inbox.test=127.0.0.1:2600,*=127.0.0.1:2600,a.test=127.0.0.1:1"
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


def as_nobody(code: str) -> str:
    """What the code prints where its user is not root, whoever runs the tests."""
    imports = (
        "import os, tempfile\nfrom pathlib import Path\nfrom clearpost.ports import is_allowed, is_taken\n"
        "from clearpost.local_settings import LocalSettings\n"
        "from clearpost.stack import LocalStack, StackError\n"
        "if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)\n"
    )
    script = [sys.executable, "-c", imports + code]
    result = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_a_port_that_only_root_may_open_is_not_called_taken() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    expected = "False False" if first > 25 else "True False"
    assert as_nobody("print(is_allowed(25), is_taken(25))") == expected
    assert is_allowed(free_port())


@pytest.mark.parametrize("name", [".", "keys", "log"])
def test_a_folder_without_rights_names_its_true_remedy(name: str) -> None:
    code = f"""
with tempfile.TemporaryDirectory() as home:
    var = Path(home, "var")
    for folder in (var, var / "keys", var / "log"): folder.mkdir()
    (var / {name!r}).chmod(0o000)
    try: LocalStack(LocalSettings(var_dir=var), None)._prepare_folder()
    except StackError as error: print(str(error).replace(str(var), "VAR"))
    (var / {name!r}).chmod(0o700)
"""
    folder = "VAR" if name == "." else f"VAR/{name}"
    said = as_nobody(code)
    assert said.startswith(f"{folder} can't be written")
    assert f"`chmod u+rwx {folder}`" in said
    assert "CLEARPOST_VAR_DIR" in said
    assert "another user" not in said


def test_a_folder_of_another_user_is_said_to_be_one() -> None:
    code = """
try: LocalStack(LocalSettings(var_dir=Path("/etc/clearpost-var")), None)._prepare_folder()
except StackError as error: print(error)
"""
    assert "/etc belongs to another user; set CLEARPOST_VAR_DIR" in as_nobody(code)


def test_processes_are_told_of_the_stand_in_for_stripe_with_a_secret_of_this_start() -> None:
    local = LocalSettings(port_base=20_000)
    told, again = (process_environment(local, "", "") for _ in range(2))
    assert told["CLEARPOST_STRIPE_API_URL"] == f"http://localhost:{local.port('stripe_port')}"
    assert told["CLEARPOST_STRIPE_SECRET_KEY"].startswith("sk_test_")
    assert told["CLEARPOST_STRIPE_WEBHOOK_SECRETS"].startswith("whsec_")
    assert told["CLEARPOST_STRIPE_WEBHOOK_SECRETS"] != again["CLEARPOST_STRIPE_WEBHOOK_SECRETS"]


def test_beside_a_test_key_of_stripes_there_is_no_stand_in() -> None:
    local = LocalSettings(stripe_secret_key=SecretStr("sk_test_of_mine"))
    assert local.stripe_url == ""
    assert "CLEARPOST_STRIPE_API_URL" not in process_environment(local, "", "")
