"""What a value is on the path of a message: a slotted dataclass that mypy holds frozen.

`frozen=True` would set each field by a call of its own, four times the cost, and a message has sixty of them.
Must never be used for what is handed to code that mypy does not check.
"""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(cls: type[T]) -> type[T]:
    """Compared and hashed by its fields, like a frozen dataclass."""
    return dataclass(slots=True, unsafe_hash=True)(cls)
