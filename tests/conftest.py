"""What holds for all tests. Pytest must know the options of the conformance tests before it collects anything."""

import signal

import pytest

from conformance.summary import pytest_addoption, pytest_configure, pytest_terminal_summary

__all__ = ["pytest_addoption", "pytest_configure", "pytest_terminal_summary"]


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_is_heard():
    """A process that a shell started in the background ignores Ctrl-C, and so would its children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
