"""The kinds of values that settings have in the environment, where everything is text.

Must never hold a setting.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import IPvAnyNetwork
from pydantic_settings import NoDecode

CommaList = Annotated[tuple[str, ...], NoDecode]
NetworkList = Annotated[tuple[IPvAnyNetwork, ...], NoDecode]
DurationList = Annotated[tuple[timedelta, ...], NoDecode]
Names = Annotated[dict[str, str], NoDecode]
