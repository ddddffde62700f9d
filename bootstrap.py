"""Set up what is needed with nothing but Python: `python3 bootstrap.py run|dev|corpus|portal|npm|peers|lock`.

run: `.venv` with what the service needs. dev: that and the tools for tests and checks. corpus: other
projects' test mail, unpacked from their source distributions. portal: the portal, built by
scripts/build_portal.py. npm: what checks of it need. peers: mail software in Node that checks ours. lock:
resolve the lock files (but that of the corpus) anew.
Runs on the standard library alone, and does nothing when all is as the locks say already. Must never
install anything that is not named, with its hash, in a lock file.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
TOOLS = VENV / ".uv"
STAMP = VENV / "clearpost.json"
LOG = VENV / "setup.log"
LOCKS = {"run": "requirements.lock", "dev": "requirements-dev.lock"}
UV_LOCK = "requirements-uv.lock"
CORPUS = VENV / "corpus"
CORPUS_LOCK = "requirements-corpus.lock"
PORTAL_SCRIPT = ROOT / "scripts" / "build_portal.py"
BASE_PYTHON = str(getattr(sys, "_base_executable", sys.executable))

SCRIPT = """#!/bin/sh
exec "$(dirname -- "$0")/python" -m clearpost "$@"
"""


class SetupError(Exception):
    """Set-up can't go on; the text is one line that says what to do."""


def main(arguments: list[str]) -> int:
    """Bring `.venv` to the wanted kind; returns the exit code."""
    if len(arguments) != 1 or arguments[0] not in KINDS:
        return fail(f"usage: python3 bootstrap.py {'|'.join(KINDS)}")
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever runs this by hand may have an older one
        return fail(f"Clearpost needs Python 3.11 or later, this is {sys.version.split()[0]}")
    return attempt(lambda: KINDS[arguments[0]](arguments[0]))


def attempt(work: Callable[[], None]) -> int:
    """The exit code: 0, or 1 with one line that says why."""
    try:
        work()
    except SetupError as error:
        return fail(str(error))
    except OSError as error:
        return fail(f"{error.filename or ROOT}: {error.strerror}")
    except KeyboardInterrupt:
        return fail("stopped; the next start goes on from here")
    return 0


def fail(text: str) -> int:
    print(f"bootstrap: {text}", file=sys.stderr)
    return 1


def _wanted(kind: str) -> dict[str, str]:
    """What the stamp says when all is set up. The place counts too: a moved environment has stale paths."""
    lock = hashlib.sha256((ROOT / LOCKS[kind]).read_bytes()).hexdigest()
    return {"kind": kind, "lock": lock, "root": str(ROOT)}


def _is_current(kind: str) -> bool:
    """Whether `.venv` holds this lock, or, for run, the larger dev lock."""
    kinds = ("run", "dev") if kind == "run" else ("dev",)
    return PYTHON.exists() and any(_stamp() == _wanted(name) for name in kinds)


def _stamp() -> dict[str, str]:
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def _set_up(kind: str) -> None:
    if _is_current(kind):
        return
    started = time.monotonic()
    take_folder()
    uv = _uv()
    if not PYTHON.exists():
        say("making the virtual environment")
        run(uv, "venv", "--quiet", "--allow-existing", "--no-project", "--python", BASE_PYTHON, str(VENV))
    say(f"installing the locked packages ({LOCKS[kind]})")
    STAMP.unlink(missing_ok=True)
    run(uv, "pip", "sync", "--quiet", "--python", str(PYTHON), "--require-hashes", str(ROOT / LOCKS[kind]))
    _add_project()
    STAMP.write_text(json.dumps(_wanted(kind)), encoding="utf-8")
    say(f"done in {time.monotonic() - started:.1f} s")


def take_folder() -> None:
    """`.venv` must be ours to change, and made in this place: otherwise it starts over, or says why not."""
    if os.path.lexists(VENV) and not os.access(VENV, os.W_OK):
        raise SetupError(f"{VENV} belongs to another user: remove it, or use a checkout of your own")
    if not VENV.exists() and not os.access(ROOT, os.W_OK):
        raise SetupError(f"{ROOT} can't be written: use a checkout of your own")
    if _stamp().get("root", str(ROOT)) != str(ROOT):
        shutil.rmtree(VENV)
    VENV.mkdir(exist_ok=True)


def _uv() -> str:
    """The pinned `uv`, kept beside the environment it manages."""
    return str(tool("uv", UV_LOCK) / "bin" / "uv")


def tool(name: str, lock_file: str) -> Path:
    """The folder of a pinned program; installed by whatever pip there is. Complete once it has its name."""
    lock = ROOT / lock_file
    pinned = lock.read_text(encoding="utf-8").split()[0].partition("==")[2]
    folder = VENV / f".{name}" / pinned
    if not folder.exists():
        say(f"installing {name} {pinned}")
        draft = folder.with_name(f"{pinned}.new")
        shutil.rmtree(draft, ignore_errors=True)
        pip = [*_pip(), "install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-deps"]
        run(*pip, "--target", str(draft), "--require-hashes", "--only-binary=:all:", "-r", str(lock))
        draft.rename(folder)
    return folder


def _pip() -> list[str]:
    """pip of this Python, or one from its own `ensurepip` in a throw-away environment."""
    if _works(BASE_PYTHON, "-m", "pip", "--version"):
        return [BASE_PYTHON, "-m", "pip"]
    if not _works(BASE_PYTHON, "-c", "import venv, ensurepip; ensurepip.version()"):
        raise SetupError(f"{BASE_PYTHON} has neither pip nor venv (Debian: apt-get install python3-venv)")
    helper = TOOLS / "pip"
    run(BASE_PYTHON, "-m", "venv", "--clear", str(helper))
    return [str(helper / "bin" / "python"), "-m", "pip"]


def _works(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _add_project() -> None:
    """Put the checkout on the path of its environment, with the command `clearpost`: no build step needed."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    (Path(site) / "clearpost.pth").write_text(f"{ROOT}\n", encoding="utf-8")
    script = VENV / "bin" / "clearpost"
    script.write_text(SCRIPT, encoding="utf-8")
    script.chmod(0o755)


def _fetch_corpus(_: str) -> None:
    """The copy of the lock file beside what it names is written last: it says that all is there."""
    lock = (ROOT / CORPUS_LOCK).read_bytes()
    stamp = CORPUS / CORPUS_LOCK
    if stamp.exists() and stamp.read_bytes() == lock:
        return
    say(f"fetching test mail of other projects ({CORPUS_LOCK})")
    take_folder()
    shutil.rmtree(CORPUS, ignore_errors=True)
    CORPUS.mkdir()
    fetch = [*_pip(), "download", "--quiet", "--no-input", "--disable-pip-version-check", "--no-deps"]
    fetch += ["--no-binary=:all:", "--require-hashes", "-r", str(ROOT / CORPUS_LOCK)]
    with tempfile.TemporaryDirectory(dir=CORPUS) as folder:
        run(*fetch, "--dest", folder)
        for archive in sorted(Path(folder).iterdir()):
            _unpack(archive)
    stamp.write_bytes(lock)


def _unpack(archive: Path) -> None:
    """Its plain files, and nothing outside the corpus."""
    with tarfile.open(archive) as tar:
        for member in tar:
            name, file = PurePath(member.name), tar.extractfile(member)
            if file is None or not member.isfile() or name.is_absolute() or ".." in name.parts:
                continue
            (CORPUS / name).parent.mkdir(parents=True, exist_ok=True)
            (CORPUS / name).write_bytes(file.read())


def _lock(_: str) -> None:
    """Resolve for every Python and machine we support; no registry's name goes into the files."""
    VENV.mkdir(exist_ok=True)
    resolve = [_uv(), "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--upgrade"]
    resolve += ["--generate-hashes", "--no-emit-index-url", "--no-header", "--no-annotate", "pyproject.toml"]
    run(*resolve, "-o", LOCKS["run"])
    run(*resolve, "--extra", "dev", "-c", LOCKS["run"], "-o", LOCKS["dev"])
    _portal("lock")


def _portal(kind: str) -> None:
    """In a file of its own, in this process's place."""
    os.execv(sys.executable, [sys.executable, "-I", str(PORTAL_SCRIPT), kind])


def run(*command: str, folder: Path = ROOT, env: Mapping[str, str] | None = None) -> None:
    """Run quietly; what it said goes to the log, the cause of a failure into the error."""
    result = subprocess.run(
        command,
        cwd=folder,
        env={**environment(), **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"$ {' '.join(command)}\n{result.stdout}\n")
    if result.returncode != 0:
        cause = _cause(result.stdout)
        raise SetupError(f"{Path(command[0]).name} failed: {cause[:300]} (all of it is in {LOG})")


def _cause(output: str) -> str:
    """The first line that tells of an error, and the innermost cause that uv or pip names below it."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"^(npm )?error|: error ", line, re.IGNORECASE)]
    causes = [line for line in lines if line.lower().startswith("caused by:")]
    return " ".join([*errors[:1], *causes[-1:]] or lines[-1:] or ["it said nothing"])


def environment() -> dict[str, str]:
    """No other environment's paths, no Python from elsewhere; a cache of our own where there is no home."""
    kept = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    kept |= {"UV_PYTHON_DOWNLOADS": "never", "UV_LINK_MODE": "copy"}
    kept.setdefault("UV_SYSTEM_CERTS", "1")  # where this machine trusts a proxy, so does its pip
    if not os.access(Path("~").expanduser(), os.W_OK):
        kept |= {"UV_CACHE_DIR": str(TOOLS / "cache"), "PIP_NO_CACHE_DIR": "1"}
    return kept


def say(text: str) -> None:
    print(f"set-up: {text}", flush=True)


KINDS: dict[str, Callable[[str], None]] = {
    "run": _set_up,
    "dev": _set_up,
    "corpus": _fetch_corpus,
    "portal": _portal,
    "npm": _portal,
    "peers": _portal,
    "lock": _lock,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
