"""The little host, once, and once per interpreter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.host import databases
from tests.support.host.little import AGES, Little, interpreter


@pytest.fixture
def little(tmp_path: Path) -> Little:
    return Little(tmp_path / "host")


@pytest.fixture(params=AGES)
def aged(request: pytest.FixtureRequest, tmp_path: Path) -> Little:
    """The little host, changed by each of the Pythons that the agent promises."""
    return Little(tmp_path / "host", python=interpreter(request.param))


@pytest.fixture(scope="module")
def mariadb() -> Iterator[databases.Database]:
    with databases.mariadb() as one:
        yield one


@pytest.fixture(scope="module")
def postgresql() -> Iterator[databases.Database]:
    with databases.postgresql() as one:
        yield one
