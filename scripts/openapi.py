"""Write the document of which the portal's client is made: `openapi.py FILE`. Must never need a server."""

import json
import sys
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import Any

from api.app import create_app
from api.runtime import ApiRuntime
from mailcore.clock import Clock
from mailcore.keyring import Keyring
from mailcore.settings import Settings


def document() -> dict[str, Any]:
    """As `/openapi.json` says it. No request is made, so there is nothing to answer one with."""
    absent: dict[str, Any] = dict.fromkeys(part.name for part in fields(ApiRuntime))
    with tempfile.TemporaryDirectory() as folder:
        there = {"settings": Settings(), "clock": Clock(), "keyring": Keyring(Path(folder))}
        runtime = ApiRuntime(**{**absent, **there})
        return create_app(runtime).openapi()


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(document(), indent=1), encoding="utf-8")
