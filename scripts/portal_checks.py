"""What `make check` holds the portal to; each says what is wrong, or nothing. Must change no source."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bootstrap import ROOT, VENV, SetupError
from scripts import build_portal
from scripts.build_portal import FRONTEND, Npm

_STAMP = VENV / "portal-checked"
_CLIENT = FRONTEND / "src" / "api" / "schema.d.ts"
_CATALOGUE = FRONTEND / "src" / "locales" / "en.po"


def portal() -> str:
    """Its sources and what is built of them. The same sources are not looked at twice."""
    wanted = build_portal.digest(everything=True)
    if _STAMP.exists() and _STAMP.read_text(encoding="ascii") == wanted:
        return ""
    try:
        npm = build_portal.find_npm()
        said = _lock() or _ran(npm, "check") or _messages(npm) or _budget(npm)
    except SetupError as error:
        return str(error)
    if not said:
        _STAMP.write_text(wanted, encoding="ascii")
    return said


def client() -> str:
    """The portal's types are those of the API as it stands."""
    with tempfile.TemporaryDirectory() as folder:
        document, made = Path(folder, "openapi.json"), Path(folder, "schema.d.ts")
        written = _output([sys.executable, "scripts/openapi.py", str(document)], ROOT)
        if written:
            return written
        tool = FRONTEND / "node_modules" / ".bin" / "openapi-typescript"
        npm = build_portal.find_npm()
        if said := _output([str(tool), str(document), "-o", str(made)], FRONTEND, npm.env):
            return said
        same = _CLIENT.exists() and made.read_bytes() == _CLIENT.read_bytes()
    return "" if same else "the API has changed: make types, and commit frontend/src/api/schema.d.ts"


def _lock() -> str:
    """No registry's name, and a hash for all that is fetched."""
    for path, about in json.loads((FRONTEND / "package-lock.json").read_text())["packages"].items():
        if "resolved" in about or (path and "integrity" not in about):
            return f"package-lock.json: {path} names where it is from, or has no hash: make lock"
    return ""


def _messages(npm: Npm) -> str:
    with tempfile.TemporaryDirectory() as folder:
        said = _ran(npm, "messages", {"CLEARPOST_LOCALES": folder})
        if said:
            return said
        fresh = Path(folder, "en.po").read_text(encoding="utf-8")
    there = _CATALOGUE.read_text(encoding="utf-8") if _CATALOGUE.exists() else ""
    same = _texts(fresh) == _texts(there)
    return "" if same else "texts have changed: make types, and commit frontend/src/locales/en.po"


def _texts(catalogue: str) -> str:
    """Without its head: that has a date, and more lines each time it is written over."""
    return catalogue.partition("\n\n")[2]


def _budget(npm: Npm) -> str:
    build_portal.build()
    return _ran(npm, "budget")


def _ran(npm: Npm, script: str, env: dict[str, str] | None = None) -> str:
    return _output([*npm.command, "run", "--silent", script], FRONTEND, {**npm.env, **(env or {})})


def _output(command: list[str], folder: Path, env: dict[str, str] | None = None) -> str:
    """What it said if it failed, else nothing."""
    result = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return (result.stdout.strip() or f"ended with {result.returncode}") if result.returncode else ""
