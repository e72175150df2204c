"""The three hosts that boot, set up once for each file of tests and taken away after it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support.hosts.fleet import Fleet, missing


@pytest.fixture(scope="module", name="fleet")
def booted_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Boot the hosts; a machine that cannot is skipped, but in CI, where that would be a test that never ran."""
    lacking = missing()
    if lacking:
        message = f"hosts need {', '.join(lacking)}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    one = Fleet(tmp_path_factory.mktemp("fleet") / "f")
    try:
        one.start()
        one.inventory()
        yield one
    finally:
        one.stop()
