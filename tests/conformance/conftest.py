"""Options and summary of the conformance tests.

pytest tests/conformance --cases DIR --families base,callback
"""

from conformance.summary import pytest_addoption, pytest_configure, pytest_terminal_summary

__all__ = ["pytest_addoption", "pytest_configure", "pytest_terminal_summary"]
