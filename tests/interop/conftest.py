"""The house of the interop tests: that of the journeys, with the programs they need checked by the suite."""

from tests.journeys.conftest import opened as opened
