"""What all tests of faults have in common."""

import pytest

from faults.victim import beginning_with
from stepwell.adapters.stores.sqlite import database


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """Nobody cuts the power of the tests themselves: they need not wait for the disk."""
    monkeypatch.setattr(database, "_check", beginning_with("PRAGMA synchronous = OFF"))
