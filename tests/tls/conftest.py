"""`--regolden`: write the golden files anew instead of comparing with them. No test here is about speed."""

from __future__ import annotations

import pytest
from hypothesis import settings

# the first example of a test may load the registry, which takes longer than hypothesis gives it on a busy machine
settings.register_profile("any-machine", deadline=None)
settings.load_profile("any-machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regolden", action="store_true", help="write the golden files anew")
