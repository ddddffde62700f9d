"""The units of deploy/systemd: systemd understands them, what they start exists, they may do little else."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.main import get_command

from clearpost.cli import app
from tests.support.services import ROOT

SOURCE = ROOT / "deploy" / "systemd"
SYSTEM = Path("/usr/lib/systemd/system")
PROGRAM = "/opt/clearpost/.venv/bin/clearpost"
SERVICES = (
    "clearpost-mx-standard@1.service",
    "clearpost-mx-fast@1.service",
    "clearpost-worker-standard@1.service",
    "clearpost-worker-fast@1.service",
    "clearpost-upkeep.service",
    "clearpost-api.service",
)
# systemd counts in tenths from 0 (nothing allowed) to 10; network access alone costs about 1.
HIGHEST_EXPOSURE = 20


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A machine's root folder with our units, systemd's own targets, and something to execute."""
    root = tmp_path_factory.mktemp("root")
    shutil.copytree(SOURCE, root / "etc" / "systemd" / "system")
    targets = root / "usr" / "lib" / "systemd" / "system"
    targets.mkdir(parents=True)
    for target in SYSTEM.glob("*.target"):
        shutil.copy(target, targets, follow_symlinks=False)
    program = root / PROGRAM.lstrip("/")
    program.parent.mkdir(parents=True)
    shutil.copy("/bin/true", program)
    return root


def analyze(root: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = ["systemd-analyze", "--no-pager", f"--root={root}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("unit", ["clearpost.target", *SERVICES])
def test_systemd_has_nothing_to_complain_about(root: Path, unit: str) -> None:
    result = analyze(root, "verify", "--man=no", unit)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


def test_a_wrong_setting_would_be_complained_about(root: Path, tmp_path: Path) -> None:
    """Otherwise the test above proves nothing."""
    broken = tmp_path / "root"
    shutil.copytree(root, broken, symlinks=True)
    unit = broken / "etc" / "systemd" / "system" / "clearpost-api.service"
    unit.write_text(unit.read_text() + "\n[Service]\nNoSuchSetting=yes\n")
    assert "NoSuchSetting" in analyze(broken, "verify", "--man=no", unit.name).stderr


@pytest.mark.parametrize("unit", SERVICES)
def test_a_service_may_do_little(root: Path, unit: str) -> None:
    result = analyze(root, "security", "--offline=true", f"--threshold={HIGHEST_EXPOSURE}", unit)
    assert result.returncode == 0, result.stdout[-200:]


def test_every_unit_is_checked() -> None:
    files = {path.name for path in SOURCE.glob("*.service")}
    assert files == {unit.replace("@1.", "@.") for unit in SERVICES}


@pytest.mark.parametrize("unit", SERVICES)
def test_a_unit_starts_a_command_that_exists(unit: str) -> None:
    (line,) = re.findall(rf"^ExecStart={PROGRAM} (.*)$", _text(unit), re.MULTILINE)
    name, *options = line.split()
    command = get_command(app).commands[name]  # type: ignore[attr-defined]
    assert _accepts(command, options)


def test_only_the_mx_may_take_a_low_port() -> None:
    for unit in SERVICES:
        allowed = re.findall(r"^CapabilityBoundingSet=(.*)$", _text(unit), re.MULTILINE)
        assert allowed == (["CAP_NET_BIND_SERVICE"] if "-mx-" in unit else [""])


def test_a_stop_waits_longer_than_a_server_may_take_after_the_dot() -> None:
    common = (SOURCE / "clearpost-.service.d" / "10-common.conf").read_text()
    assert "\nTimeoutStopSec=11min\n" in common


def _text(unit: str) -> str:
    return (SOURCE / unit.replace("@1.", "@.")).read_text()


def _accepts(command: object, options: Sequence[str]) -> bool:
    """Raises what typer raises for an option it does not know."""
    command.make_context("clearpost", list(options), resilient_parsing=False)  # type: ignore[attr-defined]
    return True
