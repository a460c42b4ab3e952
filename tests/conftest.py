"""Options and summary of the conformance tests: pytest must know them before it collects anything."""

from conformance.summary import pytest_addoption, pytest_configure, pytest_terminal_summary

__all__ = ["pytest_addoption", "pytest_configure", "pytest_terminal_summary"]
