"""Where real servers have their files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that a server may still enter when it has become another user; pytest's own are for root alone."""
    with tempfile.TemporaryDirectory(prefix="harden-server-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path
