"""`pytest tests/schemas --write-golden` writes the golden bytes of the version at work, and `schemas/json/`, anew.

A version in `RELEASED` of test_golden.py is never written again: raise `VERSION` there, then run the same.
"""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-golden", action="store_true", help="write golden bytes and JSON Schemas anew")


@pytest.fixture
def write_golden(request: pytest.FixtureRequest) -> bool:
    """Whether files are to be written instead of compared."""
    return bool(request.config.getoption("--write-golden", default=False))
