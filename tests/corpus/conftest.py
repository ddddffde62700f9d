"""The house of the corpus: that of the journeys."""

from tests.journeys.conftest import opened as opened
