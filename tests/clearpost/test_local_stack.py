"""`clearpost demo` and `clearpost up` as a person meets them: one message, one stack, nothing left behind."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import pytest

from clearpost.embedded.postgres import remove
from clearpost.local_settings import PORTS
from clearpost.ports import is_taken
from tests.support.browser import Browser
from tests.support.services import ROOT

FIRST_BASE, LAST_BASE = 20_000, 32_000  # below the range the kernel hands out by itself


@dataclass
class Stack:
    """The command, in a folder and on ports of its own."""

    var: Path
    base: int
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        ours = {"CLEARPOST_VAR_DIR": str(self.var), "CLEARPOST_PORT_BASE": str(self.base)}
        return {**os.environ, **ours}

    def run(self, command: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "clearpost", command],
            cwd=ROOT,
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def start(self) -> tuple[subprocess.Popen[str], list[str]]:
        """`clearpost up`, once it says that it runs; and what it said until then."""
        process = subprocess.Popen(
            [sys.executable, "-m", "clearpost", "up"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(process)
        lines = []
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            if "Ctrl-C stops everything" in line:
                return process, lines
        raise AssertionError("it ended: " + "\n".join(lines))

    def family(self) -> list[psutil.Process]:
        """Every process on this machine that works in our folder's name."""
        mine = []
        for process in psutil.process_iter(["environ", "cmdline", "cwd"]):
            text = " ".join([*(process.info["cmdline"] or []), process.info["cwd"] or ""])
            var = (process.info["environ"] or {}).get("CLEARPOST_VAR_DIR")
            if str(self.var) in text or var == str(self.var):
                mine.append(process)
        return mine


def free_base() -> int:
    """A row of ports; another test session on this machine looks elsewhere."""
    for attempt in range(100):
        base = FIRST_BASE + (os.getpid() + attempt) * 50 % (LAST_BASE - FIRST_BASE)
        if not any(is_taken(port) for port in range(base, base + len(PORTS))):
            return base
    raise AssertionError("no row of free ports")


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    made = Stack(tmp_path / "var", free_base())
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    psutil.wait_procs(made.family(), timeout=10)
    remove(made.var / "postgres")


def test_demo_delivers_a_message_leaves_no_byte_and_no_process(stack: Stack) -> None:
    result = stack.run("demo")
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    events = re.findall(r"^  \d\d:\d\d:\d\d\.\d{3}  (\S+)", result.stdout, re.MULTILINE)
    assert events == ["received", "delivered"]
    assert "bytes are gone" in result.stdout
    assert stack.family() == []


def test_beside_a_live_key_of_stripes_nothing_starts(stack: Stack) -> None:
    result = stack.run("up", CLEARPOST_STRIPE_SECRET_KEY="sk_live_1")
    assert result.returncode == 1
    assert "CLEARPOST_STRIPE_SECRET_KEY is a live key" in result.stderr
    assert "sk_live_1" not in result.stdout + result.stderr
    assert not stack.var.exists()


def test_up_runs_once_and_ctrl_c_ends_all_of_it(stack: Stack) -> None:
    process, lines = stack.start()
    assert any(f"http://localhost:{stack.base + 1}" in line for line in lines)
    with urllib.request.urlopen(f"http://localhost:{stack.base + 1}/", timeout=5) as page:
        assert b"A first message through Clearpost" in page.read()
    second = stack.run("up")
    assert second.returncode == 1
    assert f"already runs here (process {process.pid}, http://localhost:{stack.base})" in second.stderr
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert stack.family() == []


def test_people_sign_in_by_the_link_that_is_printed_and_by_the_local_provider(stack: Stack) -> None:
    process, lines = stack.start()
    assert process.stdout is not None
    url = f"http://localhost:{stack.base}"
    assert any(line.startswith(f"  Portal      {url}/overview") for line in lines)
    with Browser() as owner:
        owner.open(f"{url}/auth/sign-in")
        owner.send("/auth/link", email="you@inbox.test")
        printed = process.stdout.readline().split()
        assert printed[:4] == ["sign-in", "link", "for", "you@inbox.test:"]
        owner.open(printed[4])
        owner.send("/auth/link")
        assert owner.http.get(f"{url}/v1/account").json()["name"] == "Demo"
    with Browser() as ada:
        ada.open(f"{url}/auth/sign-in")
        ada.send("/auth/providers/local")
        ada.send("/authorize", email="ada@inbox.test")
        assert str(ada.page.url) == f"{url}/overview"  # whether the portal is built is not asked here
        assert ada.http.get(f"{url}/v1/account").status_code == 200
    with Browser() as eve:
        eve.open(f"{url}/auth/sign-in")
        eve.send("/auth/providers/local")
        eve.send("/authorize", email="you@inbox.test", unverified="on")
        assert eve.http.get(f"{url}/v1/account").status_code == 401
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert stack.family() == []


def test_a_plan_is_bought_on_pages_and_is_there_within_seconds(stack: Stack) -> None:
    process, lines = stack.start()
    url = f"http://localhost:{stack.base}"
    assert any(line.startswith("  Stripe") and "/control" in line for line in lines)
    with Browser() as ada:
        ada.open(f"{url}/auth/sign-in")
        ada.send("/auth/providers/local")
        ada.send("/authorize", email="ada@inbox.test")
        wanted = {"plan": "premium", "interval": "year"}
        page = ada.http.post(f"{url}/v1/billing/checkout", json=wanted, headers={"Origin": url}).json()
        ada.open(page["url"])
        assert "90.00 USD a year" in ada.page.text
        ada.send("", card="works", code="WELCOME")
        assert str(ada.page.url).startswith(f"{url}/billing")
        paid = time.monotonic()
        while ada.http.get(f"{url}/v1/account").json()["plan"] != "premium":
            assert time.monotonic() - paid < 5
            time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0


def test_a_killed_process_comes_back_and_a_killed_stack_starts_again(stack: Stack) -> None:
    process, _ = stack.start()
    assert process.stdout is not None
    os.kill(_listener(stack.base + 2), signal.SIGKILL)
    assert "mx standard ended (killed by SIGKILL)" in process.stdout.readline()
    assert "mx standard is ready again" in process.stdout.readline()
    process.kill()
    process.wait()
    result = stack.run("demo")
    assert result.returncode == 0, result.stdout + result.stderr
    assert stack.family() == []


def _listener(port: int) -> int:
    """The pid that listens there."""
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and getattr(connection.laddr, "port", 0) == port:
            return connection.pid or 0
    raise AssertionError(f"nobody listens on {port}")


def test_a_port_in_use_is_one_line_with_holder_and_setting(stack: Stack, tmp_path: Path) -> None:
    import_server = [sys.executable, "-m", "http.server", str(stack.base + 2), "--bind", "127.0.0.1"]
    with subprocess.Popen(
        import_server, stderr=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=tmp_path
    ) as other:
        while not is_taken(stack.base + 2):
            assert other.poll() is None
        result = stack.run("up")
        other.kill()
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"clearpost: port {stack.base + 2} is in use by python")
    assert "set CLEARPOST_MX_PORT" in line


def test_a_folder_that_cannot_be_made_is_one_line(stack: Stack) -> None:
    stack.var.parent.joinpath("file").write_text("")
    stack.var = stack.var.parent / "file" / "var"
    result = stack.run("up")
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert "can't be written" in line
    assert "CLEARPOST_VAR_DIR" in line


def test_up_runs_without_a_demo_address_and_a_second_ctrl_c_hurries(stack: Stack) -> None:
    process, lines = stack.start()
    assert process.stdout is not None
    key = next(line.split()[-1] for line in lines if "API key" in line)
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=f"http://localhost:{stack.base}", headers=headers) as api:
        for alias in api.get("/v1/aliases").json()["data"]:
            api.patch(f"/v1/aliases/{alias['id']}", json={"enabled": False})
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert "again" not in process.stdout.read()
    again, lines = stack.start()
    assert any("no first message this time: our MX refused" in line for line in lines)
    again.send_signal(signal.SIGINT)
    assert again.wait(30) == 0
    assert stack.run("demo").returncode == 1
    assert stack.family() == []


def test_a_wrong_setting_is_one_line(stack: Stack) -> None:
    result = stack.run("up", CLEARPOST_API_PORT="many")
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("clearpost: CLEARPOST_API_PORT: ")
    wrong = stack.run("demo", CLEARPOST_ROUTES="bogus")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == "clearpost: CLEARPOST_ROUTES: write each route as domain=host:port, not 'bogus'\n"
    assert stack.run("up", CLEARPOST_STANDARD_LADDER="soon").stderr.startswith("clearpost: ")
