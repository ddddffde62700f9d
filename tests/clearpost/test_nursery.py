"""The nursery's children are like `python -m module` on their own, and they die with us."""

import json
import subprocess
import sys
from pathlib import Path

import psutil

from tests.support.services import ROOT

PRELUDE = """
import json, os, signal, sys
from pathlib import Path
from clearpost.nursery import Nursery
from clearpost.process import Program
nursery = Nursery.start()
def program(name, *arguments):
    argv = (sys.executable, "-m", "nursed", *arguments)
    return Program(name, argv, Path(os.environ["FOLDER"]) / name, env={**os.environ, "NAME": name})
def wait(child):
    while child.poll() is None:
        signal.sigtimedwait([signal.SIGUSR1], 0.01)
    return child.poll()
"""

NURSED = """
import os, signal, sys
print(os.environ["NAME"], sys.argv[1:], flush=True)
if sys.argv[1] == "exit":
    sys.exit(int(sys.argv[2]))
if sys.argv[1] == "complain":
    sys.exit("a last word")
if sys.argv[1] == "raise":
    raise RuntimeError("a trace")
while True:
    signal.pause()
"""


def run(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    (folder / "nursed.py").write_text(NURSED)
    env = {"FOLDER": str(folder), "PYTHONPATH": f"{ROOT}:{folder}", "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        [sys.executable, "-c", PRELUDE + script],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_exit_codes_and_output_are_those_of_a_process_of_its_own(tmp_path: Path) -> None:
    script = """
codes = [wait(nursery.spawn(program(a, *b))) for a, *b in
         [("zero", "exit", "0"), ("seven", "exit", "7"), ("word", "complain"), ("trace", "raise")]]
killed = nursery.spawn(program("killed", "wait"))
killed.kill()
print(json.dumps([*codes, wait(killed)]))
"""
    result = run(tmp_path, script)
    assert (json.loads(result.stdout), result.stderr) == ([0, 7, 1, 1, -9], "")
    assert (tmp_path / "seven").read_text() == "seven ['exit', '7']\n"
    assert (tmp_path / "word").read_text().endswith("a last word\n")
    assert "RuntimeError at nursed.py:9" in (tmp_path / "trace").read_text()
    assert "a trace" not in (tmp_path / "trace").read_text(), "an exception's text may hold addresses"


def test_without_a_nursery_children_start_the_slow_way(tmp_path: Path) -> None:
    script = """
first = nursery.spawn(program("first", "wait"))
import psutil
psutil.Process(first.pid).parent().kill()
ended = wait(first)
print(json.dumps([ended, wait(nursery.spawn(program("second", "exit", "4"))), nursery.is_gone]))
"""
    assert json.loads(run(tmp_path, script).stdout) == [-15, 4, True]


def test_nursery_and_children_end_when_their_maker_is_killed(tmp_path: Path) -> None:
    script = """
child = nursery.spawn(program("child", "wait"))
import psutil
print(json.dumps([child.pid, psutil.Process(child.pid).ppid()]), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    pids = json.loads(run(tmp_path, script).stdout)
    left = [process for process in psutil.process_iter() if process.pid in pids]
    _, alive = psutil.wait_procs(left, timeout=5)
    assert not alive
