"""`python -m customers.policy` writes docs/policy.md; with --check it only says whether it is up to date.

Must never write while a column of the tables has no line.
"""

import sys
from pathlib import Path
from typing import Final

from customers.policy import page
from customers.policy.lines import wrong_with

PATH: Final = Path(__file__).resolve().parents[2] / "docs" / "policy.md"


def main(arguments: list[str]) -> str:
    """What is wrong, or nothing."""
    if wrong := wrong_with(page.ROWS):
        return "\n".join(["the policy is not whole (customers/policy):", *wrong])
    text = page.markdown(page.sections())
    if arguments != ["--check"]:
        PATH.write_text(text, encoding="utf-8")
    elif PATH.read_text(encoding="utf-8") != text:
        return "docs/policy.md is not what the tables say: python -m customers.policy"
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) or None)
